// The Merkle tree and signed notes of sigstore, which know nothing of Usher: what they accept, others will.
import { createPublicKey } from 'node:crypto';
import { verifyCheckpoint as checkCheckpoint } from '@sigstore/verify/dist/tlog/checkpoint';
import { verifyMerkleInclusion as checkInclusion } from '@sigstore/verify/dist/tlog/merkle';

type Entry = Parameters<typeof checkInclusion>[0];

/** Throws unless a proof leads from a leaf to the root. */
export function verifyMerkleInclusion(given: {
  readonly leaf: string;
  readonly index: number;
  readonly size: number;
  readonly root: Buffer;
  readonly proof: readonly Buffer[];
}): void {
  const entry = {
    canonicalizedBody: Buffer.from(given.leaf),
    inclusionProof: { logIndex: String(given.index), hashes: [...given.proof] },
  };
  const checkpoint = { logSize: BigInt(given.size), logHash: given.root };
  checkInclusion(entry as unknown as Entry, checkpoint as never);
}

/** What a note says, as sigstore reads it; throws unless the key has signed it. */
export function verifyCheckpoint(
  note: string,
  vkey: string,
): { origin: string; size: number; root: Buffer } {
  const [, name = '', keyId = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const raw = Buffer.from(encoded, 'base64');
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.subarray(1).toString('base64url') },
    format: 'jwk',
  });
  const log = { logID: Buffer.from(keyId, 'hex'), baseURL: name, publicKey };
  const entry = { inclusionProof: { checkpoint: { envelope: note } } };
  const { origin, logSize, logHash } = checkCheckpoint(entry as never, [log] as never);
  return { origin, size: Number(logSize), root: logHash };
}
