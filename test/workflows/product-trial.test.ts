import { withSystem } from '../../src/platform/db';
import { wakeTrial } from '../../src/domain/tenants/trials';
import { machine } from '../api/people';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { ownedTrial, subjectsTo } from './lifecycle-courses';
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

const begin = async () => {
  const tenant = await ownedTrial(app);
  const { body } = await app.call('POST', '/v1/catalog/trial-request', {
    body: { tenant_id: tenant.id, product: 'insights' },
  });
  await waitFor(
    'The first look of its workflow',
    () => rows.one('select driven_at from product_trials where id = $1', [body.id]),
    (row) => row.driven_at !== null,
  );
  return { ...tenant, trialId: String(body.id) };
};
/** Lets time go by for a trial, as its rows see it, and has its workflow look. */
const age = async (trialId: string, interval: string): Promise<void> => {
  await rows.query(
    `with trial as (update product_trials set started_at = started_at - $2::interval where id = $1
       returning tenant_id, product)
     update entitlements as e set expires_at = e.expires_at - $2::interval
     from trial where e.tenant_id = trial.tenant_id and e.product = trial.product`,
    [trialId, interval],
  );
  await withSystem(app.deps.db, 'relay', (tx) => app.deps.outbox.wake(tx, wakeTrial(trialId)));
};
const ended = (trialId: string) =>
  waitFor(
    'The end of the trial',
    () => rows.one('select ended_at, end_reason from product_trials where id = $1', [trialId]),
    (row) => row.ended_at !== null,
  );
const statusOf = async (tenantId: string): Promise<string> =>
  (await rows.one('select status from entitlements where tenant_id = $1', [tenantId])).status;
const extend = (tenantId: string, days: number) =>
  app.call('PUT', '/v1/entitlements', {
    body: {
      tenant_id: tenantId,
      product: 'insights',
      status: 'trial',
      limits: {},
      expires_at: new Date(Date.now() + days * 86_400_000).toISOString(),
    },
  });

test('a trial is warned of three days before its end, once, and ends with a mail and an expired entitlement', async () => {
  const trial = await begin();
  await age(trial.trialId, '11 days 1 minute');
  expect(await subjectsTo(app, trial.email, 1)).toEqual(['The trial of Insights ends soon']);
  await age(trial.trialId, '0');
  await age(trial.trialId, '3 days');
  expect(await ended(trial.trialId)).toMatchObject({ end_reason: 'expired' });
  expect(await statusOf(trial.id)).toBe('expired');
  expect(await subjectsTo(app, trial.email, 2)).toEqual([
    'The trial of Insights ends soon',
    'The trial of Insights is over',
  ]);
  const run = app.deps.temporal.client.workflow.getHandle(`product-trial/${trial.trialId}`);
  await expect(run.result()).resolves.toBeUndefined();
});

test('one that is extended in time goes on, and is warned of its new end', async () => {
  const trial = await begin();
  await age(trial.trialId, '12 days');
  await subjectsTo(app, trial.email, 1);
  expect((await extend(trial.id, 10)).status).toBe(200);
  await age(trial.trialId, '5 days');
  expect(await statusOf(trial.id)).toBe('trial');
  await age(trial.trialId, '3 days');
  expect(await subjectsTo(app, trial.email, 2)).toHaveLength(2);
});

test('one that is extended after its end begins to run again', async () => {
  const trial = await begin();
  await age(trial.trialId, '14 days');
  await ended(trial.trialId);
  expect((await extend(trial.id, 5)).status).toBe(200);
  expect(await statusOf(trial.id)).toBe('trial');
  await age(trial.trialId, '5 days');
  await ended(trial.trialId);
  expect(await statusOf(trial.id)).toBe('expired');
});

test('one that became an active entitlement ends without a mail', async () => {
  const trial = await begin();
  await app.call('PUT', '/v1/entitlements', {
    body: { tenant_id: trial.id, product: 'insights', status: 'active', limits: {} },
  });
  expect(await ended(trial.trialId)).toMatchObject({ end_reason: 'granted' });
  const run = app.deps.temporal.client.workflow.getHandle(`product-trial/${trial.trialId}`);
  await run.result();
  expect(app.mailbox.messages().filter(({ to }) => to.includes(trial.email))).toEqual([]);
  expect(await statusOf(trial.id)).toBe('active');
});

test('one whose tenant is purged is over with it, also for a wake-up that comes later', async () => {
  const trial = await begin();
  const { key } = await machine(app, ['tenants:purge', 'tenants:read']);
  await app.call('DELETE', `/tenants/${trial.slug}`);
  const body = { reason: 'Contract is over' };
  await app.call('POST', `/tenants/${trial.slug}/purge`, { key, body });
  await waitFor(
    'The end of the purge',
    () => rows.one('select purged_at from tenants where id = $1', [trial.id]),
    (row) => row.purged_at !== null,
  );
  expect(await rows.query('select 1 from product_trials where id = $1', [trial.trialId])).toEqual(
    [],
  );
  const runs = new Set<string>();
  for (const run of ['The run that followed it', 'A new run']) {
    await withSystem(app.deps.db, 'relay', (tx) =>
      app.deps.outbox.wake(tx, wakeTrial(trial.trialId)),
    );
    const handle = app.deps.temporal.client.workflow.getHandle(`product-trial/${trial.trialId}`);
    const ended = await waitFor(
      run,
      () => handle.describe(),
      ({ runId, status }) => !runs.has(runId) && status.name !== 'RUNNING',
    );
    expect(ended.status.name).toBe('COMPLETED');
    runs.add(ended.runId);
  }
});

test('a warning that waited for its mail server until the trial was extended is not sent', async () => {
  const trial = await begin();
  const [row] = await rows.query('select expires_at from entitlements where tenant_id = $1', [
    trial.id,
  ]);
  const write = (id: string, endsAt: Date) =>
    rows.query(
      `insert into mails (id, kind, owner, tenant_id, to_email, locale, data, message_id)
       values ($1::uuid, 'trial-ending', 'relay', $2, $3, 'en', $4, '<' || $1 || '@usher>')`,
      [
        id,
        trial.id,
        trial.email,
        JSON.stringify({
          tenant_name: 'Nordlicht',
          product: 'Insights',
          product_id: 'insights',
          ends_at: endsAt.toISOString(),
        }),
      ],
    );
  await write('00000000-0000-7000-8000-00000000bbb1', new Date(row.expires_at.getTime() - 60_000));
  await write('00000000-0000-7000-8000-00000000bbb2', row.expires_at);
  const statuses = await waitFor(
    'The end of both mails',
    () =>
      rows.query(
        `select status from mails where id::text like '00000000-0000-7000-8000-00000000bbb%' order by id`,
      ),
    (found) => found.every(({ status }) => !['due', 'sending'].includes(status)),
  );
  expect(statuses).toEqual([{ status: 'dropped' }, { status: 'sent' }]);
});
