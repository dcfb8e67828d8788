import { randomBytes } from 'node:crypto';
import type { SigningKeys } from '../../src/domain/audit/signing';

/** Signing keys of a log, with so many seeds; the first one signs. */
export function signingKeys(seeds = 1): SigningKeys {
  return {
    seeds: Array.from({ length: seeds }, (_, n) => ({ id: `c${n + 1}`, key: randomBytes(32) })),
    hmac: { id: 'h1', key: randomBytes(32) },
  };
}

/** What a worker's environment has for the audit log. */
export function auditVariables(sequencerUrl: string): Record<string, string> {
  const { seeds, hmac } = signingKeys();
  const named = ({ id, key }: { id: string; key: Buffer }): string =>
    `${id}:${key.toString('base64')}`;
  return {
    DATABASE_SEQUENCER_URL: sequencerUrl,
    AUDIT_CHECKPOINT_KEYS: seeds.map(named).join(','),
    AUDIT_SIGNING_KEY: named(hmac),
  };
}
