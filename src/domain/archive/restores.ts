import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { controlEntry } from '../audit/control-entries';
import { insertPending } from '../audit/pending';
import { pauseSeconds } from './batches.rules';

/** How far the fetching back of a batch is; `refused` when what was fetched is not what was archived. */
export type RestoreState = 'requested' | 'restored' | 'refused' | 'ended';

/** A batch that somebody wants back for a while. */
export interface Restore {
  readonly id: string;
  readonly batchId: string;
  readonly state: RestoreState;
  readonly entries: number | null;
  /** Parts of personal data that cannot be read any more. */
  readonly erased: number | null;
  readonly problem: string | null;
  readonly expiresAt: Date | null;
  /** Milliseconds until the next thing is due; 0 for at once. */
  readonly waitMs: number;
}

const columns = `id, batch_id as "batchId", state, entries, erased, problem, expires_at as "expiresAt",
  greatest(0, extract(epoch from coalesce(case state when 'restored' then expires_at else not_before end, clock_timestamp())
    - clock_timestamp()) * 1000)::float8 as "waitMs"`;

/** A restore by its id. */
export function restoreById(tx: Tx, id: string): Promise<Restore | undefined> {
  return tx.maybe<Restore>(`select ${columns} from audit_restores where id = $1`, [id]);
}

/** The restore of a batch that is under way or still there. */
export function openRestoreOf(tx: Tx, batchId: string): Promise<Restore | undefined> {
  return tx.maybe<Restore>(
    `select ${columns} from audit_restores where batch_id = $1 and state in ('requested', 'restored')`,
    [batchId],
  );
}

/** Asks for a batch; the caller wakes the workflow that fetches it. */
export async function askRestore(tx: Tx, batchId: string, requestedBy: string): Promise<string> {
  const id = newId();
  await tx.run('insert into audit_restores (id, batch_id, requested_by) values ($1, $2, $3)', [
    id,
    batchId,
    requestedBy,
  ]);
  return id;
}

/** Notes that a batch is there, for so many days. */
export async function noteRestored(
  tx: Tx,
  id: string,
  counts: { readonly entries: number; readonly erased: number },
  days: number,
): Promise<void> {
  const batch = await tx.maybe<BatchOf>(
    `update audit_restores set state = 'restored', entries = $2, erased = $3, problem = null,
       restored_at = clock_timestamp(), expires_at = clock_timestamp() + $4 * interval '1 day'
     where id = $1 and state = 'requested' returning batch_id`,
    [id, counts.entries, counts.erased, days],
  );
  await tell(tx, 'audit.restored', batch, { ...counts });
}

/** Notes that what was fetched is not what was archived. */
export async function noteRefused(tx: Tx, id: string, problem: string): Promise<void> {
  const batch = await tx.maybe<BatchOf>(
    `update audit_restores set state = 'refused', problem = $2, ended_at = clock_timestamp()
     where id = $1 and state = 'requested' returning batch_id`,
    [id, problem],
  );
  await tell(tx, 'audit.restore_refused', batch, { problem });
}

/** Notes why a batch could not be fetched yet. */
export async function noteRestorePause(
  tx: Tx,
  id: string,
  problem: string,
  firstPause: number,
): Promise<void> {
  const { tries } = await tx.one<{ tries: number }>(
    'update audit_restores set tries = tries + 1, problem = $2 where id = $1 returning tries',
    [id, problem],
  );
  await tx.run(
    `update audit_restores set not_before = clock_timestamp() + $2 * interval '1 second' where id = $1`,
    [id, pauseSeconds(tries, firstPause)],
  );
}

/** Notes that a restored batch is gone again. */
export async function noteEnded(tx: Tx, id: string): Promise<void> {
  const batch = await tx.maybe<BatchOf>(
    `update audit_restores set state = 'ended', ended_at = clock_timestamp() where id = $1 and state = 'restored'
     returning batch_id`,
    [id],
  );
  await tell(tx, 'audit.restore_ended', batch, {});
}

interface BatchOf {
  readonly batch_id: string;
}

async function tell(
  tx: Tx,
  action: 'audit.restored' | 'audit.restore_refused' | 'audit.restore_ended',
  batch: BatchOf | undefined,
  metadata: Readonly<Record<string, string | number>>,
): Promise<void> {
  if (!batch) return;
  await insertPending(tx, controlEntry(action, { batch: batch.batch_id, ...metadata }));
}

/** Notes that a worker looks after a restore. */
export async function noteRestoreDriven(tx: Tx, id: string): Promise<void> {
  await tx.run('update audit_restores set driven_at = clock_timestamp() where id = $1', [id]);
}
