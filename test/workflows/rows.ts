import { Client } from 'pg';
import type { TestApp } from '../support/test-app';
import { withSystem } from '../../src/platform/db';
import { wakeOnboarding } from '../../src/domain/onboarding/wake';

/** A session of the superuser, who sees and moves every row: tests look behind the API and turn back clocks with it. */
export interface Rows {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into rows freely
  query(sql: string, params?: readonly unknown[]): Promise<any[]>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into rows freely
  one(sql: string, params?: readonly unknown[]): Promise<any>;
  close(): Promise<void>;
}

/** Opens one. */
export async function openRows(app: Pick<TestApp, 'database'>): Promise<Rows> {
  const client = new Client({ connectionString: app.database.superUrl });
  // Whoever asks next learns of it.
  client.on('error', () => undefined);
  await client.connect();
  const query = async (sql: string, params: readonly unknown[] = []) =>
    (await client.query(sql, [...params])).rows;
  return {
    query,
    one: async (sql, params) => {
      const rows = await query(sql, params);
      if (rows.length !== 1) throw new Error(`${String(rows.length)} rows for ${sql}`);
      return rows[0];
    },
    close: () => client.end(),
  };
}

/** Wakes the workflow of an invite, as every request that changes its rows does. */
export async function wake(app: TestApp, inviteId: string): Promise<void> {
  await withSystem(app.deps.db, 'relay', (tx) =>
    app.deps.outbox.wake(tx, wakeOnboarding(inviteId)),
  );
}

/** A row of `step_attempts`. */
export interface Attempt {
  readonly n: number;
  readonly phase: string;
  readonly outcome: string | null;
  readonly problem: string | null;
  readonly generation: number;
  readonly series: number;
  readonly started_at: Date;
  readonly ended_at: Date | null;
}

/** The attempts of a step of the sample connector, oldest first. */
export function attemptsOf(rows: Rows, jobId: string, step: string): Promise<Attempt[]> {
  return rows.query(
    `select n, phase, outcome, problem, generation, series, started_at, ended_at from step_attempts
     where onboarding_id = $1 and key = $2 order by n`,
    [jobId, `sample.${step}`],
  );
}
