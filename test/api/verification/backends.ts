import { Client } from 'pg';

/**
 * Does some work while the backends of one kind of connections stand still, as on a machine that swaps. They go on in
 * any case: one that stays frozen holds up every other database of its server.
 */
export async function whileFrozen<T>(
  superUrl: string,
  applicationName: string,
  work: () => Promise<T>,
): Promise<T> {
  const pids = await backendsOf(superUrl, applicationName);
  if (pids.length === 0) throw new Error(`Nobody is connected as ${applicationName}`);
  try {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    return await work();
  } finally {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It is gone.
      }
    }
  }
}

async function backendsOf(superUrl: string, applicationName: string): Promise<number[]> {
  const client = new Client({ connectionString: superUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>(
      'select pid from pg_stat_activity where datname = current_database() and application_name = $1',
      [applicationName],
    );
    return rows.map(({ pid }) => pid);
  } finally {
    await client.end();
  }
}
