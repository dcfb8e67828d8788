import { randomUUID } from 'node:crypto';
import { variables } from '../../src/platform/config';
import { invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { machine, person } from './people';
import { sql } from './rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({
    worker: false,
    env: {
      RATE_INVITE_CREATE: variables.RATE_INVITE_CREATE.default,
      RATE_ACCEPT: variables.RATE_ACCEPT.default,
      TRUSTED_PROXIES: '127.0.0.1',
    },
  });
});
afterAll(() => app.stop());
// What one test used up is no concern of the next.
afterEach(() => sql(app, 'delete from rate_limits'));

const statuses = (answers: readonly TestAnswer[]): number[] => answers.map(({ status }) => status);

const expectLimited = ({ status, body, headers }: TestAnswer): void => {
  expect([status, body.code]).toEqual([429, 'rate-limited']);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
};

/** So many answers, one after the other. */
const times = async (n: number, ask: () => Promise<TestAnswer>): Promise<TestAnswer[]> => {
  const answers: TestAnswer[] = [];
  for (let i = 0; i < n; i += 1) answers.push(await ask());
  return answers;
};

describe('creating invites: 10 in a minute for each actor', () => {
  const create = (key: string, body: unknown = {}): Promise<TestAnswer> =>
    app.call('POST', '/onboarding/invites', {
      key,
      body: { email: `p-${randomUUID()}@example.com`, ...(body as object) },
    });
  let key: string;
  beforeEach(async () => ({ key } = await machine(app, ['invites:create', 'invites:resend'])));

  test('the eleventh answers 429 with Retry-After; another actor goes on', async () => {
    expect(statuses(await times(10, () => create(key)))).toEqual(Array(10).fill(201));
    expectLimited(await create(key));
    const other = await machine(app, ['invites:create']);
    expect((await create(other.key)).status).toBe(201);
  });

  test('a bulk counts as one, however many rows it has', async () => {
    const rows = Array.from({ length: 25 }, () => ({ email: `p-${randomUUID()}@example.com` }));
    const bulk = (): Promise<TestAnswer> =>
      app.call('POST', '/onboarding/invites/bulk', {
        key,
        body: { batch_id: randomUUID(), dry_run: true, rows },
      });
    await times(9, () => create(key));
    expect((await bulk()).body.rows).toHaveLength(25);
    expectLimited(await bulk());
    expectLimited(await create(key));
  });

  test('counts a request and its repetitions once, those of the same moment as well', async () => {
    const body = { email: `p-${randomUUID()}@example.com` };
    const repeated = (): Promise<TestAnswer> =>
      app.call('POST', '/onboarding/invites', { key, body, headers: { 'idempotency-key': 'one' } });
    const atOnce = statuses(await Promise.all(Array.from({ length: 8 }, repeated)));
    expect([...new Set(atOnce)].filter((status) => ![201, 409].includes(status))).toEqual([]);
    expect(statuses(await times(12, repeated))).toEqual(Array(12).fill(201));
    expect(statuses(await times(9, () => create(key)))).toEqual(Array(9).fill(201));
    expect((await repeated()).status).toBe(201);
    expectLimited(await create(key));
  });

  test('does not count requests that are not valid', async () => {
    expect(statuses(await times(12, () => create(key, { email: 'nobody' })))).toEqual(
      Array(12).fill(422),
    );
    expect((await create(key)).status).toBe(201);
  });

  test('holds for requests of the same moment as well', async () => {
    const answers = await Promise.all(Array.from({ length: 15 }, () => create(key)));
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(10);
    answers.filter(({ status }) => status !== 201).forEach(expectLimited);
  });
});

describe('holding links: 5 misses in a minute for each source', () => {
  const from = (ip: string): Record<string, string> => ({ 'x-forwarded-for': ip });

  const preview = (token: string, ip: string): Promise<TestAnswer> =>
    app.call('GET', `/onboarding/invites/${token}/preview`, { anonymous: true, headers: from(ip) });

  const accept = (token: string, ip: string, body: unknown = {}): Promise<TestAnswer> =>
    app.call('POST', `/onboarding/invites/${token}/accept`, {
      anonymous: true,
      headers: from(ip),
      body: { accept_terms: true, ...(body as object) },
    });

  test('the sixth answers 429, even with a good link; another source goes on', async () => {
    const { token } = await invite(app);
    const misses = [
      ...(await times(2, () => preview('nobody-knows', '192.0.2.1'))),
      ...(await times(3, () => accept('nobody-knows', '192.0.2.1'))),
    ];
    expect(statuses(misses)).toEqual(Array(5).fill(404));
    expectLimited(await accept(token, '192.0.2.1'));
    expectLimited(await preview(token, '192.0.2.1'));
    expect((await preview(token, '192.0.2.2')).status).toBe(200);
  });

  test('hits do not count', async () => {
    const { token } = await invite(app);
    expect(statuses(await times(8, () => preview(token, '192.0.2.3')))).toEqual(Array(8).fill(200));
    expect((await accept(token, '192.0.2.3')).status).toBe(200);
  });

  test('nor do links that are used, revoked or expired', async () => {
    const { token } = await invite(app);
    await accept(token, '192.0.2.4');
    expect(statuses(await times(8, () => accept(token, '192.0.2.4')))).toEqual(Array(8).fill(409));
  });

  test('wrong passwords count for the address whatever source they come from', async () => {
    const { email } = await person(app);
    const { token } = await invite(app, { email });
    let n = 10;
    const guess = (): Promise<TestAnswer> => {
      n += 1;
      return accept(token, `192.0.2.${String(n)}`, { password: 'a wrong guess of somebody' });
    };
    expect(statuses(await times(5, guess))).toEqual(Array(5).fill(401));
    expectLimited(await guess());
  });

  test('asking for a new link: 5 in a minute for each source', async () => {
    const ask = (ip: string): Promise<TestAnswer> =>
      app.call('POST', '/onboarding/invites/nobody-knows/request-new-link', {
        anonymous: true,
        headers: from(ip),
      });
    expect(statuses(await times(5, () => ask('192.0.2.100')))).toEqual(Array(5).fill(202));
    expectLimited(await ask('192.0.2.100'));
    expect((await ask('192.0.2.101')).status).toBe(202);
  });

  test('a proxy that nobody trusts cannot choose its source', async () => {
    const first = await accept('nobody-knows', '203.0.113.1, 192.0.2.200');
    expect(first.status).toBe(404);
    await times(4, () =>
      accept('nobody-knows', `203.0.113.${String(Math.ceil(Math.random() * 200))}, 192.0.2.200`),
    );
    expectLimited(await accept('nobody-knows', '203.0.113.9, 192.0.2.200'));
  });

  test('a forwarded address that is none counts as the proxy’s own, and is stored as such', async () => {
    const { token, inviteId } = await invite(app);
    expect((await accept(token, 'not-an-address')).status).toBe(200);
    const [row] = await sql(app, 'select host(terms_ip) as ip from invites where id = $1', [
      inviteId,
    ]);
    expect(row).toEqual({ ip: '127.0.0.1' });
  });
});

describe('all requests of a caller', () => {
  test('are unlimited by default', () => {
    expect(variables.RATE_API.default).toBe('off');
  });

  test('answer 429 beyond RATE_API, for that caller only', async () => {
    const limited = await startTestApp({ worker: false, env: { RATE_API: '3/60' } });
    try {
      const [one, two] = [
        await machine(limited, ['invites:read']),
        await machine(limited, ['invites:read']),
      ];
      const list = (key: string): Promise<TestAnswer> =>
        limited.call('GET', '/onboarding/invites', { key });
      expect(statuses(await times(3, () => list(one.key)))).toEqual([200, 200, 200]);
      expectLimited(await list(one.key));
      expect((await list(two.key)).status).toBe(200);
    } finally {
      await limited.stop();
    }
  });
});
