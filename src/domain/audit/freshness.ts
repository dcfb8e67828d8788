import { setTimeout as sleep } from 'node:timers/promises';
import type { Tx } from '../../platform/db';

/** Opens a transaction in the scope of the reader. */
export type InScope = <T>(fn: (tx: Tx) => Promise<T>) => Promise<T>;

/** Longest time that a read waits for entries to get into the log. */
const readPatienceMs = 1_000;
const lookMs = 15;

/**
 * Waits until every entry that was committed and visible to the reader on arrival is in the log, so that whoever has
 * just written finds what they wrote. Holds no connection while it waits, at most a second, and not at all for a
 * sequencer that is silent.
 * @param tenantId the only tenant whose entries matter; null for all that the reader may see
 * @param patienceMs for what needs them more than a read does: then also a silent sequencer is waited for
 * @returns undefined, or for how many seconds entries have been waiting when they still do
 */
export async function settleEntries(
  inScope: InScope,
  tenantId: string | null,
  patienceMs?: number,
): Promise<number | undefined> {
  const began = performance.now();
  const { pids, lag, silent } = await inScope((tx) =>
    tx.one<{ pids: string[]; lag: number; silent: boolean }>(
      'select pids, lag, silent from audit_waiting($1)',
      [tenantId],
    ),
  );
  let waiting = pids;
  const patience = patienceMs ?? (silent ? 0 : readPatienceMs);
  while (waiting.length > 0 && performance.now() - began < patience) {
    await sleep(lookMs);
    const given = waiting;
    ({ pids: waiting } = await inScope((tx) =>
      tx.one<{ pids: string[] }>('select audit_still_waiting($1) as pids', [given]),
    ));
  }
  return waiting.length === 0 ? undefined : lag + (performance.now() - began) / 1000;
}
