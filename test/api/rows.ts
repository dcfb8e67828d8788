import type { QueryResultRow } from 'pg';
import { withSystem } from '../../src/platform/db';
import type { TestApp } from '../support/test-app';

/** Runs SQL over all tenants, with the rights of the application: to look behind an answer, or to move the time. */
export function sql<R extends QueryResultRow>(
  app: TestApp,
  text: string,
  params: readonly unknown[] = [],
): Promise<R[]> {
  return withSystem(app.deps.db, 'cli', async (tx) => {
    await tx.run(byTests);
    return tx.rows<R>(text, params);
  });
}

// So that whoever watches the database tells what a test does to it from what Usher does.
const byTests = `set local application_name = 'test'`;

/** Lets time go by for an invite, as its row sees it; `interval` as Postgres reads it. */
export async function ageInvite(app: TestApp, inviteId: string, interval: string): Promise<void> {
  await sql(
    app,
    `update invites set created_at = created_at - $2::interval, expires_at = expires_at - $2::interval,
       last_sent_at = last_sent_at - $2::interval where id = $1`,
    [inviteId, interval],
  );
}

/** How many rows a table has. */
export async function countOf(app: TestApp, table: string): Promise<number> {
  const [row] = await sql<{ n: number }>(app, `select count(*)::int as n from ${table}`);
  return row?.n ?? 0;
}

/** Sets the status of a tenant, as an operator would have. */
export async function setTenantStatus(
  app: TestApp,
  tenantId: string,
  status: string,
): Promise<void> {
  await sql(app, 'update tenants set status = $2 where id = $1', [tenantId, status]);
}
