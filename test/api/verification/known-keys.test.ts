import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { newKey } from '../../../src/platform/crypto/keys';
import { usher } from '../../main/command-line';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { insertEntitlement, insertProduct } from '../../domain/api-keys/rows';
import { sql } from '../rows';
import { whileFrozen } from './backends';
import { activeTenant, codeOf, endings, get, inSystem, issue, post, whileLocked } from './keys';
import type { TestKey } from './keys';

/** Strict mode, which is the default: a key that is known is good while the log of changes says nothing against it. */

const peppers = ['p1', 'p2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`).join(',');

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false, env: { KEYS_HASH_PEPPER: peppers } });
}, 120_000);
afterAll(() => app.stop());

/** A key that is known, its first use, which is a change of it, included. */
async function known(
  given: Parameters<typeof issue>[1] = {},
  asked: object = {},
): Promise<TestKey> {
  const key = await issue(app, given);
  expect(await codeOf(app, { key: key.key, ...asked })).toBe('VALID');
  await waitFor(
    'the first use in the row',
    () => sql(app, 'select 1 from api_keys where id = $1 and first_used_at is not null', [key.id]),
    (rows) => rows.length === 1,
  );
  expect(await codeOf(app, { key: key.key, ...asked })).toBe('VALID');
  return key;
}

const change = (text: string, params: unknown[] = []): Promise<number> =>
  inSystem(app, (tx) => tx.run(text, params));

test('it is verified without being read, and nobody else is', async () => {
  const { key } = await known({ scopes: ['a:b'] });
  const first = await post(app, { key, scopes: ['a:b'] });
  await whileLocked(app, ['api_keys', 'tenants', 'entitlements'], async () => {
    // What has to be read waits in vain, and what has not does not wait behind it.
    const others = Promise.all(
      [{ key: newKey('ush', 'live') }, { key, scopes: ['x:y'] }].map((body) => codeOf(app, body)),
    );
    for (let n = 0; n < 20; n += 1)
      expect((await post(app, { key, scopes: ['a:b'] })).body).toEqual(first.body);
    expect((await get(app, key)).status).toBe(204);
    expect(await others).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
  });
  expect(await codeOf(app, { key, scopes: ['x:y'] })).toBe('SCOPE_DENIED');
});

test('it is read while the log cannot be, and good for nothing while neither can', async () => {
  const { key, id } = await known();
  const until = (code: string) =>
    waitFor(
      code,
      () => codeOf(app, { key }),
      (one) => one === code,
    );
  await whileLocked(app, ['verification_changes'], async () => {
    for (let n = 0; n < 3; n += 1) expect(await codeOf(app, { key })).toBe('VALID');
  });
  await until('VALID');
  const { superUrl } = app.database;
  await whileFrozen(superUrl, 'usher-changes', async () => {
    expect(await codeOf(app, { key })).toBe('VALID');
    await change('update api_keys set blocked_at = now() where id = $1', [id]);
    expect(await codeOf(app, { key })).toBe('BLOCKED');
    await change('update api_keys set blocked_at = null where id = $1', [id]);
    await whileFrozen(superUrl, 'usher-verify', async () => {
      expect(await codeOf(app, { key })).toBe('UNAVAILABLE');
      expect((await get(app, key)).status).toBe(503);
    });
  });
  await until('VALID');
});

test('whatever ends it or changes what it is good for counts for the next request', async () => {
  const tenantId = await activeTenant(app);
  const { key, id } = await known({ tenantId, scopes: ['a:b'] });
  const asked = { key, scopes: ['a:b'] };
  for (const [code, end, undo] of endings) {
    await change(`update api_keys set ${end} where id = $1`, [id]);
    expect([code, await codeOf(app, asked)]).toEqual([code, code]);
    await change(`update api_keys set ${undo} where id = $1`, [id]);
    for (let n = 0; n < 2; n += 1) expect(await codeOf(app, asked)).toBe('VALID');
  }
  await change('update api_keys set digest = sha256(digest) where id = $1', [id]);
  expect(await codeOf(app, asked)).toBe('NOT_FOUND');
});

test('its tenant, a product that comes into the catalogue and an entitlement count at once', async () => {
  const tenantId = await activeTenant(app);
  const { key } = await known({ tenantId }, { product: 'orders' });
  const asked = { key, product: 'orders' };
  await inSystem(app, (tx) => insertProduct(tx, 'orders'));
  expect(await codeOf(app, asked)).toBe('PRODUCT_DENIED');
  await inSystem(app, (tx) => insertEntitlement(tx, { tenantId, product: 'orders' }));
  for (let n = 0; n < 2; n += 1) expect(await codeOf(app, asked)).toBe('VALID');
  await change('delete from entitlements where tenant_id = $1', [tenantId]);
  expect(await codeOf(app, asked)).toBe('PRODUCT_DENIED');
  await change(`update tenants set status = 'suspended' where id = $1`, [tenantId]);
  expect(await codeOf(app, { key })).toBe('TENANT_INACTIVE');
});

test('a change that is under way counts from its commit, and not if it is undone', async () => {
  const { key, id } = await known();
  const other = await known();
  const writer = new Client({ connectionString: app.database.superUrl });
  await writer.connect();
  const revoke = (): Promise<unknown> =>
    writer.query('update api_keys set revoked_at = now() where id = $1', [id]);
  try {
    for (const [end, code] of [
      ['rollback', 'VALID'],
      ['commit', 'REVOKED'],
    ] as const) {
      await writer.query('begin');
      await revoke();
      // Others commit meanwhile, so that the log goes on behind it.
      await change('update api_keys set blocked_at = now() where id = $1', [other.id]);
      await change('update api_keys set blocked_at = null where id = $1', [other.id]);
      for (const one of [key, other.key]) expect(await codeOf(app, { key: one })).toBe('VALID');
      await writer.query(end);
      expect(await codeOf(app, { key })).toBe(code);
    }
  } finally {
    await writer.end();
  }
});

test.each([
  ['its own end', 'EXPIRED', { expiresIn: 8 }],
  ['the end of its rotation', 'ROTATED', { endsIn: 8 }],
])('it ends at %s without any change', async (_, code, given) => {
  const { key, id } = await known(given);
  const [{ end } = { end: 0 }] = await sql<{ end: number }>(
    app,
    `select date_part('epoch', least(expires_at, ends_at)) * 1000 as end from api_keys where id = $1`,
    [id],
  );
  await waitFor(
    code,
    () => codeOf(app, { key }),
    (one) => one === code,
  );
  const [{ now } = { now: 0 }] = await sql<{ now: number }>(
    app,
    `select date_part('epoch', clock_timestamp()) * 1000 as now`,
  );
  expect(now).toBeGreaterThanOrEqual(end);
});

test('one under an old pepper is moved to the current one though it is known', async () => {
  const { key, id } = await known();
  const pepper = async (): Promise<string | undefined> =>
    (await sql<{ pepper_id: string }>(app, 'select pepper_id from api_keys where id = $1', [id]))[0]
      ?.pepper_id;
  expect(await pepper()).toBe('p1');
  const promoted = await usher(['pepper', 'promote', 'p2'], {
    env: { DATABASE_URL: app.database.appUrl, KEYS_HASH_PEPPER: peppers },
  });
  expect(promoted.code).toBe(0);
  await waitFor(
    'the move',
    async () => [await codeOf(app, { key }), await pepper()],
    ([code, pepperId]) => code === 'VALID' && pepperId === 'p2',
  );
  expect(await codeOf(app, { key })).toBe('VALID');
});
