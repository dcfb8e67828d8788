import type { Tx } from '../../platform/db';
import { withSystem } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { Outbox } from '../../platform/outbox';
import { DomainError } from '../../errors/problems';
import type { ArchiveDeps } from './deps';
import { examineStore } from './locks';
import { planArchive } from './plan';
import { wakeRun } from './wake';

/** An operator's request to archive now what can be archived. */
export interface ArchiveRun {
  readonly id: string;
  /** New batches; null while no worker has planned yet. */
  readonly planned: number | null;
  readonly problem: string | null;
}

/** A run by its id. */
export function runById(tx: Tx, id: string): Promise<ArchiveRun | undefined> {
  return tx.maybe<ArchiveRun>('select id, planned, problem from audit_archive_runs where id = $1', [
    id,
  ]);
}

/** Asks a worker to plan; the API may not write the rows of the archive. */
export async function askRun(tx: Tx, outbox: Outbox, requestedBy: string): Promise<string> {
  const id = newId();
  await tx.run('insert into audit_archive_runs (id, requested_by) values ($1, $2)', [
    id,
    requestedBy,
  ]);
  await wakeRun(tx, outbox, id);
  return id;
}

/** Plans what an operator asked for; a run that has its answer stays as it is. */
export async function carryOutRun(deps: ArchiveDeps, runId: string): Promise<void> {
  const run = await withSystem(deps.sequencer, 'archive', (tx) =>
    tx.maybe<{ requestedBy: string; done: boolean }>(
      `select requested_by as "requestedBy", done_at is not null as done from audit_archive_runs where id = $1`,
      [runId],
    ),
  );
  if (!run || run.done) return;
  let planned: number | null = null;
  let problem: string | null = null;
  try {
    planned = (await planNow(deps, run.requestedBy)).planned;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    problem = error.code;
  }
  await withSystem(deps.sequencer, 'archive', (tx) =>
    tx.run(
      'update audit_archive_runs set planned = $2, problem = $3, done_at = clock_timestamp() where id = $1',
      [runId, planned, problem],
    ),
  );
}

/**
 * Plans, with a store that was tried out.
 * @throws DomainError `store-missing`, errors of the store
 */
export async function planNow(
  deps: ArchiveDeps,
  requestedBy: string,
): ReturnType<typeof planArchive> {
  if (deps.store) await examineStore(deps, deps.store);
  return planArchive(deps, requestedBy);
}
