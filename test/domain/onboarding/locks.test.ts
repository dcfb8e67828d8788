import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { openOnboarding } from '../../../src/domain/onboarding/drive';
import { invite } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { sql } from '../../api/rows';

let app: TestApp;
let other: Client;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  other = new Client({ connectionString: app.database.superUrl });
  await other.connect();
}, 120_000);
afterAll(async () => {
  await other.end();
  await app.stop();
});

/**
 * Somebody accepts an invite, which locks its onboarding, then itself, then its tenant; in between something else goes
 * to work on the same rows.
 */
async function acceptAround<T>(
  { inviteId, jobId, clientId }: Invited,
  work: () => Promise<T>,
): Promise<T> {
  const lock = (table: string, id: string) =>
    other.query(`select 1 from ${table} where id = $1 for no key update`, [id]);
  await other.query('begin');
  await lock('onboardings', jobId);
  const working = work();
  await waitFor(
    'Its wait for the accept',
    async () =>
      (
        await other.query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
      ).rowCount,
    (waiting) => waiting === 1,
  );
  await lock('invites', inviteId);
  await lock('tenants', clientId);
  await other.query('commit');
  return working;
}

describe('an accept in the middle of its work is not thrown out, and throws nobody out', () => {
  test('when the workflow finds the invite’s time over at the same moment', async () => {
    const invited = await invite(app);
    await sql(app, `update invites set expires_at = now() - interval '1 second' where id = $1`, [
      invited.inviteId,
    ]);
    const view = await acceptAround(invited, () => openOnboarding(app.deps, invited.inviteId));
    expect(view.state).toBe('expired');
  });

  test('when the workflow sends a reminder at the same moment', async () => {
    const invited = await invite(app);
    await sql(app, `update invites set expires_at = now() + interval '1 hour' where id = $1`, [
      invited.inviteId,
    ]);
    const view = await acceptAround(invited, () => openOnboarding(app.deps, invited.inviteId));
    expect(view.state).toBe('invited');
  });

  test('when the same address is invited to the same tenant once more', async () => {
    const invited = await invite(app);
    const again = () =>
      app.call('POST', '/onboarding/invites', {
        headers: { 'idempotency-key': randomUUID() },
        body: { email: invited.email, tenant_id: invited.clientId },
      });
    expect(await acceptAround(invited, again)).toMatchObject({
      status: 409,
      body: { code: 'invite-exists', invite_id: invited.inviteId },
    });
  });
});
