import { sql } from '../api/rows';
import type { Rows } from '../workflows/rows';
import type { TestApp } from './test-app';
import { waitFor } from './wait-for';

/**
 * Makes a call while somebody is changing the longest lease, which whoever opens a barrier waits for; lets it go on
 * once it waits there, and returns its answer. Fails for a call that opens no barrier.
 */
export async function atBarrier<T>(app: TestApp, rows: Rows, call: () => Promise<T>): Promise<T> {
  await rows.query('begin');
  await rows.query('select 1 from verification_settings for update');
  const answer = call();
  try {
    await waitFor(
      'The wait at the barrier',
      () =>
        sql(
          app,
          `select 1 from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query like '%max_lease_ms%'`,
        ),
      (waiting) => waiting.length > 0,
    );
  } finally {
    await rows.query('commit');
  }
  return answer;
}
