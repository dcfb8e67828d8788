import { newKey } from '../../../src/platform/crypto/keys';
import { newId } from '../../../src/platform/ids';
import { insertEntitlement, insertProduct } from '../../domain/api-keys/rows';
import { insertTenant } from '../../domain/onboarding/rows';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { activeTenant, codeOf, inSystem, issue, post } from './keys';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  await inSystem(app, (tx) => insertProduct(tx, 'search'));
}, 120_000);
afterAll(() => app.stop());

describe('POST /v1/internal/api-keys/verify', () => {
  test('says of a good key whose it is and what it may', async () => {
    const key = await issue(app, {
      scopes: ['products:read', 'search:read'],
      role: 'admin',
      product: 'reports',
      cidrs: ['10.0.0.0/8', '2001:db8::/32'],
      rateLimit: { limit: 100, seconds: 60 },
      expiresIn: 3_600,
    });
    const { status, body, headers } = await post(app, {
      key: key.key,
      tenant_id: key.tenantId.toUpperCase(),
      environment: 'live',
      scopes: ['search:read'],
      product: 'reports',
      ip: '10.1.2.3',
    });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      valid: true,
      code: 'VALID',
      key_id: key.id,
      tenant_id: key.tenantId,
      tenant_slug: expect.stringMatching(/^t-/),
      environment: 'live',
      scopes: ['products:read', 'search:read'],
      role: 'admin',
      product: 'reports',
      expires_at: expect.any(String),
      rate_limit: { limit: 100, remaining: 99, reset_at: expect.any(String) },
    });
    expect(Date.parse(body.rate_limit.reset_at) % 60_000).toBe(0);
  });

  test('takes keys of every form', async () => {
    for (const format of ['usher', 'trk', 'bp'] as const) {
      const { key } = await issue(app, { format });
      expect(await codeOf(app, { key })).toBe('VALID');
    }
  });

  test('leaves out of the answer for an unlimited key what it does not have', async () => {
    const { body } = await post(app, { key: (await issue(app)).key });
    expect(body).toMatchObject({ role: null, product: null, expires_at: null, rate_limit: null });
    expect(body).not.toHaveProperty('rotation');
  });

  test.each([
    ['WRONG_ENVIRONMENT', {}, { environment: 'test' }],
    ['REVOKED', { revoked: true }, {}],
    ['BLOCKED', { blocked: true }, {}],
    ['REVOKED', { revoked: true, blocked: true }, {}],
    ['EXPIRED', { expiresIn: -1 }, {}],
    ['ROTATED', { endsIn: -1 }, {}],
    ['IP_DENIED', { cidrs: ['10.0.0.0/8'] }, { ip: '11.0.0.1' }],
    ['IP_DENIED', { cidrs: ['10.0.0.0/8'] }, {}],
    ['IP_DENIED', { cidrs: ['2001:db8::/32'] }, { ip: '2001:db9::1' }],
    ['PRODUCT_DENIED', { product: 'reports' }, { product: 'feeds' }],
    ['PRODUCT_DENIED', {}, { product: 'search' }],
    ['SCOPE_DENIED', { scopes: ['a:b'] }, { scopes: ['a:b', 'c:d'] }],
    ['VALID', { cidrs: ['10.0.0.0/8'] }, { ip: '::ffff:10.0.0.1' }],
    ['VALID', { cidrs: ['2001:db8::/32'] }, { ip: '2001:DB8:0:0::7' }],
    ['VALID', {}, { product: 'not-in-the-catalogue' }],
  ])('answers %s for a key that is %j when asked %j', async (code, given, asked) => {
    const key = await issue(app, given);
    const { status, body } = await post(app, { key: key.key, ...asked });
    expect([status, body.code, body.valid]).toEqual([200, code, code === 'VALID']);
    expect([body.key_id, body.tenant_id]).toEqual([key.id, key.tenantId]);
  });

  test('answers NOT_FOUND for an unknown key and for another tenant’s, and names neither', async () => {
    const key = await issue(app);
    const unknown = await post(app, { key: newKey('ush', 'live') });
    const others = await post(app, { key: key.key, tenant_id: newId() });
    expect(unknown.body).toEqual({ valid: false, code: 'NOT_FOUND' });
    expect(others.body).toEqual(unknown.body);
    const wrong = await post(app, { key: key.key, tenant_id: newId(), environment: 'test' });
    expect(wrong.body).toEqual({ valid: false, code: 'WRONG_ENVIRONMENT' });
  });

  test.each([
    ['active', 'VALID'],
    ['trial', 'VALID'],
    ['pending', 'TENANT_INACTIVE'],
    ['suspended', 'TENANT_INACTIVE'],
    ['frozen', 'TENANT_INACTIVE'],
    ['archived', 'TENANT_INACTIVE'],
    ['deleted', 'TENANT_INACTIVE'],
    ['purging', 'TENANT_INACTIVE'],
  ])('of a tenant that is %s answers %s', async (status, code) => {
    const tenantId = await inSystem(app, (tx) => insertTenant(tx, { status }));
    const { key } = await issue(app, { tenantId });
    expect(await codeOf(app, { key })).toBe(code);
  });

  test('ends with the trial, the entitlement and the key by the clock of the database alone', async () => {
    const tenantId = await inSystem(app, (tx) => insertTenant(tx, { status: 'trial' }));
    await inSystem(app, (tx) =>
      insertEntitlement(tx, { tenantId, product: 'search', expiresIn: 60 }),
    );
    const { key, id } = await issue(app, { tenantId, expiresIn: 60 });
    const asked = { key, product: 'search' };
    expect(await codeOf(app, asked)).toBe('VALID');
    const set = (sql: string) =>
      inSystem(app, (tx) => tx.run(sql, [sql.includes('api_keys') ? id : tenantId]));
    await set(`update entitlements set expires_at = now() - interval '1 ms' where tenant_id = $1`);
    expect(await codeOf(app, asked)).toBe('PRODUCT_DENIED');
    await set(`update api_keys set expires_at = now() - interval '1 ms' where id = $1`);
    expect(await codeOf(app, asked)).toBe('EXPIRED');
    await set(`update tenants set trial_ends_at = now() - interval '1 ms' where id = $1`);
    expect(await codeOf(app, asked)).toBe('TENANT_INACTIVE');
  });

  test('of an entitlement that is expired by status, or of another product, is none', async () => {
    const tenantId = await activeTenant(app);
    const { key } = await issue(app, { tenantId });
    await inSystem(app, async (tx) => {
      await insertEntitlement(tx, { tenantId, product: 'search', status: 'expired' });
      await insertEntitlement(tx, { tenantId, product: 'sear', status: 'active' });
    });
    expect(await codeOf(app, { key, product: 'search' })).toBe('PRODUCT_DENIED');
  });

  test('says of a key that is being rotated how far that is', async () => {
    const tenantId = await activeTenant(app);
    const old = await issue(app, { tenantId, endsIn: 3_600 });
    const successor = await issue(app, { tenantId, familyId: old.id });
    await inSystem(app, (tx) =>
      tx.run(
        `insert into key_rotations (id, tenant_id, family_id, old_key_id, new_key_id, state, reason, requested_by)
         values ($1, $2, $3, $3, $4, 'overlapping', 'routine', 'system:test')`,
        [newId(), tenantId, old.id, successor.id],
      ),
    );
    const { body } = await post(app, { key: old.key });
    expect(body.rotation).toEqual({
      state: 'overlapping',
      successor_id: successor.id,
      old_expires_at: expect.any(String),
    });
    expect((await post(app, { key: successor.key })).body).not.toHaveProperty('rotation');
  });

  test('says that both keys are in use from the first use of the new one, whatever a worker has written', async () => {
    const tenantId = await activeTenant(app);
    const old = await issue(app, { tenantId, endsIn: 3_600 });
    const successor = await issue(app, { tenantId, familyId: old.id });
    await inSystem(app, (tx) =>
      tx.run(
        `insert into key_rotations (id, tenant_id, family_id, old_key_id, new_key_id, state, reason, overlap_seconds,
           requested_by)
         values ($1, $2, $3, $3, $4, 'pending', 'routine', 60, 'system:test')`,
        [newId(), tenantId, old.id, successor.id],
      ),
    );
    const stateOf = async (): Promise<string> =>
      (await post(app, { key: old.key })).body.rotation.state;
    expect(await stateOf()).toBe('pending');
    await inSystem(app, (tx) =>
      tx.run('select key_id from mark_first_use(array[$1::uuid], array[now()])', [successor.id]),
    );
    expect(await stateOf()).toBe('overlapping');
    // The old key ends with its own expiry where that comes first.
    await inSystem(app, (tx) =>
      tx.run(
        `update api_keys set expires_at = now() + interval '10 minutes', ends_at = now() + interval '1 hour' where id = $1`,
        [old.id],
      ),
    );
    const { body } = await post(app, { key: old.key });
    expect(body.rotation.old_expires_at).toBe(body.expires_at);
  });
});
