import { randomBytes } from 'node:crypto';
import { createKeyHasher, newKey } from '../../../src/platform/crypto/keys';
import {
  createServiceAccount,
  findServiceCaller,
} from '../../../src/domain/identity/service-accounts';
import { settleIdentity } from '../../../src/domain/identity/upkeep';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { startIdentityApp } from '../../support/identity-app';
import type { Answer, IdentityApp } from '../../support/identity-app';
import { age, auditTrail, createPerson, signIn } from '../../support/identity-people';

let app: IdentityApp;
let owner: string;
const nowhere = { ip: null, userAgent: null };

beforeAll(async () => {
  app = await startIdentityApp();
  owner = await signIn(app, await createPerson(app, { roles: ['owner'] }));
});
afterAll(() => app.close());

const create = (body: Record<string, unknown>, over: Record<string, unknown> = {}) =>
  app.ask('POST', '/service-accounts', {
    session: owner,
    body: { name: 'billing', permissions: ['invites:read'], ...body },
    ...over,
  });
const asService = (key: string, from = '192.0.2.1') =>
  app.ask('GET', '/me', { headers: { 'x-api-key': key }, from });

describe('POST /service-accounts', () => {
  test('201 shows the key this once; only its digest is stored', async () => {
    const { status, body, headers } = await create({});
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe('"v1"');
    expect(body.key).toMatch(/^ush_live_[0-9A-Za-z]{36}$/);
    expect(body.prefix).toBe(body.key.slice(0, 17));
    const listed = await app.ask('GET', '/service-accounts?limit=100', { session: owner });
    expect(JSON.stringify(listed.body)).not.toContain(body.key);
    const { rows } = await app.db.pool.query<{ row: string }>(
      'select to_jsonb(s)::text as row from service_accounts as s',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(body.key);
    expect(app.log.join()).not.toContain(body.key);
  });

  test('the key says who it is and what it may, as X-Api-Key or Bearer', async () => {
    const { body } = await create({
      name: 'reporting',
      permissions: ['audit:read', 'invites:read'],
    });
    for (const headers of [
      { 'x-api-key': body.key },
      { authorization: `Bearer ${body.key}` },
      { 'x-api-key': body.key, authorization: `bearer ${body.key}` },
    ]) {
      expect(await app.ask('GET', '/me', { headers })).toMatchObject({
        status: 200,
        body: {
          user: null,
          service_account: { id: body.id, name: 'reporting' },
          permissions: ['audit:read', 'invites:read'],
        },
      });
    }
  });

  test('a role is shorthand for its permissions, without those that need a fresh sign-in', async () => {
    const { body } = await create({ permissions: undefined, role: 'admin' });
    expect(body.permissions).toContain('invites:create');
    expect(body.permissions).not.toContain('users:grant');
    expect(body.permissions).not.toContain('secrets:reveal');
    const both = await create({ permissions: ['users:grant'], role: 'admin' });
    expect(both.body.permissions).toEqual([...body.permissions, 'users:grant'].sort());
  });

  test('403 for a permission that its creator lacks', async () => {
    const admin = await signIn(app, await createPerson(app, { roles: ['admin'] }));
    expect(await create({ permissions: ['onboardings:skip'] }, { session: admin })).toMatchObject({
      status: 403,
      body: { code: 'role-too-high' },
    });
    const { body } = await create({ permissions: ['service-accounts:create', 'invites:read'] });
    const byService = (permissions: string[]) =>
      app.ask('POST', '/service-accounts', {
        headers: { 'x-api-key': body.key },
        body: { name: 'child', permissions },
      });
    expect(await byService(['invites:create'])).toMatchObject({ status: 403 });
    expect(await byService(['invites:read'])).toMatchObject({ status: 201 });
  });

  test('403 without the permission, and 403 when the sign-in is older than 10 minutes', async () => {
    const operator = await signIn(app, await createPerson(app, { roles: ['operator'] }));
    expect(await create({}, { session: operator })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    const stale = await signIn(app, await createPerson(app, { roles: ['owner'] }));
    await age(app, '11 minutes');
    expect(await create({}, { session: stale })).toMatchObject({
      status: 403,
      body: { code: 'step-up-required' },
    });
    owner = await signIn(app, await createPerson(app, { roles: ['owner'] }));
  });

  test.each([
    [{ permissions: ['invites:fly'] }, '/permissions'],
    [{ permissions: undefined }, '/permissions'],
    [{ allowed_cidrs: ['10.0.0.0/8', '10.0.0.0/33'] }, '/allowed_cidrs/1'],
    [{ role: 'emperor' }, '/role'],
    [{ name: '' }, '/name'],
  ])('422 for %j points at %s', async (body, pointer) => {
    const answer = await create(body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation-failed' } });
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(
      pointer,
    );
  });

  test('a repeat with the same Idempotency-Key is the same account with the same key', async () => {
    const headers = { 'idempotency-key': 'once-only' };
    const [first, again] = [await create({}, { headers }), await create({}, { headers })];
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const { rows } = await app.db.pool.query<{ row: string }>(
      'select to_jsonb(i)::text as row from idempotency_keys as i',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(first.body.key);
  });
});

describe('the address allow-list', () => {
  test.each([
    ['10.1.0.0/16', '10.1.2.3', 200],
    ['10.1.0.0/16', '10.2.2.3', 403],
    ['10.1.2.3', '10.1.2.3', 200],
    ['10.1.2.3/16', '10.1.9.9', 200],
    ['2001:db8::/32', '2001:db8:ffff::1', 200],
    ['2001:db8::/32', '2001:db9::1', 403],
    ['::ffff:10.1.0.0/112', '10.1.255.1', 200],
    ['0.0.0.0/0', '2001:db8::1', 403],
  ])('%s answers %s with %i', async (range, from, status) => {
    const { body } = await create({ allowed_cidrs: [range] });
    const answer = await asService(body.key, from);
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body.code).toBe('address-not-allowed');
  });

  test('sees an IPv4 address that comes mapped into IPv6 as what it is', async () => {
    const { body } = await create({ allowed_cidrs: ['10.1.0.0/16'] });
    const find = (ip: string | undefined) =>
      findServiceCaller(app.db, app.serviceKeys, body.key, ip);
    expect(await find('::ffff:10.1.2.3')).toMatchObject({ serviceAccountId: body.id });
    for (const ip of ['::ffff:10.2.2.3', undefined, 'nonsense']) {
      await expect(find(ip)).rejects.toMatchObject({ code: 'address-not-allowed' });
    }
  });
});

describe('GET /service-accounts', () => {
  test('200 lists them newest first, page by page, with their last use', async () => {
    const { body } = await create({ name: 'newest' });
    await asService(body.key);
    const page = await app.ask('GET', '/service-accounts?limit=2', { session: owner });
    expect(page.body.items[0]).toMatchObject({ id: body.id, name: 'newest', revoked_at: null });
    expect(page.body.items[0].last_used_at).not.toBeNull();
    const next = await app.ask(
      'GET',
      `/service-accounts?limit=2&cursor=${encodeURIComponent(page.body.next_cursor)}`,
      { session: owner },
    );
    const ids = [...page.body.items, ...next.body.items].map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(4);
  });

  test('the last use is written at most once a minute', async () => {
    const { body } = await create({});
    const lastUse = async () =>
      (
        await app.db.pool.query<{ at: Date }>(
          'select last_used_at as at from service_accounts where id = $1',
          [body.id],
        )
      ).rows[0]!.at;
    await asService(body.key);
    const first = await lastUse();
    await asService(body.key);
    expect(await lastUse()).toEqual(first);
    await app.db.pool.query(
      `update service_accounts set last_used_at = last_used_at - interval '61 seconds' where id = $1`,
      [body.id],
    );
    await asService(body.key);
    expect((await lastUse()).getTime()).toBeGreaterThanOrEqual(first.getTime());
  });
});

describe('POST /service-accounts/{id}/rotate', () => {
  const rotate = (id: string, headers = {}) =>
    app.ask('POST', `/service-accounts/${id}/rotate`, { session: owner, headers });

  test('200 shows a new key; the old one is dead once it returns', async () => {
    const { body } = await create({});
    const rotated = await rotate(body.id);
    expect(rotated).toMatchObject({ status: 200, body: { id: body.id, version: 2 } });
    expect(await asService(body.key)).toMatchObject({ status: 401 });
    expect(await asService(rotated.body.key)).toMatchObject({ status: 200 });
  });

  test('412 for a version that is not current, 404 for no account, 409 for a revoked one', async () => {
    const { body } = await create({});
    expect(await rotate(body.id, { 'if-match': '"v7"' })).toMatchObject({
      status: 412,
      body: { code: 'version-stale', current_etag: '"v1"' },
    });
    expect(await rotate(newId())).toMatchObject({ status: 404 });
    await app.ask('DELETE', `/service-accounts/${body.id}`, { session: owner });
    expect(await rotate(body.id)).toMatchObject({
      status: 409,
      body: { code: 'service-account-revoked' },
    });
  });

  test('403 for somebody who does not hold all that the new key would give them', async () => {
    const { body } = await create({ permissions: ['onboardings:skip'] });
    const admin = await signIn(app, await createPerson(app, { roles: ['admin'] }));
    expect(
      await app.ask('POST', `/service-accounts/${body.id}/rotate`, { session: admin }),
    ).toMatchObject({ status: 403, body: { code: 'role-too-high' } });
  });
});

describe('DELETE /service-accounts/{id}', () => {
  test('204 revokes, repeatably; the key is dead once it returns', async () => {
    const { body } = await create({});
    const revoke = () => app.ask('DELETE', `/service-accounts/${body.id}`, { session: owner });
    expect(await revoke()).toMatchObject({ status: 204 });
    expect(await asService(body.key)).toMatchObject({ status: 401 });
    expect(await revoke()).toMatchObject({ status: 204 });
    expect(await auditTrail(app, 'service_account.revoked')).toHaveLength(2);
    expect(
      await app.ask('DELETE', `/service-accounts/${newId()}`, { session: owner }),
    ).toMatchObject({
      status: 404,
    });
  });
});

describe('a credential in a header', () => {
  let key: string;
  beforeAll(async () => (key = (await create({})).body.key));

  const cases: [string, () => Record<string, string>][] = [
    ['is unknown', () => ({ 'x-api-key': newKey('ush', 'live') })],
    ['is malformed', () => ({ 'x-api-key': 'not a key' })],
    ['is empty', () => ({ 'x-api-key': '' })],
    ['is huge', () => ({ 'x-api-key': 'x'.repeat(8_000) })],
    ['is given twice', () => ({ 'x-api-key': `${key}, ${key}` })],
    [
      'has a wrong checksum',
      () => ({ 'x-api-key': `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}` }),
    ],
    ['is of another scheme', () => ({ authorization: 'Basic dXNlcjpwYXNz' })],
    ['is a bare scheme', () => ({ authorization: 'Bearer' })],
    ['is two words', () => ({ authorization: `Bearer ${key} ${key}` })],
    [
      'differs between the headers',
      () => ({ 'x-api-key': key, authorization: `Bearer ${newKey('ush', 'live')}` }),
    ],
    ['is a token in the place of a key', () => ({ 'x-api-key': 'eyJh.eyJz.c2ln' })],
    ['is an unreadable token', () => ({ authorization: 'Bearer eyJh.eyJz.c2ln' })],
  ];
  test.each(cases)(
    'that %s is refused with 401, also beside a good session',
    async (_, headers) => {
      for (const session of [undefined, owner]) {
        const answer: Answer = await app.ask('GET', '/me', {
          session,
          headers: {
            ...(session ? { cookie: `usher_session=${session}` } : {}),
            ...headers(),
          },
        });
        expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      }
    },
  );
});

describe('peppers', () => {
  const pepper = (id: string) => ({ id, key: randomBytes(32) });
  const label = 'usher/service-account/v1';
  const [old, current] = [pepper('old'), pepper('new')];
  const keysWith = (...peppers: ReturnType<typeof pepper>[]) => ({
    prefix: 'ush',
    hasher: createKeyHasher(peppers, label),
  });
  const cli = { actorId: 'system:cli', permissions: 'all' } as const;

  test('a key under a retired pepper still opens, and moves to the active one on use', async () => {
    const before = keysWith(old);
    const { key, id } = await withSystem(app.db, 'cli', (tx) =>
      createServiceAccount(
        tx,
        before,
        cli,
        { name: 'old', permissions: ['audit:read'], allowedCidrs: [] },
        nowhere,
      ),
    );
    const during = keysWith(current, old);
    expect(await findServiceCaller(app.db, during, key, undefined)).toMatchObject({
      serviceAccountId: id,
    });
    expect(await findServiceCaller(app.db, keysWith(current), key, undefined)).toMatchObject({
      serviceAccountId: id,
    });
    expect(await findServiceCaller(app.db, before, key, undefined)).toBeUndefined();
  });

  test('boot refuses to go on without a pepper that accounts hang on', async () => {
    const { hasher } = keysWith(pepper('other'));
    await expect(settleIdentity(app.db, { issuerNames: [], hasher })).rejects.toThrow(
      /KEYS_HASH_PEPPER lacks the pepper p1/,
    );
  });
});
