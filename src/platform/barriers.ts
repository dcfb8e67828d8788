import { setTimeout as sleep } from 'node:timers/promises';
import { withOperator } from './db';
import type { Database, Tx } from './db';

/** Milliseconds that a barrier waits beyond the longest lease: for timers that fire early and answers on their way. */
export const barrierMarginMs = 50;

/**
 * The end of something that verifiers may still hold for good: a key, a tenant. Once `passed` has resolved no
 * verification that is received anywhere is answered from before the commit.
 */
export interface Barrier {
  /**
   * Waits, on the monotonic clock, until the longest lease has run out since the COMMIT of the barrier's transaction
   * returned.
   * @throws Error when that transaction has not committed
   */
  passed(): Promise<void>;
}

/**
 * Makes a transaction the writing side of a barrier: it commits synchronously, and the longest lease is read under a
 * lock, so that one who raises it waits for the commit and nobody can hold a lease that this barrier does not know
 * of. A repeat, which finds the row dead already, opens one all the same: the first may have answered nobody.
 *
 * @example
 * const barrier = await withTenant(db, tenantId, async (tx) => {
 *   const barrier = await openBarrier(tx);
 *   await revoke(tx, keyId);
 *   return barrier;
 * });
 * await barrier.passed(); // and only then the answer
 */
export async function openBarrier(tx: Tx): Promise<Barrier> {
  await tx.run(`select set_config('synchronous_commit', 'on', true)`);
  const { maxLeaseMs } = await tx.one<{ maxLeaseMs: number }>(
    `select max_lease_ms as "maxLeaseMs" from verification_settings for share`,
  );
  let committedAt: number | undefined;
  tx.afterCommit(() => {
    committedAt = performance.now();
  });
  return {
    async passed() {
      if (committedAt === undefined) throw new Error('The barrier was awaited before its commit');
      const end = committedAt + maxLeaseMs + barrierMarginMs;
      // A timer may fire a little early.
      for (let rest = end - performance.now(); rest > 0; rest = end - performance.now()) {
        await sleep(Math.ceil(rest));
      }
    },
  };
}

/** The longest lease that any verifier may hold, in milliseconds. */
export async function readMaxLease(tx: Tx): Promise<number> {
  const row = await tx.one<{ maxLeaseMs: number }>(
    'select max_lease_ms as "maxLeaseMs" from verification_settings',
  );
  return row.maxLeaseMs;
}

/**
 * Sets the longest lease, in milliseconds. Raise it before verifiers with that lease are rolled out; lower it one
 * lease after the last of them has ended.
 */
export async function setMaxLease(
  db: Database,
  actorId: string,
  maxLeaseMs: number,
): Promise<void> {
  await withOperator(db, actorId, (tx) =>
    tx.run(
      'update verification_settings set max_lease_ms = $1, updated_by = $2, updated_at = now()',
      [maxLeaseMs, actorId],
    ),
  );
}
