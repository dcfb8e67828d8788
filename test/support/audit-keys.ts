import { randomBytes } from 'node:crypto';
import type { SigningKeys } from '../../src/domain/audit/signing';

/** Signing keys of a log, with so many seeds; the first one signs. */
export function signingKeys(seeds = 1): SigningKeys {
  return {
    seeds: Array.from({ length: seeds }, (_, n) => ({ id: `c${n + 1}`, key: randomBytes(32) })),
    hmac: { id: 'h1', key: randomBytes(32) },
  };
}
