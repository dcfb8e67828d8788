import { createHash, randomBytes } from 'node:crypto';
import { mintKey } from '../../../src/platform/crypto/key-formats';
import type { KeyFormat } from '../../../src/platform/crypto/key-formats';
import { withSystem } from '../../../src/platform/db';
import { moveCurrentPepper } from '../../../src/platform/peppers';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import { actionsOf, eventsOf, machineWith, oneOf, statusOfPlaintext, tenant } from './key-world';

let app: TestApp;
let acme: string;
beforeAll(async () => {
  const peppers = ['p1', 'p2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
  app = await startTestApp({ worker: false, env: { KEYS_HASH_PEPPER: peppers.join() } });
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

const prefixOf = (key: string): string =>
  key.slice(0, (key.startsWith('bp_') ? 3 : key.lastIndexOf('_') + 1) + 8);
const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
// Random like any hash: what is imported here is never presented.
const slow = (): string =>
  `argon2id|${randomBytes(16).toString('base64')}|${randomBytes(32).toString('base64')}`;
const imported = (
  key: { prefix: string; hash: string },
  body: Record<string, unknown> = {},
  request = {},
) =>
  app.call('POST', '/v1/api-keys/import', {
    body: { tenant_id: acme, name: 'old shop', scopes: ['products:read'], ...key, ...body },
    ...request,
  });

describe('POST /v1/api-keys/import answers 201', () => {
  test.each(['usher', 'trk', 'bp'] as const)(
    'for a SHA-256 of a key of the form %s, which is good from then on, by the same one look-up',
    async (format: KeyFormat) => {
      const key = mintKey(format, 'ush', 'live');
      const { status, body } = await imported({ prefix: prefixOf(key), hash: sha256(key) });
      expect(status).toBe(201);
      expect(body).toMatchObject({ imported: true, prefix: prefixOf(key), environment: 'live' });
      expect(body).not.toHaveProperty('plaintext');
      expect(await statusOfPlaintext(app, key)).toBe('active');
      const stored = await sql<{ row: string }>(
        app,
        'select to_jsonb(k)::text as row from api_keys as k where id = $1',
        [body.id],
      );
      expect(stored[0]?.row).not.toContain(sha256(key));
    },
  );

  test('for argon2id|salt|hash, which waits under its prefix for the first use', async () => {
    const own = await tenant(app);
    const key = mintKey('bp', 'ush', 'live');
    const { status, body } = await imported(
      { prefix: prefixOf(key), hash: slow() },
      { tenant_id: own },
    );
    expect([status, body.status]).toEqual([201, 'active']);
    expect(await statusOfPlaintext(app, key)).toBe('unknown');
    const rows = await sql(
      app,
      `select f.prefix, k.digest, length(f.hash) as n from api_key_foreign_hashes as f
       join api_keys as k on k.id = f.key_id where k.id = $1`,
      [body.id],
    );
    expect(rows).toEqual([{ prefix: prefixOf(key), digest: null, n: 32 }]);
    expect(await eventsOf(app, own)).toEqual(['apikey.imported.v1']);
    expect(await actionsOf(app, own)).toEqual(['apikey.imported']);
  });

  test('for a test key by its tag, and base64url without padding', async () => {
    const key = mintKey('trk', 'ush', 'test');
    const text = slow().replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const { body } = await imported({ prefix: prefixOf(key), hash: text });
    expect(body.environment).toBe('test');
  });
});

describe('POST /v1/api-keys/import answers 409', () => {
  test('foreign-prefix-crowded for a ninth slow hash of one prefix, also when they come at once', async () => {
    const own = await tenant(app);
    const key = mintKey('bp', 'ush', 'live');
    const hashes = Array.from({ length: 10 }, slow);
    const answers = await Promise.all(
      hashes.map((text) => imported({ prefix: prefixOf(key), hash: text }, { tenant_id: own })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(8);
    expect(answers.filter(({ body }) => body.code === 'foreign-prefix-crowded')).toHaveLength(2);
  });

  test('api-key-exists for a hash that is here already, of either kind, in whatever tenant', async () => {
    const key = mintKey('bp', 'ush', 'live');
    const other = { tenant_id: await tenant(app) };
    for (const text of [sha256(key), slow()]) {
      await imported({ prefix: prefixOf(key), hash: text });
      const { status, body } = await imported({ prefix: prefixOf(key), hash: text }, other);
      expect([status, body.code]).toEqual([409, 'api-key-exists']);
    }
  });

  test('api-key-exists for a key that is here under a pepper from before, ended or not', async () => {
    const key = mintKey('bp', 'ush', 'live');
    const text = { prefix: prefixOf(key), hash: sha256(key) };
    const { body } = await imported(text);
    await app.call('DELETE', `/v1/api-keys/${body.id}`);
    await withSystem(app.deps.db, 'cli', (tx) => moveCurrentPepper(tx, 'p2', 'system:test'));
    try {
      const again = await imported(text, { tenant_id: await tenant(app) });
      expect([again.status, again.body.code]).toEqual([409, 'api-key-exists']);
    } finally {
      await withSystem(app.deps.db, 'cli', (tx) => moveCurrentPepper(tx, 'p1', 'system:test'));
    }
  });

  test('plan-limit-reached like every other key', async () => {
    const own = await tenant(app, { plan: 'starter' });
    const codes = [];
    for (let n = 0; n < 6; n += 1) {
      const key = mintKey('bp', 'ush', 'live');
      const { status } = await imported(
        { prefix: prefixOf(key), hash: sha256(key) },
        { tenant_id: own },
      );
      codes.push(status);
    }
    expect(codes).toEqual([201, 201, 201, 201, 201, 409]);
  });
});

describe('POST /v1/api-keys/import answers 422', () => {
  test.each([
    ['/prefix', { prefix: 'sk_live_12345678' }],
    ['/prefix', { prefix: 'bp_short' }],
    ['/hash', { hash: 'abc' }],
    ['/hash', { hash: 'argon2id|c2FsdA==|aGFzaA==' }],
    ['/hash', { hash: `argon2i|${'A'.repeat(22)}|${'A'.repeat(43)}` }],
    ['/hash', { hash: `argon2id|AAAA|${'A'.repeat(43)}` }],
    ['/scopes/0', { scopes: ['all'] }],
    ['/plaintext', { plaintext: 'bp_secret' }],
  ])('with a pointer to %s for %j', async (pointer, body) => {
    const key = mintKey('bp', 'ush', 'live');
    const answer = await imported({ prefix: prefixOf(key), hash: sha256(key) }, body);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([422, pointer]);
  });
});

describe('POST /v1/api-keys/import answers 403', () => {
  test('to a tenant’s own people: a hash is proof of nothing', async () => {
    const key = mintKey('bp', 'ush', 'live');
    const admin = await oneOf(app, acme, 'admin');
    const { status, body } = await imported(
      { prefix: prefixOf(key), hash: sha256(key) },
      {},
      admin,
    );
    expect([status, body.code]).toEqual([403, 'forbidden']);
  });

  test('to a scope above the importer’s', async () => {
    const key = mintKey('bp', 'ush', 'live');
    const { body } = await imported(
      { prefix: prefixOf(key), hash: sha256(key) },
      {},
      { key: await machineWith(app, 'keys:create') },
    );
    expect(body.code).toBe('scope-too-high');
  });
});
