import type { Tx } from '../../platform/db';
import { nightlyVerifier } from './verify/nightly';

/** How far the log is behind, in three ways. */
export interface LogHealth {
  /** Entries that have no place yet. */
  readonly pending: number;
  /** Age of the oldest entry that no checkpoint covers; 0 when all are covered. */
  readonly uncoveredSeconds: number;
  /** Age of the oldest checkpoint that is not published; 0 when all are. */
  readonly unpublishedSeconds: number;
  /** Whether the last nightly verification found a break. */
  readonly broken: boolean;
  /** Since when nothing was verified by night: since the last time, or since the first entry; 0 for an empty log. */
  readonly unverifiedSeconds: number;
  /** Why the log must not be gone on with; null when it may. */
  readonly halted: string | null;
}

/** How the log is doing; for the sequencer's role, which alone sees what is pending. */
export function logHealth(tx: Tx): Promise<LogHealth> {
  return tx.one<LogHealth>(
    `select (select count(*)::int from audit_pending) as pending,
       coalesce((
         select extract(epoch from clock_timestamp() - l.sequenced_at) from audit_log as l
         where l.seq = 1 + coalesce((select max(size) from audit_checkpoints), 0)), 0)::float8 as "uncoveredSeconds",
       coalesce((
         select extract(epoch from clock_timestamp() - min(c.at)) from audit_checkpoints as c
         where c.published_at is null and c.origin = h.origin), 0)::float8 as "unpublishedSeconds",
       coalesce((
         select l.outcome <> 'success' from audit_log as l
         where l.actor_id = $1 and l.action = 'audit.verified' order by l.seq desc limit 1), false) as broken,
       coalesce(extract(epoch from clock_timestamp() - coalesce((
         select l.sequenced_at from audit_log as l
         where l.actor_id = $1 and l.action = 'audit.verified' order by l.seq desc limit 1),
         (select l.sequenced_at from audit_log as l order by l.seq limit 1))), 0)::float8 as "unverifiedSeconds",
       h.halted
     from audit_head as h`,
    [nightlyVerifier],
  );
}
