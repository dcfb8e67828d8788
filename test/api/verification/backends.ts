import { Client } from 'pg';

/** Stops the backends of one kind of connections, as a machine does that swaps; returns what lets them go on. */
export async function freezeBackends(
  superUrl: string,
  applicationName: string,
): Promise<() => void> {
  const client = new Client({ connectionString: superUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>(
      'select pid from pg_stat_activity where datname = current_database() and application_name = $1',
      [applicationName],
    );
    if (rows.length === 0) throw new Error(`Nobody is connected as ${applicationName}`);
    for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
    return () => {
      for (const { pid } of rows) {
        try {
          process.kill(pid, 'SIGCONT');
        } catch {
          // It is gone.
        }
      }
    };
  } finally {
    await client.end();
  }
}
