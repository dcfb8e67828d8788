import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { mintKey } from '../../../src/platform/crypto/key-formats';
import { newKey } from '../../../src/platform/crypto/keys';
import { rawHistories } from '../../support/histories';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { findTraces } from '../../support/traces';
import type { Haystack, Needle } from '../../support/traces';
import { waitFor } from '../../support/wait-for';
import { issued, tenant } from '../api-keys/key-world';
import { order, rotated } from '../api-keys/rotation-world';
import { codeOf, get, post } from './keys';

let app: TestApp;
let superuser: Client;
/** Every key that was ever presented or shown. */
const keys: Needle[] = [];
/** The part of one of them that lists show. */
let keyPrefix = '';
/** Problems that were answered. */
const problems: Haystack[] = [];
beforeAll(async () => {
  app = await startTestApp({ env: { LOG_LEVEL: 'trace' } });
  superuser = new Client({ connectionString: app.database.superUrl });
  await superuser.connect();
  await wholeLife();
}, 120_000);
afterAll(async () => {
  await superuser.end();
  await app.stop();
});

function secret<T extends string>(what: string, key: T): T {
  // What follows the tag and the part that lists show.
  keys.push({ what, text: key.slice(-14) });
  return key;
}

/** Keys that are issued, imported, verified, rotated, reported, revoked, mistyped and put where they do not belong. */
async function wholeLife(): Promise<void> {
  const acme = await tenant(app);
  const request = { tenant_id: acme, name: 'shop', scopes: ['products:read'] };
  const once = { body: request, headers: { 'idempotency-key': 'secrecy-of-keys' } };
  const first = await app.call('POST', '/v1/api-keys', once);
  secret('an issued key', first.body.plaintext as string);
  keyPrefix = first.body.prefix as string;
  await app.call('POST', '/v1/api-keys', once);

  const rotation = await rotated(app, acme);
  const old = secret('a rotated key', rotation.old.plaintext as string);
  const successor = secret('a successor', rotation.successor.plaintext as string);
  expect([await codeOf(app, { key: old }), await codeOf(app, { key: successor })]).toEqual([
    'VALID',
    'VALID',
  ]);
  await order(app, rotation, 'complete');

  const imported = secret('an imported key', mintKey('bp', 'ush', 'live'));
  const hash = createHash('sha256').update(imported).digest('hex');
  await app.call('POST', '/v1/api-keys/import', {
    body: { ...request, name: 'old shop', prefix: imported.slice(0, 11), hash },
  });
  expect(await codeOf(app, { key: imported })).toBe('VALID');

  const leaked = secret('a leaked key', (await issued(app, acme)).plaintext as string);
  await app.call('POST', '/v1/api-keys/report-leak', { anonymous: true, body: { key: leaked } });
  const revoked = await issued(app, acme);
  await app.call('POST', `/v1/api-keys/${String(revoked.id)}/revoke`, { body: {} });
  const unknown = newKey('ush', 'live');

  for (const key of [
    first.body.plaintext as string,
    secret('a revoked key', revoked.plaintext as string),
    secret('an unknown key', unknown),
    secret('a mistyped key', `${newKey('ush', 'live')}x`),
  ]) {
    await post(app, { key, ip: '203.0.113.5', scopes: ['products:read'] });
    await post(app, { key, more: 1 });
    await post(app, `{"key":"${key}`);
    await get(app, key, { 'x-required-scopes': 'search:read' });
    // Where a key is out of place it must not be told on either.
    for (const answer of [
      await app.call('GET', `/v1/events?key=${key}`, { anonymous: true, key }),
      await app.call('GET', `/v1/api-keys/${key}`),
      await app.call('POST', '/v1/api-keys', { body: { ...request, name: 7, key } }),
      await app.call('GET', '/tenants/acme/resources', { key }),
    ])
      problems.push({ place: 'a problem', text: JSON.stringify(answer.body) });
  }
  await waitFor(
    'the flush',
    () => superuser.query<{ n: number }>('select count(*)::int as n from api_key_usage'),
    ({ rows }) => (rows[0]?.n ?? 0) >= 3,
  );
}

const tracesIn = (haystacks: Iterable<Haystack>): string[] =>
  findTraces(haystacks, { parts: keys, tokens: new Set() });

describe('no key of a whole life of keys is found', () => {
  test('in any line that was logged, in any metric, in any problem', async () => {
    const logged = app.logs.join('');
    expect(logged.length).toBeGreaterThan(1_000);
    const metrics = await app.deps.metrics.registry.metrics();
    // The instance of a problem is the path that was asked for, which nobody else gets to see.
    const bodies = problems.map(({ place, text }) => ({
      place,
      text: text.replace(/"instance":"[^"]*"/g, ''),
    }));
    expect(
      tracesIn([
        { place: 'the log', text: logged },
        { place: 'metrics', text: metrics },
        ...bodies,
      ]),
    ).toEqual([]);
  });

  test('in any history of Temporal', async () => {
    const histories: Haystack[] = [];
    await waitFor(
      'the rotation in Temporal',
      async () => {
        histories.length = 0;
        const query = `TaskQueue = '${app.deps.env.TASK_QUEUE}'`;
        for await (const { workflowId, text } of rawHistories(app.deps.temporal.client, query))
          histories.push({ place: `the history of ${workflowId}`, text });
        return histories;
      },
      (all) => all.some(({ place }) => place.includes('api-key-rotation/')),
    );
    expect(tracesIn(histories)).toEqual([]);
  });

  test('in a dump of the database, or in what it was asked', async () => {
    const { rows: tables } = await superuser.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    );
    const places: Haystack[] = [];
    for (const { name } of tables) {
      const { rows } = await superuser.query<{ all: string | null }>(
        `select string_agg(t::text, e'\\n') as all from ${name} as t`,
      );
      places.push({ place: `the table ${name}`, text: rows[0]?.all ?? '' });
    }
    const asked = await superuser.query<{ query: string }>('select query from pg_stat_activity');
    places.push({ place: 'queries', text: asked.rows.map(({ query }) => query).join('\n') });
    const keyRows = places.find(({ place }) => place === 'the table api_keys');
    expect(keyRows?.text.split('\n').length).toBeGreaterThanOrEqual(6);
    expect(tracesIn(places)).toEqual([]);
  });

  test('in any file of the database, where rows that are gone still stand', async () => {
    await superuser.query('checkpoint');
    const { rows } = await superuser.query<{ folder: string }>(
      `select current_setting('data_directory') || '/base/' || oid as folder
       from pg_database where datname = current_database()`,
    );
    const folder = rows[0]?.folder ?? '';
    const files = readdirSync(folder).map((name) => ({
      place: `the file ${name}`,
      text: readFileSync(join(folder, name), 'latin1'),
    }));
    expect(tracesIn(files)).toEqual([]);
    // What lists show of a key does stand there, so that it would be found as well.
    const shown = [{ what: 'a prefix', text: keyPrefix }];
    expect(findTraces(files, { parts: shown, tokens: new Set() })).not.toEqual([]);
  });

  test('in any mail', async () => {
    const mails = await fetch(`${app.mailbox.url}/api/messages`);
    expect(tracesIn([{ place: 'a mail', text: await mails.text() }])).toEqual([]);
  });
});

test('attempts are counted by their lower-case code', async () => {
  const text = await app.deps.metrics.registry.metrics();
  for (const code of ['valid', 'revoked', 'malformed', 'not_found', 'scope_denied'])
    expect(text).toMatch(
      new RegExp(`^apikey_auth_attempts_total\\{result="${code}"\\} [1-9]`, 'm'),
    );
});
