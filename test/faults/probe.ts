import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { QueryResultRow } from 'pg';

/** Looks at rows as superuser, from outside the system; survives a database that is killed. */
export interface Probe {
  rows<R extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** Holds what a statement locks until `release`, so that whoever wants it stands right before its commit. */
  lock(sql: string, params?: readonly unknown[]): Promise<Lock>;
  /** Lets go of every lock and connection. */
  close(): Promise<void>;
}

/** A lock that the probe holds. */
export interface Lock {
  /** Resolves when somebody waits for it. */
  contended(): Promise<void>;
  release(): Promise<void>;
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Opens a probe on the database of a URL; nothing is dialled before the first question. */
export function openProbe(url: string): Probe {
  let asking: Promise<Client> | undefined;
  const locks = new Set<Client>();
  const end = (client: Client): Promise<void> => client.end().catch(() => undefined);

  const rows = async <R extends QueryResultRow>(sql: string, params: readonly unknown[] = []) => {
    asking ??= connect(url);
    const mine = asking;
    try {
      return (await (await mine).query<R>(sql, [...params])).rows;
    } catch (error) {
      // The server was killed, or the question was bad: the next one gets a connection of its own.
      if (asking === mine) asking = undefined;
      void mine.then(end, () => undefined);
      throw error;
    }
  };

  const lock = async (sql: string, params: readonly unknown[] = []): Promise<Lock> => {
    const client = await connect(url);
    locks.add(client);
    await client.query('begin');
    const { command, rowCount } = await client.query(sql, [...params]);
    if (command === 'SELECT' && !rowCount) throw new Error(`Nothing to lock: ${sql}`);
    const { rows: own } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return {
      contended: () =>
        until('Somebody who waits for a lock', async () => {
          const waiting = await rows(
            'select 1 from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
            [own[0]?.pid],
          );
          return waiting.length > 0;
        }),
      release: async () => {
        locks.delete(client);
        await end(client);
      },
    };
  };

  return {
    rows,
    lock,
    close: async () => {
      await Promise.all([...locks].map(end));
      locks.clear();
      const idle = asking;
      asking = undefined;
      await idle?.then(end, () => undefined);
    },
  };
}

/** Waits until something holds; questions that fail meanwhile are asked again. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  { seconds = 60, everyMs = 15 } = {},
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${String(seconds)} s`);
    await sleep(everyMs);
  }
}
