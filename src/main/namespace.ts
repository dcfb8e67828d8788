import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { wakeAllRotationsFrom } from '../domain/api-keys/reconciler';
import { wakeArchiveFrom } from '../domain/archive/reconciler';
import { wakeAllFrom } from '../domain/onboarding/reconciler';
import { wakeTrialsFrom } from '../domain/tenants/trials';
import { wakeTenantsFrom } from '../domain/tenants/wake';
import { withSystem } from '../platform/db';
import type { Tx } from '../platform/db';
import { readState, takeState, writeState } from '../platform/system-state';
import type { Deps } from './deps';

/** The namespace in which everything is known to have been woken. */
const known = 'temporal-namespace';
/** How far waking everything has come in a namespace that is new. */
const progress = 'temporal-namespace-waking';
/** Milliseconds between two batches, over all workers: the bound of the rate. */
const pauseMs = 200;

/** Wakes a batch of one kind of processes from an id on; resolves with the id to go on from, null after the last. */
type WakeFrom = (tx: Tx, deps: Pick<Deps, 'outbox'>, from: string | null) => Promise<string | null>;

/** Every kind of process that a workflow drives, in the order in which they are woken. */
const kinds: readonly WakeFrom[] = [
  wakeAllFrom,
  wakeTenantsFrom,
  wakeTrialsFrom,
  wakeAllRotationsFrom,
  wakeArchiveFrom,
];

const Progress = z.object({
  namespace: z.string(),
  kind: z.int().nonnegative(),
  from: z.uuid().nullable(),
});

/**
 * Wakes everything that has not ended when the namespace is another one than last time: a new Temporal, or one whose
 * database was emptied, knows no workflow. All workers share the work, a batch at a time, and go on where one of them
 * was stopped; the id is noted with the last batch.
 * @param isStopping ends it after the batch that is under way
 */
export async function wakeAllInNewNamespace(
  deps: Pick<Deps, 'db' | 'outbox' | 'log'>,
  namespace: string,
  isStopping: () => boolean,
): Promise<void> {
  let batches = 0;
  while (!isStopping() && (await readState(deps.db, known)) !== namespace) {
    const batch = await wakeBatch(deps, namespace);
    if (batch !== 'taken') batches += 1;
    if (batch === 'last') {
      deps.log.info(
        { batches },
        'Temporal is another one than before: woke every process that has not ended',
      );
    } else await sleep(pauseMs);
  }
}

/** One batch; `taken` while another worker has its turn. */
function wakeBatch(
  deps: Pick<Deps, 'db' | 'outbox'>,
  namespace: string,
): Promise<'taken' | 'more' | 'last'> {
  return withSystem(deps.db, 'reconciler', async (tx) => {
    const taken = await takeState(tx, progress, pauseMs);
    if (!taken) return 'taken';
    const before = Progress.safeParse(taken.value).data;
    const { kind, from } = before?.namespace === namespace ? before : { kind: 0, from: null };
    const next = (await kinds[kind]?.(tx, deps, from)) ?? null;
    const ahead = { kind: next === null ? kind + 1 : kind, from: next };
    await writeState(tx, progress, { namespace, ...ahead });
    if (ahead.kind < kinds.length) return 'more';
    await writeState(tx, known, namespace);
    return 'last';
  });
}
