import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { translateError } from '../../api/middleware/problems';
import { createDatabase, withSystem } from '../../src/platform/db';
import { accept, invite } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { startCuttableProxy } from './cuttable-proxy';
import type { CuttableProxy } from './cuttable-proxy';
import { person, signedIn } from './people';
import { sql } from './rows';

const expectUnavailable = ({ status, body, headers }: TestAnswer): void => {
  expect([status, body.code]).toEqual([503, 'unavailable']);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
};

describe('while Postgres is gone', () => {
  let proxy: CuttableProxy;
  let app: TestApp;
  let invited: Invited;
  let session: Record<string, string>;
  beforeAll(async () => {
    proxy = await startCuttableProxy();
    app = await startTestApp({
      worker: false,
      databaseUrl: proxy.through,
      env: { DATABASE_POOL: '3' },
    });
    invited = await invite(app);
    session = await signedIn(app, await person(app, { roles: ['owner'] }));
  });
  afterEach(() => proxy.restore());
  afterAll(async () => {
    await app.stop();
    await proxy.stop();
  });

  const requests: [string, () => Promise<TestAnswer>][] = [
    ['a read with a key', () => app.call('GET', '/onboarding/invites')],
    ['a read with a session', () => app.call('GET', '/me', { anonymous: true, headers: session })],
    [
      'a create',
      () =>
        app.call('POST', '/onboarding/invites', {
          body: { email: `p-${randomUUID()}@example.com` },
        }),
    ],
    [
      'an order',
      () => app.call('POST', `/onboarding/jobs/${invited.jobId}/retry`, { body: { reason: 'x' } }),
    ],
    [
      'a preview',
      () => app.call('GET', `/onboarding/invites/${invited.token}/preview`, { anonymous: true }),
    ],
    [
      'an accept',
      () =>
        app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
          anonymous: true,
          body: { accept_terms: true },
        }),
    ],
    [
      'a sign-in',
      () =>
        app.call('POST', '/auth/login', {
          anonymous: true,
          body: { email: 'a@b.example', password: 'x' },
        }),
    ],
    [
      'a login link',
      () => app.call('POST', '/auth/link', { anonymous: true, body: { email: 'a@b.example' } }),
    ],
  ];

  test.each(requests)('%s answers 503 with Retry-After', async (_what, request) => {
    await proxy.cut();
    expectUnavailable(await request());
  });

  test('liveness goes on, readiness names the database, and both are well again when it is back', async () => {
    await proxy.cut();
    const probe = async (path: string): Promise<[number, unknown]> => {
      const response = await fetch(`${app.url}${path}`);
      return [response.status, await response.json()];
    };
    expect(await probe('/healthz')).toEqual([200, { status: 'ok' }]);
    const [status, body] = await probe('/readyz');
    const { parts } = body as { parts: Record<string, string> };
    const down = Object.keys(parts).filter((part) => parts[part] !== 'ok');
    expect([status, down]).toEqual([503, ['database']]);
    await proxy.restore();
    expect((await probe('/readyz'))[0]).toBe(200);
  });

  test('a request in the middle of its work answers 503, its work is undone, and the next one succeeds', async () => {
    const client = await app.deps.db.pool.connect();
    await client.query('begin');
    await client.query(`select set_config('usher.scope', 'all', true)`);
    await client.query('select 1 from tenants where id = $1 for update', [invited.clientId]);
    const create = (): Promise<TestAnswer> =>
      app.call('POST', '/onboarding/invites', {
        body: { email: 'in-between@example.com', tenant_id: invited.clientId },
      });
    const blocked = create();
    await sleep(300);
    await proxy.cut();
    expectUnavailable(await blocked);
    client.release(true);
    await proxy.restore();
    const { body } = await app.call('GET', '/onboarding/invites?email=in-between');
    expect(body.items).toEqual([]);
    expect((await create()).status).toBe(201);
  });

  test('it goes on by itself when Postgres is back, with every connection lost', async () => {
    for (let n = 0; n < 3; n += 1) {
      await proxy.cut();
      expectUnavailable(await app.call('GET', '/onboarding/invites'));
      await proxy.restore();
      expect((await app.call('GET', '/onboarding/invites')).status).toBe(200);
    }
  });

  test('requests that find no free connection answer 503 instead of waiting for ever', async () => {
    const clients = await Promise.all(Array.from({ length: 3 }, () => app.deps.db.pool.connect()));
    try {
      expectUnavailable(await app.call('GET', '/onboarding/invites'));
    } finally {
      for (const client of clients) client.release();
    }
    expect((await app.call('GET', '/onboarding/invites')).status).toBe(200);
  });

  test('a connection that has gone silent is given up, and its request may be sent again', async () => {
    const db = createDatabase({
      url: app.deps.env.DATABASE_URL.reveal(),
      applicationName: 'silent',
      queryTimeoutMs: 300,
    });
    try {
      const look = (): Promise<unknown> =>
        withSystem(db, 'cli', (tx) => tx.rows('select 1 as one'));
      await look();
      proxy.hang();
      const error: unknown = await look().catch((thrown: unknown) => thrown);
      expect(translateError(error)).toMatchObject({ code: 'unavailable' });
      await proxy.restore();
      expect(await look()).toEqual([{ one: 1 }]);
    } finally {
      await db.close();
    }
  });

  test('answers, and logs, tell nothing of where the database is or what was asked of it', () => {
    const text = app.logs.join('');
    expect(text).toContain('"problem":"unavailable"');
    expect(text).not.toMatch(/usher_app|select |insert |in-between@example/);
  });
});

describe('while Temporal is gone', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp({ worker: false });
  });
  afterAll(() => app.stop());

  const wakes = (inviteId: string): Promise<{ delivered: boolean }[]> =>
    sql(
      app,
      `select delivered_at is not null as delivered from outbox where workflow_id = $1 order by n`,
      [`onboarding/${inviteId}`],
    );

  test('an invite is created, accepted and provided with its inputs; its wake-ups wait', async () => {
    const invited = await invite(app, { workspace: undefined });
    await accept(app, invited);
    const { status, body } = await app.call('POST', '/onboarding/workspaces/provision', {
      body: { client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId },
    });
    expect([status, body.status]).toEqual([202, 'email_confirmed']);
    expect(await wakes(invited.inviteId)).toEqual(Array(3).fill({ delivered: false }));
    const ready = await fetch(`${app.url}/readyz`);
    expect(ready.status).toBe(200);
  });

  test('an order is taken and answers 202 queued; a second one for the same stop 409', async () => {
    const invited = await invite(app);
    await accept(app, invited);
    await sql(
      app,
      `update onboardings set state = 'failed', stood_at = 'email_confirmed', failed_step = 'sample.register',
         problem = 'backend-timeout', waiting_for = 'order', number = 1, parked_at = now() where id = $1`,
      [invited.jobId],
    );
    const give = (kind: string): Promise<TestAnswer> =>
      app.call('POST', `/onboarding/jobs/${invited.jobId}/${kind}`, {
        body: { reason: 'because' },
      });
    const { status, body } = await give('retry');
    expect([status, body.status, body.state, body.outcome]).toEqual([
      202,
      'queued',
      'failed',
      null,
    ]);
    expect((await give('cancel')).body.code).toBe('order-exists');
  });

  test('a login link, a decline, a resend and a revoke work as ever', async () => {
    const [declined, resent] = [await invite(app), await invite(app)];
    await sql(
      app,
      `update invites set last_sent_at = now() - interval '61 seconds' where id = $1`,
      [resent.inviteId],
    );
    const answers = [
      await app.call('POST', '/auth/link', { anonymous: true, body: { email: declined.email } }),
      await app.call('POST', `/onboarding/invites/${declined.token}/decline`, { body: {} }),
      await app.call('POST', `/onboarding/invites/${resent.inviteId}/resend`),
      await app.call('POST', `/onboarding/invites/${resent.inviteId}/revoke`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 200, 200, 200]);
  });

  test('a wake-up that could not be delivered is due again', async () => {
    const { inviteId } = await invite(app);
    const [row] = await waitFor(
      'The failed delivery',
      () =>
        sql<{ attempts: number; dead: boolean }>(
          app,
          `select attempts, dead_at is not null as dead from outbox where workflow_id = $1`,
          [`onboarding/${inviteId}`],
        ),
      ([wake]) => (wake?.attempts ?? 0) > 0,
    );
    expect(row?.dead).toBe(false);
  });
});
