import { randomBytes } from 'node:crypto';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { loadConfig } from '../../../src/platform/config';
import { pepperCheck } from '../../../src/main/readiness';
import { usher } from '../../main/command-line';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import { issued, statusOfPlaintext, tenant } from './key-world';

const [one, two, three] = ['p1', 'p2', 'p3'].map(
  (id) => `${id}:${randomBytes(32).toString('base64')}`,
) as [string, string, string];

let app: TestApp;
let acme: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false, env: { KEYS_HASH_PEPPER: `${one},${two}` } });
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

const pepper = (words: string, configured = `${one},${two}`) =>
  usher(`pepper ${words}`.split(' '), {
    env: { DATABASE_URL: app.database.appUrl, KEYS_HASH_PEPPER: configured },
  });
const pepperOf = async (id: string): Promise<string | undefined> => {
  const [row] = await sql<{ pepper_id: string }>(
    app,
    'select pepper_id from api_keys where id = $1',
    [id],
  );
  return row?.pepper_id;
};
const readiness = async (configured: string): Promise<string> => {
  const { KEYS_HASH_PEPPER: peppers } = loadConfig(
    {
      DATABASE_URL: 'postgres://unused',
      KEYS_HASH_PEPPER: configured,
      SECRETS_KEY_RING: one,
      COOKIE_SECRET: one,
    },
    'api',
  );
  return pepperCheck(app.deps.db, createKeyHasher(peppers, 'usher/api-key/v1'))();
};

describe('the current pepper', () => {
  test('is the first configured one when a database is used for the first time, and then stays', async () => {
    const key = await issued(app, acme);
    expect(await pepperOf(key.id)).toBe('p1');
    const other = await startTestApp({
      worker: false,
      databaseUrl: () => app.database.appUrl,
      env: { KEYS_HASH_PEPPER: `${two},${one}` },
    });
    try {
      const [row] = await sql<{ pepper_id: string }>(other, 'select pepper_id from current_pepper');
      expect(row?.pepper_id).toBe('p1');
      expect(await pepperOf((await issued(other, acme)).id)).toBe('p1');
    } finally {
      await other.stop();
    }
  });

  test('is moved by `usher pepper promote`: new keys are under the new one, old ones are found as before', async () => {
    const old = await issued(app, acme);
    const promoted = await pepper('promote p2');
    expect([promoted.code, promoted.out]).toEqual([0, 'p2 is the current pepper now, after p1.']);
    expect((await pepper('promote p2')).out).toContain('already');
    const fresh = await issued(app, acme);
    expect([await pepperOf(old.id), await pepperOf(fresh.id)]).toEqual(['p1', 'p2']);
    for (const key of [old, fresh])
      expect(await statusOfPlaintext(app, key.plaintext)).toBe('active');
    const [entry] = await sql<{ metadata: object }>(
      app,
      `select metadata from audit_trail where action = 'pepper.promoted'`,
    );
    expect(entry?.metadata).toEqual({ before: 'p1', after: 'p2' });
  });

  test('moves service accounts as well, when they are used', async () => {
    for (let use = 0; use < 2; use += 1) {
      const { body } = await app.call('GET', '/me');
      const rows = await sql(app, 'select pepper_id from service_accounts where id = $1', [
        body.service_account.id,
      ]);
      expect(rows).toEqual([{ pepper_id: 'p2' }]);
    }
  });

  test('is not moved to one that is not configured', async () => {
    const { code, err } = await pepper('promote p3');
    expect([code, err]).toEqual([1, expect.stringContaining('pepper-unknown')]);
  });
});

describe('a process', () => {
  test('that lacks the current pepper, or one that keys hang on, is not ready and says which', async () => {
    await issued(app, acme);
    expect(await readiness(`${one},${two}`)).toBe('ok');
    expect(await readiness(`${one},${three}`)).toBe(
      'lacks the current pepper p2: set KEYS_HASH_PEPPER',
    );
    expect(await readiness(`${two},${three}`)).toBe(
      'lacks the pepper p1, which keys hang on: set KEYS_HASH_PEPPER',
    );
    for (const table of ['api_keys', 'service_accounts'])
      await sql(app, `update ${table} set revoked_at = now() where pepper_id = 'p1'`);
    expect(await readiness(two)).toBe('ok');
    const ready = await fetch(`${app.url}/readyz`);
    expect(await ready.json()).toMatchObject({ parts: { peppers: 'ok' } });
  });
});

describe('usher pepper report', () => {
  test('counts what hangs on each pepper, also on one that is missing here', async () => {
    const report = JSON.parse((await pepper('report --json', three)).out);
    expect(report.peppers).toMatchObject([
      { pepper_id: 'p1', current: false, configured: false, live_keys: 0 },
      { pepper_id: 'p2', current: true, configured: false },
      { pepper_id: 'p3', current: false, configured: true, live_keys: 0, service_accounts: 0 },
    ]);
    expect(report.peppers[0].revoked_keys).toBeGreaterThan(0);
    expect(report.peppers[1].live_keys).toBeGreaterThan(0);
    const { out } = await pepper('report');
    expect(out).toMatch(/p2 +current +\d/);
  });
});
