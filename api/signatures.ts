import { latestCheckpoint } from '../src/domain/audit/checkpoints';
import type { Checkpoint } from '../src/domain/audit/checkpoints';
import { askSignature, readSignature } from '../src/domain/audit/signing-desk';
import type { SignatureRequest } from '../src/domain/audit/signing-desk';
import { DomainError } from '../src/errors/problems';
import { withSystem } from '../src/platform/db';
import type { Database, Tx } from '../src/platform/db';
import { pollUntil } from './poll';

/** Longest time that a request waits for a worker's signature, in milliseconds. */
export const signedWithinMs = 5_000;

/** Has a worker sign something, and waits for it; undefined when none does in time. */
export async function orderSignature(
  db: Database,
  request: SignatureRequest,
  actorId: string,
  also: (tx: Tx) => Promise<unknown> = () => Promise.resolve(),
): Promise<string | undefined> {
  const id = await withSystem(db, 'audit', async (tx) => {
    await also(tx);
    return askSignature(tx, request, actorId);
  });
  return pollUntil(
    () => withSystem(db, 'audit', (tx) => readSignature(tx, id), { readOnly: true }),
    (signed) => signed !== undefined,
    signedWithinMs,
  );
}

/**
 * Has a worker sign the head of the log, and waits for it.
 * @throws DomainError `signer-unavailable`
 */
export async function orderCheckpoint(
  db: Database,
  actorId: string,
  also?: (tx: Tx) => Promise<unknown>,
): Promise<Checkpoint> {
  const note = await orderSignature(db, { kind: 'checkpoint' }, actorId, also);
  const latest = await withSystem(db, 'audit', latestCheckpoint, { readOnly: true });
  if (note === undefined || !latest) throw new DomainError('signer-unavailable');
  return latest;
}
