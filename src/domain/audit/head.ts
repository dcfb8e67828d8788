import type { Tx } from '../../platform/db';
import { newOrigin } from './origins';
import { CompactRange } from './tree';

/** The end of the log, locked: whoever holds it is the one who writes the log. */
export interface Head {
  /** The log's name; null before the first start. */
  readonly origin: string | null;
  readonly size: number;
  readonly lastHash: Buffer;
  readonly tree: CompactRange;
  /** The first seq that has no partition yet. */
  readonly prepared: number;
  /** The database's clock, never behind an earlier batch; RFC 3339 in UTC with milliseconds. */
  readonly now: string;
}

/** Where the log's rows lie: another database has another one, whatever was copied into it. */
export interface DatabaseIdentity {
  readonly systemIdentifier: string;
  readonly databaseOid: number;
}

/** Locks the head; undefined while another sequencer holds it. */
export async function lockHead(tx: Tx): Promise<Head | undefined> {
  const row = await tx.maybe<{
    origin: string | null;
    size: number;
    last_hash: Buffer;
    frontier: Buffer;
    prepared: number;
    now: string;
  }>(
    `select origin, size, last_hash, frontier,
       coalesce((select max(to_seq) from audit_partitions), 1) as prepared,
       to_char(greatest(clock_timestamp(), updated_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now
     from audit_head for update skip locked`,
  );
  if (!row) return undefined;
  const { origin, size, prepared, now } = row;
  const tree = CompactRange.from(size, row.frontier);
  return { origin, size, lastHash: row.last_hash, tree, prepared, now };
}

/** Waits for whoever writes the log at this moment, at most so long; who locks the head next is not in anybody's way. */
export async function awaitHead(tx: Tx, seconds: number): Promise<void> {
  await tx.run(`select set_config('lock_timeout', $1, true)`, [`${String(seconds)}s`]);
  await tx.run('select 1 from audit_head for no key update');
}

/** Moves the head from one end to the next. Fails when it is not where its holder left it. */
export async function moveHead(tx: Tx, from: Head, last: Buffer): Promise<void> {
  const moved = await tx.run(
    `update audit_head set size = $1, last_hash = $2, frontier = $3, updated_at = $4
     where size = $5 and last_hash = $6`,
    [from.tree.size, last, from.tree.bytes(), from.now, from.size, from.lastHash],
  );
  if (moved !== 1) throw new Error('The head of the audit log was moved by somebody else');
}

/** Names the log, once, and notes which database it lies in. Returns the name. */
export async function foundLog(tx: Tx, identity: DatabaseIdentity): Promise<string> {
  const origin = newOrigin();
  await tx.run(
    'update audit_head set origin = $1, system_identifier = $2, database_oid = $3 where origin is null',
    [origin, identity.systemIdentifier, identity.databaseOid],
  );
  return origin;
}

/** The database that this connection leads to. */
export function databaseIdentity(tx: Tx): Promise<DatabaseIdentity> {
  return tx.one<DatabaseIdentity>(
    `select (select system_identifier::text from pg_control_system()) as "systemIdentifier",
       (select oid::bigint from pg_database where datname = current_database()) as "databaseOid"`,
  );
}

/** The database that the log was founded or last forked in; null before the first start. */
export async function homeOfLog(tx: Tx): Promise<DatabaseIdentity | null> {
  const row = await tx.one<{ systemIdentifier: string | null; databaseOid: number | null }>(
    'select system_identifier as "systemIdentifier", database_oid as "databaseOid" from audit_head',
  );
  const { systemIdentifier, databaseOid } = row;
  return systemIdentifier === null || databaseOid === null
    ? null
    : { systemIdentifier, databaseOid };
}

/**
 * Says that a sequencer is there, at most every 400 ms, and looks whether anything waits for it.
 */
export async function beat(tx: Tx): Promise<boolean> {
  const { waiting } = await tx.one<{ waiting: boolean }>(
    `with beat as (
       update audit_pulse set at = clock_timestamp() where at < clock_timestamp() - interval '400 milliseconds'
     )
     select exists (select 1 from audit_pending) as waiting`,
  );
  return waiting;
}

/** Makes partitions until there is one for a seq. */
export async function preparePartitions(tx: Tx, upTo: number): Promise<void> {
  await tx.one('select audit_prepare_partitions($1) as prepared', [upTo]);
}

/** The log's name; null before the first start. */
export async function originOfLog(tx: Tx): Promise<string | null> {
  return (await tx.one<{ origin: string | null }>('select origin from audit_head')).origin;
}

/** How many entries the log has. */
export async function sizeOfLog(tx: Tx): Promise<number> {
  return (await tx.one<{ size: number }>('select size from audit_head')).size;
}

/** Gives the log another name, in the database where it lies now. */
export async function renameLog(tx: Tx, origin: string, home: DatabaseIdentity): Promise<void> {
  await tx.run(
    'update audit_head set origin = $1, system_identifier = $2, database_oid = $3, halted = null',
    [origin, home.systemIdentifier, home.databaseOid],
  );
}

/** Notes why the log stands still; null when it does not. */
export async function markHalted(tx: Tx, why: string | null): Promise<void> {
  await tx.run('update audit_head set halted = $1 where halted is distinct from $1', [why]);
}
