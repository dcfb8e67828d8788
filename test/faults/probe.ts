import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { QueryResultRow } from 'pg';
import type { Cluster } from './cluster';

/** Looks at rows as superuser, from outside the system; survives a database that is killed. */
export interface Probe {
  rows<R extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** Locks rows until `release`, so that whoever wants them stands right before its commit. */
  lock(sql: string, params: readonly unknown[]): Promise<RowLock>;
}

/** Rows that the probe holds. */
export interface RowLock {
  /** Resolves when somebody waits for the rows. */
  contended(): Promise<void>;
  release(): Promise<void>;
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Opens a probe; a connection per question, since the server may be another one each time. */
export function openProbe({ superUrl }: Pick<Cluster, 'superUrl'>): Probe {
  const rows = async <R extends QueryResultRow>(sql: string, params: readonly unknown[] = []) => {
    const client = await connect(superUrl);
    try {
      return (await client.query<R>(sql, [...params])).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  return {
    rows,
    lock: async (sql, params) => {
      const client = await connect(superUrl);
      await client.query('begin');
      const { rowCount } = await client.query(sql, [...params]);
      if (!rowCount) throw new Error(`Nothing to lock: ${sql}`);
      const { rows: own } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const pid = own[0]?.pid;
      return {
        contended: () =>
          until('Somebody who waits for a lock', async () => {
            const waiting = await rows<{ pid: number }>(
              'select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
              [pid],
            );
            return waiting.length > 0;
          }),
        release: () => client.end().catch(() => undefined),
      };
    },
  };
}

/** Waits until something holds; questions that fail meanwhile are asked again. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  seconds = 30,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${String(seconds)} s`);
    await sleep(15);
  }
}
