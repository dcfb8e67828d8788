import { createHash } from 'node:crypto';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { mintKey } from '../../src/platform/crypto/key-formats';
import { issued, oneOf, rotate, tenant } from '../api/api-keys/key-world';
import { firstUse, order, passHours, rotated, shown } from '../api/api-keys/rotation-world';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { openRows } from './rows';
import type { Rows } from './rows';

let app: TestApp;
let rows: Rows;
/** Every plaintext that was shown to anybody. */
const shownOnce: string[] = [];
beforeAll(async () => {
  app = await startTestApp({ env: { LOG_LEVEL: 'trace' } });
  rows = await openRows(app);
  await wholeLife();
}, 120_000);
afterAll(async () => {
  await rows.close();
  await app.stop();
});

/** Everything that a key can meet, with requests that go wrong among it. */
async function wholeLife(): Promise<void> {
  const acme = await tenant(app);
  const admin = await oneOf(app, acme, 'admin');
  const remember = <T extends { plaintext: string }>(key: T): T => {
    shownOnce.push(key.plaintext);
    return key;
  };
  const once = { headers: { 'idempotency-key': 'life' } };
  const body = { tenant_id: acme, name: 'life', scopes: ['whoami'] };
  remember((await app.call('POST', '/v1/api-keys', { ...once, body })).body);
  await app.call('POST', '/v1/api-keys', { ...once, body });

  const whole = await rotated(app, acme, { overlap_hours: 1 });
  remember(whole.old);
  remember(whole.successor);
  await firstUse(app, whole.successor.id);
  await passHours(app, whole, 1);
  await order(app, whole, 'rollback');
  const again = remember((await rotate(app, whole.old.id, {}, { 'idempotency-key': 'r' })).body);
  await rotate(app, whole.old.id, {}, { 'idempotency-key': 'r' });
  await app.call('POST', `/v1/api-keys/${again.id}/block`, { body: { reason: 'odd' } });

  const burnt = await rotated(app, acme, { reason: 'compromised' });
  remember(burnt.old);
  remember(burnt.successor);
  const leaked = remember(await issued(app, acme));
  await app.call('POST', '/v1/api-keys/report-leak', { body: { key: leaked.plaintext } });
  await app.call('POST', '/v1/api-keys/report-leak', { body: { key: leaked.plaintext, url: 1 } });
  remember((await app.call('POST', `/v1/api-keys/${leaked.id}/rotate`, { ...admin })).body);

  const foreign = mintKey('bp', 'ush', 'live');
  shownOnce.push(foreign);
  await app.call('POST', '/v1/api-keys/import', {
    body: {
      ...body,
      prefix: foreign.slice(0, 11),
      hash: createHash('sha256').update(foreign).digest('hex'),
    },
  });
  // Where a key does not belong: in a path, a query, a field, a header.
  await app.call('GET', `/v1/api-keys?tenant_id=${acme}&status=${leaked.plaintext}`);
  await app.call('POST', '/v1/api-keys', { body: { ...body, scopes: [leaked.plaintext] } });
  await app.call('GET', '/me', { key: leaked.plaintext });
  await fetch(`${app.url}/v1/api-keys/${leaked.plaintext}`);

  // Verified by both routes, good and bad, as JSON and as something else.
  const verify = '/v1/internal/api-keys/verify';
  for (const key of shownOnce) {
    await app.call('POST', verify, { body: { key, scopes: ['whoami'] } });
    await fetch(`${app.url}/_internal/auth/api-key/verify`, { headers: { 'x-api-key': key } });
  }
  await app.call('POST', verify, { body: { key: leaked.plaintext, colour: leaked.plaintext } });
  await app.call('POST', verify, { body: `{"key": "${leaked.plaintext}"` });
  await waitFor(
    'The use of a key',
    () => rows.query('select 1 from api_key_usage where requests > 0'),
    (used) => used.length > 0,
  );

  await waitFor(
    'The end of the rotations',
    () => shown(app, burnt),
    ({ state }) => state === 'compromised',
  );
  await waitFor(
    'The mails',
    () => rows.query(`select 1 from mails where status <> 'sent'`),
    (open) => open.length === 0,
  );
}

/** What would give a key away: its random characters after those that lists show, in any of the usual codings. */
const tracesOf = (plaintext: string): string[] => {
  const secret = plaintext.slice(plaintext.startsWith('bp_') ? 11 : plaintext.lastIndexOf('_') + 9);
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('hex'),
    // Base64 of the middle, whatever stands before it.
    ...[0, 1, 2].map((shift) =>
      Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .slice(4, -4),
    ),
    createHash('sha256').update(plaintext).digest('hex'),
    createHash('sha256').update(plaintext).digest('base64'),
  ];
};
const traces = (): string[] => shownOnce.flatMap(tracesOf);
const foundIn = (text: string): string[] => traces().filter((trace) => text.includes(trace));

describe('no plaintext key, nor its bare hash,', () => {
  test('is left out of this test: it knows what was shown, and its own search finds that', () => {
    expect(shownOnce.length).toBeGreaterThan(7);
    expect(foundIn(`... ${shownOnce[0]} ...`).length).toBeGreaterThan(0);
    expect(foundIn(Buffer.from(`"${shownOnce[1]}"`).toString('base64')).length).toBeGreaterThan(0);
  });

  test('stands in a log line, at the most talkative level', () => {
    expect(app.logs.length).toBeGreaterThan(20);
    expect(foundIn(app.logs.join(''))).toEqual([]);
  });

  test('stands in any table', async () => {
    const tables = await rows.query(
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    );
    const found: string[] = [];
    for (const { relname } of tables) {
      const dump = await rows.query(`select to_jsonb(t)::text as row from ${relname} as t`);
      const text = dump.map(({ row }) => row as string).join('\n');
      if (relname === 'api_keys') expect(text.length).toBeGreaterThan(1000);
      found.push(...foundIn(text).map((trace) => `${String(relname)}: ${trace}`));
    }
    expect(found).toEqual([]);
  });

  test('stands in a workflow history, as it is or decoded', async () => {
    const { workflow } = app.deps.temporal.client;
    let histories = '';
    for await (const { workflowId, runId } of workflow.list({
      query: `TaskQueue = '${app.deps.env.TASK_QUEUE}'`,
    })) {
      const history = historyToJSON(await workflow.getHandle(workflowId, runId).fetchHistory());
      const decoded = [...history.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data = '']) =>
        Buffer.from(data, 'base64').toString('utf8'),
      );
      histories += [workflowId, history, ...decoded].join('\n');
    }
    expect(histories).toContain('rotateApiKey');
    expect(foundIn(histories)).toEqual([]);
  });

  test('stands in a mail or a metric', async () => {
    const sent = app.mailbox.messages();
    expect(sent.length).toBeGreaterThan(0);
    expect(
      foundIn(sent.map(({ text, html, subject }) => [text, html, subject].join()).join()),
    ).toEqual([]);
    expect(foundIn(await app.deps.metrics.registry.metrics())).toEqual([]);
  });
});
