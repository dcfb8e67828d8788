import type { Database } from './db';

/**
 * Whether standbys follow this server that a commit does not wait for: a failover to one of them brings back what it
 * had not heard of, such as a key that was revoked.
 */
export async function hasLaggingStandbys(db: Database): Promise<boolean> {
  // Others than monitors see that there are standbys, and nothing of them.
  const { rows } = await db.pool.query<{ lagging: boolean }>(
    `select exists (select 1 from pg_stat_replication)
       and current_setting('synchronous_standby_names') = '' as lagging`,
  );
  return rows[0]?.lagging ?? false;
}
