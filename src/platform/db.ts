import { Pool, types } from 'pg';
import type { QueryResultRow } from 'pg';
import { DomainError } from '../errors/problems';
import { statementsOf } from './statements';
import type { Answer, Statements } from './statements';

types.setTypeParser(types.builtins.INT8, (text) => Number(text));

declare const scoped: unique symbol;

/**
 * A running transaction whose row-level-security context is set. Obtainable only from `withTenant`, `withPartner`,
 * `withOperator` and `withSystem`, so that an unscoped write does not compile. Statements run in the order in which
 * they are asked for; those that are asked for together (`Promise.all`) share one round trip.
 */
export interface Tx {
  readonly [scoped]: true;
  /** All rows of a query; parameters as `$1`, `$2`, …. */
  rows<R extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** The single row of a query; an error when there is none or more than one. */
  one<R extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R>;
  /** The row of a query, or undefined when there is none. */
  maybe<R extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R | undefined>;
  /** Runs a statement and returns how many rows it touched. */
  run(sql: string, params?: readonly unknown[]): Promise<number>;
  /** Runs a function once the transaction has committed; nothing runs after a rollback. */
  afterCommit(fn: () => void): void;
}

/** The connection pool of the process. */
export interface Database {
  readonly pool: Pool;
  /** Waits for what runs and closes every connection; once is enough, again does no harm. */
  close(): Promise<void>;
}

/** How a pool is opened. */
export interface DatabaseOptions {
  readonly url: string;
  /** Most connections at a time; default 10. */
  readonly max?: number;
  readonly applicationName: string;
  /** How long a connection may take to open; default 5 s. */
  readonly connectTimeoutMs?: number;
  /** How long a statement may stay without any answer; default 20 s. */
  readonly queryTimeoutMs?: number;
  /** Told of errors on idle connections, which would otherwise end the process. */
  readonly onError?: (error: Error) => void;
}

/** Opens a pool; nothing is dialled before the first query. */
export function createDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName,
    // Short statements only: compiling one would cost more than running it.
    options: '-c jit=off',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    // Longer than the server lets any statement run: whoever says nothing for that long is not there any more.
    query_timeout: options.queryTimeoutMs ?? 20_000,
    // A new connection plans every statement anew, which takes it as long as running some hundred of them: one that is
    // idle between two waves of work is kept.
    idleTimeoutMillis: 10 * 60_000,
    keepAlive: true,
  });
  pool.on('error', (error) => options.onError?.(error));
  // A connection that is lost between two statements of a transaction tells nobody but its client; the next statement
  // fails and says so. Without a listener the process would end.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  let closing: Promise<void> | undefined;
  return { pool, close: () => (closing ??= pool.end()) };
}

/** The isolation a transaction may ask for; `read committed` is the default of Postgres. */
export interface TransactionOptions {
  readonly readOnly?: boolean;
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/** How often a transaction is begun that Postgres picks as the victim of a deadlock. */
const mostBegins = 3;

// A deadlock is undone as a whole and told to one of its two sides, who need only do it again. Locks are taken in one
// order all over the code; this is for the order that somebody forgot.
async function inTransaction<T>(
  db: Database,
  settings: Readonly<Record<string, string>>,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  for (let begins = 1; ; begins += 1) {
    try {
      return await onceInTransaction(db, settings, fn, options);
    } catch (error) {
      if (sqlState(error) !== '40P01' || begins === mostBegins) throw error;
    }
  }
}

async function onceInTransaction<T>(
  db: Database,
  settings: Readonly<Record<string, string>>,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const client = await db.pool.connect();
  const statements = statementsOf(client);
  const committed: (() => void)[] = [];
  let broken = true;
  try {
    const opened = open(statements, settings, options);
    opened.catch(() => undefined);
    const scope = scopedTx(statements, committed);
    let result: T;
    try {
      result = await fn(scope.tx);
      await opened;
      scope.end();
    } catch (error) {
      scope.end();
      const cause = await opened.then(
        () => error,
        (beginning: unknown) => beginning,
      );
      // What its neighbours have asked for meanwhile is undone in any case, or would fail together with the rollback.
      statements.drop();
      if (!isSilent(cause)) {
        await statements.ask('rollback', []).then(
          () => (broken = false),
          () => undefined,
        );
      }
      throw cause;
    }
    await statements.ask('commit', []);
    broken = false;
    for (const run of committed) run();
    return result;
  } finally {
    // A connection whose transaction did not end cleanly is thrown away, never reused.
    client.release(broken);
  }
}

// Its connection still waits for that answer; a rollback would only stand in line behind it.
function isSilent(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

// The begin leaves together with what comes first. Should it fail, nothing that left with it runs.
async function open(
  statements: Statements,
  settings: Readonly<Record<string, string>>,
  { isolation, readOnly }: TransactionOptions,
): Promise<void> {
  const mode = `begin${isolation ? ` isolation level ${isolation}` : ''}${readOnly ? ' read only' : ''}`;
  const calls = Object.keys(settings).map(
    (name, index) => `set_config('${name}', $${index + 1}, true)`,
  );
  await Promise.all([
    statements.ask(mode, []),
    statements.ask(`select ${calls.join(', ')}`, Object.values(settings)),
  ]);
}

// An error of Postgres comes from the socket; whoever reads it wants to know who asked.
function tracedToHere(error: unknown): unknown {
  if (error instanceof Error) Error.captureStackTrace(error);
  return error;
}

function scopedTx(statements: Statements, committed: (() => void)[]): { tx: Tx; end: () => void } {
  let over = false;
  const query =
    <T>(pick: (answer: Answer) => T) =>
    async (sql: string, params: readonly unknown[] = []): Promise<T> => {
      // What still runs when its neighbour has failed must not write after the rollback.
      if (over) throw new Error('The transaction is over');
      try {
        return pick(await statements.ask(sql, params));
      } catch (error) {
        throw tracedToHere(error);
      }
    };
  const tx = {
    rows: query(({ rows }) => rows),
    one: query(({ rows }) => {
      const [row] = rows;
      if (row === undefined || rows.length > 1) {
        throw new Error(`Expected one row, got ${String(rows.length)}`);
      }
      return row;
    }),
    maybe: query(({ rows }) => rows[0]),
    run: query(({ count }) => count),
    afterCommit: (fn: () => void) => {
      committed.push(fn);
    },
  };
  return {
    tx: tx as unknown as Tx,
    end: () => {
      over = true;
    },
  };
}

/** Runs a transaction that sees and writes the rows of one tenant only. */
export function withTenant<T>(
  db: Database,
  tenantId: string,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return inTransaction(db, { 'usher.tenant': tenantId, 'usher.scope': '' }, fn, options);
}

/** Runs a transaction that sees the rows of one partner's tenants only. */
export function withPartner<T>(
  db: Database,
  partnerId: string,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return inTransaction(db, { 'usher.partner': partnerId, 'usher.scope': 'partner' }, fn, options);
}

/**
 * Runs a transaction over all tenants for somebody who holds a platform permission; the caller MUST have checked
 * it (the router does, before any handler runs).
 */
export function withOperator<T>(
  db: Database,
  actorId: string,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return inTransaction(db, { 'usher.scope': 'all', 'usher.actor': actorId }, fn, options);
}

/** Why a system transaction looks across tenants; each names a part of the machinery. */
export type SystemPurpose =
  | 'relay'
  | 'reconciler'
  | 'activity'
  | 'schedule'
  | 'identity'
  | 'holder'
  | 'idempotency'
  | 'metrics'
  | 'audit'
  | 'sequencer'
  | 'archive'
  | 'usage'
  | 'boot'
  | 'cli';

// These run the same few statements by a key all day long: a plan made once serves, where Postgres would rather make
// one for each key, which takes it longer than running it.
const repetitive: ReadonlySet<SystemPurpose> = new Set(['activity', 'relay', 'usage', 'identity']);

/** Runs a transaction over all tenants for a part of the machinery that starts from a bare id. */
export function withSystem<T>(
  db: Database,
  purpose: SystemPurpose,
  fn: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return inTransaction(
    db,
    {
      'usher.scope': 'all',
      'usher.actor': `system:${purpose}`,
      ...(repetitive.has(purpose) ? { plan_cache_mode: 'force_generic_plan' } : {}),
    },
    fn,
    options,
  );
}

/** What the look-up by a token's hash finds. */
export interface FoundInvite {
  readonly tenant_id: string;
  readonly invite_id: string;
  readonly invite_token_id: string;
}

/**
 * Runs a transaction for the holder of an invite link: it begins without any scope, finds the invite by the hash of
 * the token through its one definer function, and sees that tenant's rows only from there on.
 * @throws DomainError `invite-not-found`
 */
export function withHolder<T>(
  db: Database,
  tokenHash: Buffer,
  fn: (tx: Tx, found: FoundInvite) => Promise<T>,
): Promise<T> {
  return inTransaction(
    db,
    { 'usher.scope': '', plan_cache_mode: 'force_generic_plan' },
    async (tx) => {
      const found = await tx.maybe<FoundInvite>(
        `select tenant_id, invite_id, invite_token_id, set_config('usher.tenant', tenant_id::text, true)
         from find_invite_by_token($1)`,
        [tokenHash],
      );
      if (!found) throw new DomainError('invite-not-found');
      return fn(tx, found);
    },
    {},
  );
}

/** The SQLSTATE of a database error, or undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Whether an error is the violation of the named unique constraint or index. */
export function violates(error: unknown, constraint: string): boolean {
  return (
    sqlState(error) === '23505' && (error as { constraint?: unknown }).constraint === constraint
  );
}
