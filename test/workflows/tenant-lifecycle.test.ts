import { changeStatus } from '../../src/domain/tenants/tenant-changes';
import { wakeUndrivenTenants } from '../../src/domain/tenants/wake';
import { withSystem } from '../../src/platform/db';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { accept, invite } from '../support/journey';
import { active, onboard, parked } from './courses';
import { ageTenant, ownedTrial, subjectsTo, tenantIn, wakeTenant } from './lifecycle-courses';
import { openRows } from './rows';
import type { Rows } from './rows';

let app: TestApp;
let rows: Rows;

beforeAll(async () => {
  app = await startTestApp();
  rows = await openRows(app);
}, 120_000);
afterAll(async () => {
  await rows.close();
  await app.stop();
});

const order = (slug: string, what: string, reason = 'The test wants it') =>
  app.call('POST', `/tenants/${slug}/${what}`, { body: { reason } });
const eventsOf = (tenantId: string) =>
  rows.query('select type from events where tenant_id = $1 order by seq', [tenantId]);
const driven = (tenantId: string) =>
  waitFor(
    'The first look of its workflow',
    () => rows.query('select told_status from tenant_lifecycles where tenant_id = $1', [tenantId]),
    (found) => found[0]?.told_status === 'trial',
  );

describe('a trial', () => {
  test('is warned of three days before its end, once, and then ends: frozen, told, with its event', async () => {
    const tenant = await ownedTrial(app);
    await driven(tenant.id);
    await ageTenant(app, rows, tenant.id, '11 days 1 minute');
    expect(await subjectsTo(app, tenant.email, 1)).toEqual(['The trial of Nordlicht ends soon']);
    await wakeTenant(app, tenant.id);
    await ageTenant(app, rows, tenant.id, '3 days');
    await tenantIn(rows, tenant.id, 'frozen');
    expect(await subjectsTo(app, tenant.email, 2)).toEqual([
      'The trial of Nordlicht ends soon',
      'The trial of Nordlicht is over',
    ]);
    expect(await eventsOf(tenant.id)).toEqual([
      { type: 'tenant.created.v1' },
      { type: 'tenant.trial_ended.v1' },
    ]);
  });

  test('whose end is moved is warned of anew', async () => {
    const tenant = await ownedTrial(app);
    await driven(tenant.id);
    await ageTenant(app, rows, tenant.id, '12 days');
    await subjectsTo(app, tenant.email, 1);
    const { body } = await app.call('GET', `/v1/tenants/${tenant.id}`);
    const later = new Date(Date.now() + 10 * 86_400_000).toISOString();
    await app.call('PATCH', `/v1/tenants/${tenant.id}`, {
      body: { trial_ends_at: later },
      headers: { 'if-match': `"v${String(body.version)}"` },
    });
    await ageTenant(app, rows, tenant.id, '8 days');
    expect(await subjectsTo(app, tenant.email, 2)).toHaveLength(2);
  });

  test('that was activated in time does not end', async () => {
    const tenant = await ownedTrial(app);
    await driven(tenant.id);
    await app.call('POST', `/v1/tenants/${tenant.id}/activate`);
    expect(await subjectsTo(app, tenant.email, 1)).toEqual(['Nordlicht is active']);
    await ageTenant(app, rows, tenant.id, '15 days');
    const run = app.deps.temporal.client.workflow.getHandle(`tenant-lifecycle/${tenant.id}`);
    expect(await run.result()).toBe('active');
    expect((await app.call('GET', `/v1/tenants/${tenant.id}`)).body.status).toBe('active');
  });
});

describe('a suspension', () => {
  test('is told, parks the onboarding that waits for its customer, and the resume lets it go on', async () => {
    const invited = await onboard(app, { wb_token: undefined });
    await waitFor(
      'The wait for the customer',
      () => rows.one('select waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    const { status, body } = await order(invited.clientId, 'suspend', 'Unpaid since May');
    expect([status, body.status, body.suspended.reason]).toEqual([
      200,
      'suspended',
      'Unpaid since May',
    ]);
    expect(await parked(app, invited)).toMatchObject({ problem: 'tenant-suspended' });
    const told = (count: number) =>
      waitFor(
        'The mails',
        () =>
          app.mailbox
            .messages()
            .filter(
              ({ to, subject }) =>
                to.includes(invited.email) && / is (?:suspended|open again)$/.test(subject),
            )
            .map(({ subject }) => subject),
        (subjects) => subjects.length === count,
      );
    // A suspension that is lifted before its mail is out is told to nobody.
    await told(1);
    await order(invited.clientId, 'resume');
    const waiting = await waitFor(
      'The wait for the customer',
      () => rows.one('select state, waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    expect(waiting.state).not.toBe('failed');
    expect(await told(2)).toEqual([
      expect.stringMatching(/ is suspended$/),
      expect.stringMatching(/ is open again$/),
    ]);
  });

  test('stops mails to the tenant’s customers that were on their way', async () => {
    const first = await onboard(app);
    await active(app, first);
    await order(first.clientId, 'suspend');
    await rows.query(
      `insert into mails (id, kind, owner, tenant_id, to_email, locale, data, message_id)
       values ('00000000-0000-7000-8000-00000000aaaa', 'welcome', 'relay', $1, 'late@example.com', 'en', '{}', '<late@usher>')`,
      [first.clientId],
    );
    const mail = await waitFor(
      'The end of the mail',
      () => rows.one(`select status from mails where message_id = '<late@usher>'`),
      (row) => row.status !== 'due',
    );
    expect(mail.status).toBe('dropped');
  });

  test('leaves nobody able to join, until the resume', async () => {
    const first = await onboard(app);
    await active(app, first);
    const second = await invite(app, {
      tenant: undefined,
      tenant_id: first.clientId,
      workspace: undefined,
      wb_token: undefined,
    });
    await order(first.clientId, 'suspend');
    await expect(accept(app, second)).rejects.toThrow('tenant-not-open');
    await order(first.clientId, 'resume');
    await accept(app, second);
    await active(app, second);
  });
});

test('a tenant that is deleted and restored in its grace is what it was, and is not purged', async () => {
  const tenant = await ownedTrial(app);
  await driven(tenant.id);
  const deleted = await app.call('DELETE', `/tenants/${tenant.slug}`, {
    body: { reason: 'They asked for it' },
  });
  expect(deleted.body).toMatchObject({
    status: 'deleted',
    deleted: { former_status: 'trial', reason: 'They asked for it' },
  });
  await subjectsTo(app, tenant.email, 1);
  await order(tenant.slug, 'restore');
  expect(await subjectsTo(app, tenant.email, 2)).toEqual([
    'Nordlicht will be deleted',
    'Nordlicht is restored',
  ]);
  await wakeTenant(app, tenant.id);
  expect((await app.call('GET', `/v1/tenants/${tenant.id}`)).body).toMatchObject({
    status: 'trial',
    deleted: null,
  });
});

describe('a tenant whose run was lost', () => {
  /** A trial that nobody follows any more, and that was driven long ago. */
  const lost = async () => {
    const tenant = await ownedTrial(app);
    await driven(tenant.id);
    const run = app.deps.temporal.client.workflow.getHandle(`tenant-lifecycle/${tenant.id}`);
    await run.terminate('The test loses it');
    await rows.query(
      `update tenant_lifecycles set driven_at = now() - interval '26 hours' where tenant_id = $1`,
      [tenant.id],
    );
    return tenant;
  };
  const sweep = () => wakeUndrivenTenants(app.deps, app.deps.env.DRIVE_WITHIN_HOURS);
  /** The reconciler leaves alone whom somebody has woken within five minutes. */
  const longSinceWoken = () =>
    rows.query(`update outbox set delivered_at = delivered_at - interval '6 minutes'`);
  const notDue = (tenantId: string) =>
    waitFor(
      'The note of what was told',
      () =>
        rows.query(
          `select 1 from tenants as t join tenant_lifecycles as l on l.tenant_id = t.id
           where t.id = $1 and l.told_status = t.status`,
          [tenantId],
        ),
      (found) => found.length === 1,
    );

  test('after it was woken for a suspension is told of it by the reconciler, and is left alone then', async () => {
    const tenant = await lost();
    await longSinceWoken();
    await withSystem(app.deps.db, 'cli', (tx) =>
      changeStatus(tx, { tenantId: tenant.id, action: 'suspend', actorId: 'user:op' }),
    );
    expect(await sweep()).toBe(1);
    expect(await subjectsTo(app, tenant.email, 1)).toEqual(['Nordlicht is suspended']);
    await notDue(tenant.id);
    await rows.query(
      `update tenant_lifecycles set driven_at = now() - interval '26 hours' where tenant_id = $1`,
      [tenant.id],
    );
    await longSinceWoken();
    expect(await sweep()).toBe(0);
  });

  test('and whose trial a request has ended in passing is told of the end', async () => {
    const tenant = await lost();
    await longSinceWoken();
    await rows.query(`update tenants set trial_ends_at = now() where id = $1`, [tenant.id]);
    const { headers } = await app.call('GET', `/v1/tenants/${tenant.id}`);
    const { body } = await app.call('PATCH', `/v1/tenants/${tenant.id}`, {
      body: { sales_owner: 'Mara' },
      headers: { 'if-match': headers.get('etag') ?? '' },
    });
    expect(body.status).toBe('frozen');
    expect(await rows.one('select status from tenants where id = $1', [tenant.id])).toEqual({
      status: 'frozen',
    });
    expect(await sweep()).toBe(1);
    expect(await subjectsTo(app, tenant.email, 1)).toEqual(['The trial of Nordlicht is over']);
  });
});
