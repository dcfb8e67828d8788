import type { TextStatements } from '../../platform/batched-query';
import type { Tx } from '../../platform/db';
import { DatabaseUnavailable } from '../../platform/own-connection';
import type { Change, KnownKeys } from './known-keys';

/** A look into the log of changes that is back: what is known from then on was so when it left, or later. */
export interface Look {
  /** When it left, on the monotonic clock. */
  readonly sentAt: number;
  /** The database's clock, milliseconds since 1970. */
  readonly databaseMs: number;
  /** The longest lease that barriers wait for, milliseconds. */
  readonly maxLeaseMs: number;
}

/** Changes above which nobody is told whom they are about. */
const mostTold = 1_000;

/**
 * The changes that a snapshot did not see: those of transactions that had not begun to write, and those of
 * transactions that were under way. The second half costs nothing while there are none.
 */
const lookIntoLog = `
  select pg_current_snapshot(), pg_postmaster_start_time(),
    pg_snapshot_xmin($1) <= swept.xid, date_part('epoch', now()) * 1000, max_lease_ms,
    (select string_agg(about, ' ') from (
      select about from verification_changes where xid >= pg_snapshot_xmax($1)
      union all
      select about from pg_snapshot_xip($1) as under_way (xid) join verification_changes using (xid)
      limit ${String(mostTold + 1)}) as c)
  from verification_settings, verification_swept as swept`;

/** A snapshot of no server: it has seen nothing. */
const nothing = '1:1:';

/**
 * Follows the log on one connection: each look removes the keys that it tells of, whatever the notifications did. The
 * first look removes everything, since nobody knows what the log said before it; and so does one that another server
 * answers, behind a proxy, since it counts its transactions by itself, and one that comes when more was swept than it
 * has seen.
 */
export function followChanges(
  statements: TextStatements,
  keys: Pick<KnownKeys, 'remove'>,
): () => Promise<Look> {
  let seen = nothing;
  let seenOf: string | null | undefined;
  return async () => {
    const sentAt = performance.now();
    const [row = []] = await statements.askForTexts(lookIntoLog, [seen]);
    const [snapshot, server, missed, databaseMs, maxLeaseMs, about] = row;
    if (snapshot == null) throw new DatabaseUnavailable('The log of changes cannot be read');
    if (server !== seenOf || missed === 't') keys.remove('any');
    else if (about != null) for (const change of changesOf(about)) keys.remove(change);
    seen = snapshot;
    seenOf = server;
    return { sentAt, databaseMs: Number(databaseMs), maxLeaseMs: Number(maxLeaseMs) };
  };
}

function changesOf(about: string): readonly Change[] {
  const all = about.split(' ');
  return all.length > mostTold || all.includes('*') ? ['any'] : all.map(changeOf);
}

/** What a text of the log is about. */
export function changeOf(about: string): Change {
  const id = about.slice(1);
  if (about.startsWith('k')) return { keyId: id };
  if (about.startsWith('t')) return { tenantId: id };
  return 'any';
}

/** Removes lines that every verifier at work has read, five minutes ago at least; returns how many. */
export async function sweepChanges(tx: Tx, limit: number): Promise<number> {
  const { swept } = await tx.one<{ swept: number }>(
    'select sweep_verification_changes($1) as swept',
    [limit],
  );
  return swept;
}
