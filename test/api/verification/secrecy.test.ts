import { Client } from 'pg';
import { newKey } from '../../../src/platform/crypto/keys';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { codeOf, get, issue, post } from './keys';

let app: TestApp;
let superuser: Client;
beforeAll(async () => {
  app = await startTestApp({ worker: false, env: { LOG_LEVEL: 'trace' } });
  superuser = new Client({ connectionString: app.database.superUrl });
  await superuser.connect();
}, 120_000);
afterAll(async () => {
  await superuser.end();
  await app.stop();
});

/** Everything that the database holds, table by table, as text. */
async function dump(): Promise<string> {
  const { rows } = await superuser.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
  );
  const tables: string[] = [];
  for (const { name } of rows) {
    const content = await superuser.query<{ all: string | null }>(
      `select string_agg(t::text, e'\\n') as all from ${name} as t`,
    );
    tables.push(content.rows[0]?.all ?? '');
  }
  return tables.join('\n');
}

test('no key that was ever presented is in logs, metrics, the database or what it is asked', async () => {
  const keys = [
    (await issue(app, { scopes: ['a:b'] })).key,
    (await issue(app, { revoked: true })).key,
    (await issue(app, { format: 'trk' })).key,
    newKey('ush', 'live'),
    `bp_${'q'.repeat(22)}`,
  ];
  for (const key of keys) {
    await post(app, { key, ip: '203.0.113.5' });
    await post(app, { key, more: 1 });
    await get(app, key, { 'x-required-scopes': 'c:d' });
    // Where a key is out of place it must not be told on either.
    await app.call('GET', `/v1/events?key=${key}`, { anonymous: true, key });
    await app.call('GET', `/tenants/acme/resources`, { key });
  }
  expect(await codeOf(app, { key: keys[0] })).toBe('VALID');
  await waitFor(
    'the flush',
    () => superuser.query<{ n: number }>('select count(*)::int as n from api_key_usage'),
    ({ rows }) => (rows[0]?.n ?? 0) >= 1,
  );
  const asked = await superuser.query<{ query: string }>('select query from pg_stat_activity');
  const places = {
    logs: app.logs.join('\n'),
    metrics: await app.deps.metrics.registry.metrics(),
    database: await dump(),
    queries: asked.rows.map(({ query }) => query).join('\n'),
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length).toBeGreaterThan(100);
    for (const key of keys) expect([place, text.includes(key.slice(-20))]).toEqual([place, false]);
  }
});

test('attempts are counted by their lower-case code', async () => {
  const text = await app.deps.metrics.registry.metrics();
  for (const code of ['valid', 'revoked', 'malformed', 'not_found', 'scope_denied'])
    expect(text).toMatch(
      new RegExp(`^apikey_auth_attempts_total\\{result="${code}"\\} [1-9]`, 'm'),
    );
});
