import { createDatabase, withOperator, withTenant } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import type { Keyset } from '../../../src/platform/cursors';
import { newId } from '../../../src/platform/ids';
import { readClientStatus, readPlainProgress } from '../../../src/domain/onboarding/client-status';
import { getJob } from '../../../src/domain/onboarding/job-detail';
import { listJobs } from '../../../src/domain/onboarding/jobs';
import type { Job, JobFilter } from '../../../src/domain/onboarding/jobs';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertJob, insertSteps, insertTenant } from './rows';

let home: TestDatabase;
let db: Database;

const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:support', fn);
const first: Keyset = { limit: 100, after: null };
const found = async (filter: JobFilter): Promise<string[]> =>
  (await act((tx) => listJobs(tx, filter, first))).items.map(({ id }) => id);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'jobs-test', max: 4 });
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

beforeEach(async () => {
  await act(async (tx) => {
    for (const table of ['mails', 'orders', 'step_attempts', 'onboarding_steps']) {
      await tx.run(`delete from ${table}`);
    }
  });
});

describe('the list of onboardings', () => {
  it('pages through every onboarding once, newest first, also those of one microsecond', async () => {
    const slug = `page-${newId().slice(-12)}`;
    const ids = await act(async (tx) => {
      const tenantId = await insertTenant(tx, { slug });
      const jobs = [];
      for (let n = 0; n < 23; n += 1)
        jobs.push(await insertJob(tx, { tenantId, email: `p${String(n)}@x.example` }));
      // Seven at each of three moments that differ by a microsecond only, and two later ones.
      for (const [n, { id }] of jobs.entries()) {
        await tx.run(
          `update onboardings set created_at = timestamptz '2026-05-05 10:00:00.000100+00'
             + $2 * interval '1 microsecond' where id = $1`,
          [id, n < 21 ? n % 3 : n],
        );
      }
      return jobs.map(({ id }) => id);
    });
    const seen: Job[] = [];
    let keyset: Keyset = { limit: 4, after: null };
    for (;;) {
      const page = await act((tx) => listJobs(tx, { slug }, keyset));
      seen.push(...page.items);
      if (!page.next) break;
      keyset = { limit: 4, after: page.next };
    }
    expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const order = seen.map(({ createdAt }) => createdAt.getTime());
    expect(order).toEqual([...order].sort((a, b) => b - a));
  });

  it('never shows a dead invite as open', async () => {
    const { id } = await act((tx) => insertJob(tx, { expiresIn: -1 }));
    const held = await act((tx) => insertJob(tx, { expiresIn: -1, held: true }));
    expect(await found({ state: 'expired' })).toContain(id);
    expect(await found({ state: 'invited' })).not.toContain(id);
    expect(await found({ state: 'invited' })).toContain(held.id);
  });

  it('finds by state, failed step, problem, age, address, slug and request id', async () => {
    const tenantId = await act((tx) => insertTenant(tx, { slug: 'acme-100-percent' }));
    const [requestId, eventRequest, orderId] = [newId(), newId(), newId()];
    const job = await act(async (tx) => {
      const inserted = await insertJob(tx, {
        tenantId,
        email: 'Clara_X@Example.com',
        state: 'failed',
        stoodAt: 'email_confirmed',
        acceptedAgo: 600,
        createdAgo: 700,
        parkedAgo: 500,
        failedStep: 'sample.register',
        problem: 'backend-timeout',
        waitingFor: 'order',
        requestId,
      });
      await tx.run(
        `insert into onboarding_events (onboarding_id, tenant_id, transition_id, type, actor, request_id)
         values ($1, $2, 'x', 'parked', 'system:workflow', $3)`,
        [inserted.id, tenantId, eventRequest],
      );
      await tx.run(
        `insert into orders (id, onboarding_id, tenant_id, number, kind, reason, actor, client_request_id)
         values ($1, $2, $3, 1, 'retry', 'again', 'user:a', 'from-the-client')`,
        [orderId, inserted.id, tenantId],
      );
      return inserted;
    });
    const hour = (n: number) => new Date(Date.now() - n * 3_600_000).toISOString();
    const matching: JobFilter[] = [
      { state: 'failed', failed_step: 'sample.register', problem: 'backend-timeout' },
      { slug: 'acme-100', parked_before: hour(8) },
      { slug: 'acme-100', created_before: hour(11), created_after: hour(12) },
      { email: 'clara_x@' },
      { slug: '100-percent' },
      { request_id: requestId },
      { request_id: eventRequest },
      { request_id: orderId },
      { request_id: 'from-the-client' },
      { q: 'CLARA_X' },
      { q: 'acme-100' },
      { q: 'Tenant acme-100' },
      { q: job.id.toUpperCase() },
      { q: job.inviteId },
      { q: tenantId },
      { q: eventRequest },
      { q: ' from-the-client ' },
    ];
    for (const filter of matching)
      expect([filter, await found(filter)]).toEqual([filter, [job.id]]);
    const missing: JobFilter[] = [
      { slug: 'acme-100', state: 'active' },
      { slug: 'acme-100', failed_step: 'sample.smoke' },
      { slug: 'acme-100', parked_before: hour(9) },
      { slug: 'acme-100', created_after: hour(11) },
      // Wildcards of the pattern language mean themselves.
      { email: 'clara%x@' },
      { slug: 'acme_100' },
      { request_id: newId() },
      { q: 'clara%' },
    ];
    for (const filter of missing) expect([filter, await found(filter)]).toEqual([filter, []]);
  });

  it('takes any time that a client may write', async () => {
    expect(await found({ created_before: '0000-01-01T00:00:00Z' })).toEqual([]);
    expect(await found({ created_after: '9999-12-31T23:59:59.999999999+23:59' })).toEqual([]);
  });

  it('shows the step that each is at', async () => {
    const [slug, steps] = [
      `s-${newId().slice(-12)}`,
      { 'a.one': 'done', 'a.two': 'pending', 'b.one': 'pending' },
    ];
    await act(async (tx) => {
      const tenantId = await insertTenant(tx, { slug });
      const cases = [
        { state: 'workspace_registered', acceptedAgo: 5 },
        { state: 'failed', acceptedAgo: 5, failedStep: 'b.one', kind: 'member' },
        { state: 'active', acceptedAgo: 5, kind: 'member' },
        {},
      ] as const;
      for (const [n, given] of cases.entries()) {
        const job = await insertJob(tx, { ...given, tenantId, createdAgo: n });
        await insertSteps(tx, job, steps);
      }
    });
    const { items } = await act((tx) => listJobs(tx, { slug }, first));
    expect(items.map(({ step }) => step)).toEqual(['a.two', 'b.one', null, null]);
  });

  it('shows nothing of other tenants to a transaction of one tenant', async () => {
    const [mine, other] = await act(async (tx) => [await insertJob(tx), await insertJob(tx)]);
    const rows = await withTenant(db, mine.tenantId, (tx) => listJobs(tx, {}, first));
    expect(rows.items.map(({ id }) => id)).toEqual([mine.id]);
    expect(rows.items.map(({ id }) => id)).not.toContain(other.id);
  });
});

describe('the detail of an onboarding', () => {
  const describeStep = (_connector: string, step: string) =>
    step === 'gone' ? undefined : { skippable: step === 'two', state: 'workspace_registered' };
  const everything = new Set(
    ['retry', 'fix', 'skip', 'rollback', 'cancel'].map((one) => `onboardings:${one}`),
  );

  it('tells steps, attempts, events, orders and mails, each in its order', async () => {
    const job = await act(async (tx) => {
      const inserted = await insertJob(tx, {
        state: 'failed',
        acceptedAgo: 10,
        failedStep: 'a.two',
        problem: 'backend-refused',
        waitingFor: 'order',
        number: 2,
      });
      await insertSteps(tx, inserted, {
        'a.one': 'done',
        'a.two': 'parked',
        'b.one': 'pending',
        'b.gone': 'pending',
      });
      for (const [n, outcome] of ['transient', 'permanent'].entries()) {
        await tx.run(
          `insert into step_attempts
             (id, onboarding_id, key, tenant_id, n, phase, generation, series, ended_at, outcome, http_status, problem,
              request, response, duration_ms, actor)
           values ($1, $2, 'a.two', $3, $4, 'do', 1, 1, now(), $5, 400, 'backend-refused', '{"body":"[redacted]"}',
             '{"status":400}', 12, 'system:workflow')`,
          [newId(), inserted.id, inserted.tenantId, n + 1, outcome],
        );
      }
      await tx.run(
        `insert into mails (id, kind, owner, invite_id, to_email, locale, message_id, status)
         values ($1, 'invite', 'workflow', $2, 'a@example.com', 'en', $3, 'bounced')`,
        [newId(), inserted.inviteId, newId()],
      );
      return inserted;
    });
    const detail = await act((tx) => getJob(tx, job.id, everything, describeStep));
    expect(detail.steps.map(({ key, skippable, state }) => [key, skippable, state])).toEqual([
      ['a.one', false, 'workspace_registered'],
      ['a.two', true, 'workspace_registered'],
      // Only the first connector's steps name states, and a step that its file has lost is still shown.
      ['b.one', false, null],
      ['b.gone', false, null],
    ]);
    expect(detail.steps[1]?.attempts.map(({ n, outcome }) => [n, outcome])).toEqual([
      [1, 'transient'],
      [2, 'permanent'],
    ]);
    expect(detail.steps[1]?.attempts[0]?.request).toEqual({ body: '[redacted]' });
    expect(detail.mails).toMatchObject([{ kind: 'invite', status: 'bounced' }]);
    expect(detail.actions.filter(({ possible }) => possible).map(({ action }) => action)).toEqual([
      'retry',
      'fix',
      'skip',
      'rollback',
      'cancel',
    ]);
  });

  it('offers no second order while one is queued for the same stop', async () => {
    const job = await act(async (tx) => {
      const inserted = await insertJob(tx, {
        state: 'failed',
        acceptedAgo: 10,
        failedStep: 'a.two',
        waitingFor: 'order',
        number: 3,
      });
      await tx.run(
        `insert into orders (id, onboarding_id, tenant_id, number, kind, reason, actor)
         values ($1, $2, $3, 3, 'retry', 'again', 'user:a')`,
        [newId(), inserted.id, inserted.tenantId],
      );
      return inserted;
    });
    const { actions } = await act((tx) => getJob(tx, job.id, everything, describeStep));
    expect(actions.some(({ possible }) => possible)).toBe(false);
    expect(actions.find(({ action }) => action === 'rollback')?.whyNot).toBe('order-exists');
  });

  it('is not found for an id that no onboarding has', async () => {
    await expect(act((tx) => getJob(tx, newId(), everything, describeStep))).rejects.toMatchObject({
      code: 'onboarding-not-found',
    });
  });
});

describe('the status of a client', () => {
  const statusOf = (tenantId: string, view: 'customer' | 'operator' = 'customer') =>
    act((tx) => readClientStatus(tx, tenantId, view));

  it('is that of the newest onboarding that is not a member', async () => {
    const tenantId = await act((tx) => insertTenant(tx));
    const old = await act((tx) =>
      insertJob(tx, {
        tenantId,
        state: 'rolled_back',
        acceptedAgo: 90,
        endedAgo: 80,
        createdAgo: 100,
      }),
    );
    expect((await statusOf(tenantId)).jobId).toBe(old.id);
    const again = await act((tx) => insertJob(tx, { tenantId, createdAgo: 50 }));
    expect(await statusOf(tenantId)).toMatchObject({ jobId: again.id, state: 'invited' });
    await act((tx) =>
      insertJob(tx, { tenantId, kind: 'member', state: 'active', acceptedAgo: 2, createdAgo: 3 }),
    );
    expect((await statusOf(tenantId)).jobId).toBe(again.id);
  });

  it('stays that of the provisioning while another invite of the tenant is open', async () => {
    const tenantId = await act((tx) => insertTenant(tx, { status: 'active' }));
    const active = await act((tx) =>
      insertJob(tx, {
        tenantId,
        state: 'active',
        acceptedAgo: 90,
        activatedAgo: 80,
        createdAgo: 100,
      }),
    );
    await act((tx) => insertJob(tx, { tenantId, createdAgo: 1 }));
    expect(await statusOf(tenantId)).toMatchObject({ jobId: active.id, state: 'active' });
  });

  it('shows customers five plain labels and never a problem; operators the real steps and the problem', async () => {
    const job = await act(async (tx) => {
      const inserted = await insertJob(tx, {
        state: 'failed',
        stoodAt: 'workspace_registered',
        acceptedAgo: 10,
        failedStep: 'backend-compat.add-token',
        problem: 'token-malformed',
        waitingFor: 'order',
      });
      await insertSteps(tx, inserted, {
        'backend-compat.register': 'done',
        'backend-compat.add-token': 'parked',
        'backend-compat.verify': 'pending',
      });
      return inserted;
    });
    const customer = await statusOf(job.tenantId);
    expect(customer.steps.map(({ label, status }) => `${label}: ${status}`)).toEqual([
      'Invite accepted: done',
      'Workspace set up: done',
      'Marketplace token stored: parked',
      'Connection checked: pending',
      'Ready to use: pending',
    ]);
    expect(customer).toMatchObject({ step: 'token', problem: null });
    const operator = await statusOf(job.tenantId, 'operator');
    expect(operator).toMatchObject({
      step: 'backend-compat.add-token',
      problem: 'token-malformed',
    });
    expect(operator.steps.map(({ key, status }) => `${key} ${status}`)).toEqual([
      'backend-compat.register done',
      'backend-compat.add-token parked',
      'backend-compat.verify pending',
    ]);
    const plain = await act((tx) => readPlainProgress(tx, job.id));
    expect(plain.steps).toMatchObject({ token: 'parked', checking: 'pending' });
  });

  it('is not found for a tenant without an onboarding', async () => {
    const tenantId = await act((tx) => insertTenant(tx));
    await expect(statusOf(tenantId)).rejects.toMatchObject({ code: 'onboarding-not-found' });
  });
});
