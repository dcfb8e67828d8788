import { accept, invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, called, mailsTo, onboard, order, parked } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

describe('provisioning belongs to the tenant', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp();
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  const kindOf = async (jobId: string) =>
    (await app.call('GET', `/onboarding/jobs/${jobId}`)).body.kind;
  const colleague = (clientId: string, overrides: Record<string, unknown> = {}) => ({
    tenant: undefined,
    tenant_id: clientId,
    workspace: undefined,
    wb_token: undefined,
    ...overrides,
  });

  test('whoever joins an active tenant becomes a member without a call of the backend', async () => {
    const first = await onboard(app);
    await active(app, first);
    const calls = (await backend.calls()).length;
    const second = await onboard(app, colleague(first.clientId));
    await active(app, second);
    expect(await kindOf(second.jobId)).toBe('member');
    expect((await backend.calls()).length).toBe(calls);
  });

  test('of two accepts for a tenant that is not provisioned yet, one provisions and the other joins', async () => {
    const first = await invite(app);
    const second = await invite(app, colleague(first.clientId));
    await Promise.all([accept(app, first), accept(app, second)]);
    await Promise.all([first, second].map((one) => untilActiveOrWaiting(one.jobId)));
    const kinds = await Promise.all([kindOf(first.jobId), kindOf(second.jobId)]);
    expect(kinds.sort()).toEqual(['member', 'provision']);
  });

  const untilActiveOrWaiting = (jobId: string) =>
    expect(
      (async () => {
        for (let tries = 0; tries < 200; tries += 1) {
          const job = (await app.call('GET', `/onboarding/jobs/${jobId}`)).body;
          if (job.status === 'active' || job.waiting_for === 'customer') return 'at rest';
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return 'still under way';
      })(),
    ).resolves.toBe('at rest');

  test('a tenant that is suspended in the middle parks before the next step, and goes on once it is open again', async () => {
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 700, times: 1 });
    const invited = await onboard(app);
    await called(app, paths.register, invited);
    await rows.query(`update tenants set status = 'suspended' where id = $1`, [invited.clientId]);
    expect(await parked(app, invited)).toMatchObject({
      failed_step: 'sample.add-token',
      problem: 'tenant-suspended',
    });
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({ registered: 1 });
    await rows.query(`update tenants set status = 'pending' where id = $1`, [invited.clientId]);
    await order(app, invited, 'retry');
    await active(app, invited);
  });

  test('one that is suspended during its last step parks at the activation, and a retry activates it', async () => {
    await backend.faults({ path: paths.smoke, mode: 'slow', delay_ms: 700, times: 1 });
    const invited = await onboard(app);
    await called(app, paths.smoke, invited);
    await rows.query(`update tenants set status = 'suspended' where id = $1`, [invited.clientId]);
    expect(await parked(app, invited)).toMatchObject({
      failed_step: 'activation',
      problem: 'tenant-suspended',
    });
    expect(mailsTo(app, invited.email).some(({ subject }) => /is ready$/.test(subject))).toBe(
      false,
    );
    await rows.query(`update tenants set status = 'pending' where id = $1`, [invited.clientId]);
    expect((await order(app, invited, 'retry')).status).toBe(200);
    await active(app, invited);
    expect(
      (await rows.one('select status from tenants where id = $1', [invited.clientId])).status,
    ).toBe('active');
  });
});
