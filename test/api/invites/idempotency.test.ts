import { randomUUID } from 'node:crypto';
import { withSystem } from '../../../src/platform/db';
import { takeKey } from '../../../src/platform/idempotency';
import { invite } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { ageInvite, countOf, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const body = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  email: `p-${randomUUID()}@example.com`,
  ...more,
});

const create = (
  request: Record<string, unknown>,
  idempotencyKey?: string,
  serviceKey?: string,
): Promise<TestAnswer> =>
  app.call('POST', '/onboarding/invites', {
    body: request,
    headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
    ...(serviceKey === undefined ? {} : { key: serviceKey }),
  });

const replayed = ({ headers }: TestAnswer): string | null => headers.get('idempotency-replayed');

/** Lets time go by for all kept answers. */
const age = (interval: string): Promise<unknown> =>
  sql(
    app,
    `update idempotency_keys set created_at = created_at - $1::interval,
       expires_at = expires_at - $1::interval, once_expires_at = once_expires_at - $1::interval`,
    [interval],
  );

describe('a repeated Idempotency-Key', () => {
  test('with the same body gets the first answer again, marked as such, and creates nothing', async () => {
    const [key, request] = [randomUUID(), body()];
    const first = await create(request, key);
    const invites = await countOf(app, 'invites');
    const second = await create(request, key);
    expect([first.status, replayed(first)]).toEqual([201, null]);
    expect([second.status, replayed(second)]).toEqual([201, 'true']);
    expect(second.body).toEqual(first.body);
    expect(await countOf(app, 'invites')).toBe(invites);
  });

  test('gets it whatever the order of its fields, and whether defaults are spelt out', async () => {
    const key = randomUUID();
    const { email } = body();
    const first = await create({ email, tenant: { slug: `s-${key.slice(0, 8)}`, name: 'A' } }, key);
    const second = await create(
      { roles: ['client'], tenant: { name: 'A', slug: `s-${key.slice(0, 8)}` }, email },
      key,
    );
    expect(second.body).toEqual(first.body);
  });

  test('may stand in the body as idempotency_key; in the header and the body it is the same', async () => {
    const [key, request] = [randomUUID(), body()];
    const first = await create(request, key);
    const inBoth = await create({ ...request, idempotency_key: key }, key);
    expect(inBoth.body).toEqual(first.body);
    const inBody = await create({ ...request, idempotency_key: key });
    expect(replayed(inBody)).toBe('true');
    expect(inBody.body.invite_id).toBe(first.body.invite_id);
  });

  test('may stand in the body of orders, incidents and whatever else is made on this surface', async () => {
    const made = async (path: string, request: Record<string, unknown>) => {
      const answers = [
        await app.call('POST', path, { body: request }),
        await app.call('POST', path, { body: request }),
      ];
      return answers.map((answer) => [answer.status, replayed(answer)]);
    };
    const key = { idempotency_key: randomUUID() };
    const incident = { title: 'Down', severity: 'minor', ...key };
    expect(await made('/onboarding/incidents', incident)).toEqual([
      [201, null],
      [201, 'true'],
    ]);
    expect(await made('/onboarding/gates/freeze', { reason: 'Holidays', ...key })).toEqual([
      [200, null],
      [200, 'true'],
    ]);
    const { invite_id: id } = (await create(body())).body;
    await ageInvite(app, id, '61 seconds');
    expect(await made(`/onboarding/invites/${id}/resend`, key)).toEqual([
      [200, null],
      [200, 'true'],
    ]);
  });

  test('with another body answers 422', async () => {
    const key = randomUUID();
    await create(body(), key);
    const { status, body: problem } = await create(body(), key);
    expect([status, problem.code]).toEqual([422, 'idempotency-key-reused']);
  });

  test('is another one for another caller and for another route', async () => {
    const [key, request] = [randomUUID(), body()];
    const first = await create(request, key);
    const other = await create(request, key, await app.keyFor('operator'));
    expect([other.status, replayed(other)]).toEqual([201, null]);
    expect(other.body.invite_id).not.toBe(first.body.invite_id);
    await ageInvite(app, first.body.invite_id, '61 seconds');
    const resent = await app.call('POST', `/onboarding/invites/${first.body.invite_id}/resend`, {
      headers: { 'idempotency-key': key },
    });
    expect([resent.status, replayed(resent)]).toEqual([200, null]);
  });

  test('after a refusal is free again: only successes are kept', async () => {
    const key = randomUUID();
    const request = body({ tenant: { slug: 'admin' } });
    expect((await create(request, key)).status).toBe(409);
    expect(
      (await create({ ...request, tenant: { slug: `s-${key.slice(0, 8)}` } }, key)).status,
    ).toBe(201);
  });

  test('after 24 hours makes a new invite', async () => {
    const [key, request] = [randomUUID(), body()];
    const first = await create(request, key);
    await age('24 hours 1 second');
    const second = await create(request, key);
    expect([second.status, replayed(second)]).toEqual([201, null]);
    expect(second.body.invite_id).not.toBe(first.body.invite_id);
  });

  test('while the first request still runs answers 409 with Retry-After', async () => {
    const [key, request] = [randomUUID(), body()];
    await create(request, key);
    const [held] = await sql<{ key_hash: Buffer }>(
      app,
      'select key_hash from idempotency_keys order by created_at desc limit 1',
    );
    const {
      status,
      body: problem,
      headers,
    } = await withSystem(app.deps.db, 'cli', async (tx) => {
      await takeKey(tx, held!.key_hash);
      return create(request, key);
    });
    expect([status, problem.code]).toEqual([409, 'request-in-progress']);
    expect(headers.get('retry-after')).toBe('1');
  });

  test('of many requests at once lets one through; the others are told to wait or get its answer', async () => {
    const [key, request] = [randomUUID(), body()];
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(request, key)));
    expect(new Set(answers.map(({ status }) => status)).size).toBeLessThanOrEqual(2);
    const created = answers.filter(({ status }) => status === 201);
    expect(created.filter((answer) => replayed(answer) === null)).toHaveLength(1);
    expect(new Set(created.map((answer) => answer.body.invite_id)).size).toBe(1);
    for (const { status, body: problem } of answers) {
      if (status !== 201) expect([status, problem.code]).toEqual([409, 'request-in-progress']);
    }
  });
});

describe('the activation link', () => {
  test('is repeated for 10 minutes to a client that sends its header, then it is gone', async () => {
    const [key, request] = [randomUUID(), body()];
    const first = await create(request, key);
    await age('9 minutes 55 seconds');
    expect((await create(request, key)).body.activation_link).toBe(first.body.activation_link);
    await age('6 seconds');
    const late = await create(request, key);
    expect(late.status).toBe(201);
    expect(late.body).toEqual({
      ...first.body,
      activation_link: null,
      secret_expired: true,
    });
  });

  test('is not repeated to a client that names the request in the body only', async () => {
    const request = body({ idempotency_key: randomUUID() });
    const first = await create(request);
    expect(first.body.activation_link).toMatch(/\/invite\//);
    expect((await create(request)).body).toMatchObject({
      invite_id: first.body.invite_id,
      activation_link: null,
      secret_expired: true,
    });
    const rows = await sql<{ sealed: boolean }>(
      app,
      `select once_sealed is not null as sealed from idempotency_keys order by created_at desc limit 1`,
    );
    expect(rows).toEqual([{ sealed: false }]);
  });

  test('of a resend is repeated in the same way', async () => {
    const first = await invite(app);
    await ageInvite(app, first.inviteId, '61 seconds');
    const resend = (): Promise<TestAnswer> =>
      app.call('POST', `/onboarding/invites/${first.inviteId}/resend`, {
        headers: { 'idempotency-key': `resend-${first.inviteId}` },
      });
    const answer = await resend();
    const again = await resend();
    expect(again.body).toEqual(answer.body);
    expect(replayed(again)).toBe('true');
    await age('11 minutes');
    expect((await resend()).body).toMatchObject({ activation_link: null, secret_expired: true });
  });

  test('stands in no row in the clear, nor does the key', async () => {
    const key = `plain-key-${randomUUID()}`;
    const { body: created } = await create(body(), key);
    const token = String(created.activation_link).split('/').at(-1) ?? '';
    const dump = await sql<{ text: string }>(
      app,
      `select string_agg(row_to_json(k)::text, ' ') as text from idempotency_keys as k`,
    );
    expect(dump[0]?.text).not.toContain(token);
    expect(dump[0]?.text).not.toContain(key);
    expect(dump[0]?.text).not.toContain(Buffer.from(token).toString('hex'));
  });
});

describe('a replay runs the full authorisation first', () => {
  test('a revoked caller gets 401, one who lost the permission 403', async () => {
    const serviceKey = await app.keyFor('operator');
    const [key, request] = [randomUUID(), body()];
    expect((await create(request, key, serviceKey)).status).toBe(201);
    await sql(
      app,
      `update service_accounts set permissions = '{invites:read}' where name = 'test-operator'`,
    );
    expect((await create(request, key, serviceKey)).status).toBe(403);
    await sql(app, `update service_accounts set revoked_at = now() where name = 'test-operator'`);
    expect((await create(request, key, serviceKey)).status).toBe(401);
  });
});

describe('422', () => {
  test('idempotency-key-mismatch when header and body name different keys', async () => {
    const { status, body: problem } = await create(body({ idempotency_key: 'one' }), 'two');
    expect([status, problem.code]).toEqual([422, 'idempotency-key-mismatch']);
  });

  test.each(['', 'with blank', 'a'.repeat(256), 'ключ'])('for the key %p', async (key) => {
    const answer = await app.call('POST', '/onboarding/invites', {
      body: body(),
      headers: { 'idempotency-key': Buffer.from(key).toString('latin1') },
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toEqual([
      expect.objectContaining({ pointer: '/headers/idempotency-key' }),
    ]);
  });
});
