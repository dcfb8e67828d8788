import { withSystem } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { insertJob, insertSteps, insertTenant } from '../domain/onboarding/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';

let app: TestApp;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(app.deps.db, 'cli', fn);

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});

afterAll(() => app.stop());

const parked = (slug = `p-${newId().slice(-12)}`) =>
  act(async (tx) => {
    const tenantId = await insertTenant(tx, { slug });
    const job = await insertJob(tx, {
      tenantId,
      state: 'failed',
      stoodAt: 'workspace_registered',
      acceptedAgo: 90,
      parkedAgo: 60,
      failedStep: 'sample.smoke',
      problem: 'backend-refused',
      waitingFor: 'order',
      number: 1,
    });
    await insertSteps(tx, job, { 'sample.register': 'done', 'sample.smoke': 'parked' });
    return { ...job, slug };
  });

describe('GET /onboarding/jobs', () => {
  it('200 pages with a signed cursor through what matches', async () => {
    const slug = `many-${newId().slice(-12)}`;
    const ids = await act(async (tx) => {
      const tenantId = await insertTenant(tx, { slug });
      const jobs = [];
      for (let n = 0; n < 5; n += 1) jobs.push(await insertJob(tx, { tenantId }));
      return jobs.map(({ id }) => id);
    });
    const seen: string[] = [];
    let cursor = '';
    do {
      const { status, body } = await app.call(
        'GET',
        `/onboarding/jobs?slug=${slug}&limit=2${cursor}`,
      );
      expect(status).toBe(200);
      seen.push(...body.items.map((job: { job_id: string }) => job.job_id));
      cursor = body.next_cursor === null ? '' : `&cursor=${encodeURIComponent(body.next_cursor)}`;
    } while (cursor !== '');
    expect(seen.sort()).toEqual(ids.sort());
  });

  it('200 clamps a limit above 100', async () => {
    expect((await app.call('GET', '/onboarding/jobs?limit=5000')).status).toBe(200);
  });

  it('422 for a cursor of another filter, a broken cursor and an unknown filter', async () => {
    await parked();
    await parked();
    const { body } = await app.call('GET', '/onboarding/jobs?state=failed&limit=1');
    const cursor = encodeURIComponent(body.next_cursor);
    const other = await app.call('GET', `/onboarding/jobs?state=active&limit=1&cursor=${cursor}`);
    expect([other.status, other.body.code]).toEqual([422, 'cursor-invalid']);
    const broken = await app.call('GET', `/onboarding/jobs?state=failed&cursor=${cursor.slice(1)}`);
    expect(broken.body.code).toBe('cursor-invalid');
    const unknown = await app.call('GET', '/onboarding/jobs?stat=failed');
    expect([unknown.status, unknown.body.errors[0].pointer]).toEqual([422, '/query/stat']);
  });

  it('403 for a caller without onboardings:read', async () => {
    const key = await app.keyFor('auditor');
    expect((await app.call('GET', '/onboarding/jobs', { key })).status).toBe(403);
  });
});

describe('GET /onboarding/jobs/{id}', () => {
  it('200 tells all, with what the caller may order now and why not the rest', async () => {
    const job = await parked();
    const actionsOf = async (key?: string) => {
      const { status, body, headers } = await app.call(
        'GET',
        `/onboarding/jobs/${job.id}`,
        key ? { key } : {},
      );
      expect([status, headers.get('etag')]).toEqual([200, '"v1"']);
      return Object.fromEntries(
        body.actions.map((one: { action: string; why_not: string | null }) => [
          one.action,
          one.why_not,
        ]),
      );
    };
    expect(await actionsOf()).toEqual({
      retry: null,
      fix: null,
      skip: null,
      rollback: null,
      cancel: null,
    });
    expect(await actionsOf(await app.keyFor('support'))).toEqual({
      retry: null,
      fix: null,
      skip: 'forbidden',
      rollback: 'forbidden',
      cancel: 'forbidden',
    });
  });

  it('404 for an unknown id', async () => {
    const { status, body } = await app.call('GET', `/onboarding/jobs/${newId()}`);
    expect([status, body.code]).toEqual([404, 'onboarding-not-found']);
  });
});

describe('GET /onboarding/clients/{client_id}/status', () => {
  it('200 shows operators the steps and what is wrong', async () => {
    const job = await parked();
    const { status, body } = await app.call('GET', `/onboarding/clients/${job.tenantId}/status`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      job_id: job.id,
      status: 'failed',
      step: 'sample.smoke',
      last_error: { code: 'backend-refused', title: expect.any(String), next: expect.any(String) },
    });
  });

  it('200 shows the customer five plain labels and no error; 403 for any other tenant', async () => {
    const email = `c-${newId().slice(-12)}@example.com`;
    const invited = await app.call('POST', '/onboarding/invites', {
      body: { email, name: 'Mila Kern' },
    });
    const token = String(invited.body.activation_link).split('/').at(-1) ?? '';
    const secret = 'velvet anchor meadow glacier';
    await app.call('POST', `/onboarding/invites/${token}/accept`, {
      anonymous: true,
      body: { password: secret, accept_terms: true },
    });
    const login = await app.call('POST', '/auth/login', {
      anonymous: true,
      body: { email, password: secret },
    });
    const cookie = login.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const client = String(invited.body.client_id);
    await act((tx) =>
      tx.run(
        `update onboardings set state = 'failed', stood_at = 'email_confirmed', problem = 'backend-refused',
           failed_step = 'sample.register', waiting_for = 'order' where tenant_id = $1`,
        [client],
      ),
    );
    const own = await app.call('GET', `/onboarding/clients/${client}/status`, {
      anonymous: true,
      headers: { cookie },
    });
    expect(own.status).toBe(200);
    expect(own.body).toMatchObject({ status: 'failed', step: 'workspace', last_error: null });
    expect(own.body.steps).toHaveLength(5);
    expect(JSON.stringify(own.body)).not.toContain('backend-refused');
    for (const other of [newId(), (await parked()).tenantId]) {
      const refused = await app.call('GET', `/onboarding/clients/${other}/status`, {
        anonymous: true,
        headers: { cookie },
      });
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    }
  });

  it('401 without a credential, 404 for a client that has none', async () => {
    const path = `/onboarding/clients/${newId()}/status`;
    expect((await app.call('GET', path, { anonymous: true })).status).toBe(401);
    expect((await app.call('GET', path)).body.code).toBe('onboarding-not-found');
  });
});
