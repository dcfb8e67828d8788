import type { Socket } from 'node:net';
import { Client } from 'pg';

/** Nobody knows the answer: Postgres is gone, is silent, or has no primary at the address. */
export class DatabaseUnavailable extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'DatabaseUnavailable';
  }
}

/** How a connection outside of any pool is opened. */
export interface OwnConnection {
  readonly url: string;
  readonly applicationName: string;
  /** Milliseconds that the server lets a statement run. */
  readonly statementMs: number;
  /** Milliseconds after which a server that says nothing is taken to be gone; longer than `statementMs`. */
  readonly silentMs: number;
  readonly onError: (error: unknown) => void;
}

/** Milliseconds that a connection may take to open; nobody waits for it. */
const connectMs = 3_000;
/** Milliseconds that a server has for closing its end of a connection. */
const partMs = 200;

/**
 * Every statement of these connections finds few rows by an index. While tables are small a plan that reads them whole
 * looks cheaper, and it is kept when they have grown. And one plan does for all values: to make it anew each time costs
 * more than to run it.
 */
const byIndex =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan';

/** A client that is not connected yet. */
export function newClient(options: OwnConnection): Client {
  const client = new Client({
    connectionString: options.url,
    application_name: options.applicationName,
    options: `-c jit=off ${byIndex} -c statement_timeout=${String(options.statementMs)}`,
    connectionTimeoutMillis: connectMs,
    query_timeout: options.silentMs,
    keepAlive: true,
  });
  client.on('error', options.onError);
  return client;
}

/**
 * A standby answers from the past, and a revocation that it has not seen is none.
 * @throws DatabaseUnavailable
 */
export async function requirePrimary(client: Client): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>(
    'select pg_is_in_recovery() as standby',
  );
  if (rows[0]?.standby !== false) throw new DatabaseUnavailable('The address leads to a standby');
}

/** Says goodbye, and hangs up when nobody listens: a server that is frozen never closes its end. */
export function part(client: Client): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const timer = setTimeout(() => stream.destroy(), partMs);
  stream.once('close', () => {
    clearTimeout(timer);
  });
  client.end().catch(() => undefined);
}
