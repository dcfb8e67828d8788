import { createHash, randomUUID } from 'node:crypto';
import { withSystem } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { machine } from '../people';
import { sql } from '../rows';

let app: TestApp;
let key: string;
let caller: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  app.startSequencer();
  const account = await machine(app, ['audit:append', 'audit:read']);
  ({ key } = account);
  caller = `service:${account.id}`;
});
afterAll(() => app.stop());

const post = (
  body: unknown,
  query = '',
  headers: Record<string, string> = {},
): Promise<TestAnswer> => app.call('POST', `/v1/audit${query}`, { key, body, headers });
const entry = async (id: string): Promise<TestAnswer['body']> =>
  (await app.call('GET', `/audit/events/${id}`, { key })).body;
const entriesNamed = (action: string): Promise<{ seq: number }[]> =>
  sql(app, 'select seq from audit_trail where action = $1', [action]);
const someAction = (): string => `orders.${randomUUID().slice(0, 8)}`;

describe('POST /v1/audit answers 201', () => {
  test('to an event of which only the action is told, at once', async () => {
    const { status, body } = await post({ action: someAction() });
    expect(status).toBe(201);
    expect(Object.keys(body).sort()).toEqual(['content_hash', 'id']);
  });

  test('with a content hash that the sender finds again in the leaf', async () => {
    const { body } = await post({ action: someAction(), actor_id: 'u-1' }, '?wait=sequenced');
    const found = await entry(body.id);
    const { core } = JSON.parse(found.leaf) as { core: unknown };
    const text = found.leaf.slice('{"core":'.length, found.leaf.indexOf(',"kind":"foreign"'));
    expect(JSON.parse(text)).toEqual(core);
    const digest = createHash('sha256').update(`usher/audit/content/v1\n${text}`).digest('hex');
    expect([digest, found.seq]).toEqual([body.content_hash, body.seq]);
    expect(createHash('sha256').update(`\0${found.leaf}`).digest('hex')).toBe(found.hash);
  });

  test('and takes both spellings of every member; the entry carries all of them', async () => {
    const tenantId = randomUUID();
    const told = {
      action: someAction(),
      crud: 'u',
      product: 'search',
      description: 'moved to "Ümlaut"',
      source: 'shop',
      request_id: 'r-1',
      trace_id: 't-1',
      component: 'web',
      version: 'abc123',
    };
    const modern = await post(
      {
        ...told,
        external_id: 'a',
        at: '2026-01-02T03:04:05+02:00',
        tenant_id: tenantId.toUpperCase(),
        outcome: 'failure',
        actor: { type: 'user', id: 'u-7', name: 'Mila', email: 'Mila@Example.com' },
        targets: [{ type: 'order', id: 'o-1', name: 'First' }],
        context: { ip: '192.0.2.1', ua: 'curl' },
        metadata: { colour: 'red', n: 1 },
      },
      '?wait=sequenced',
    );
    const retraced = await post(
      {
        ...told,
        id: 'b',
        created: '2026-01-02T01:04:05Z',
        group: { id: tenantId, name: 'Acme' },
        is_failure: true,
        actor_id: 'u-7',
        target: { type: 'order', id: 'o-1', name: 'First' },
        source_ip: '192.0.2.1',
        fields: { colour: 'red', n: 1 },
      },
      '?wait=sequenced',
    );
    const [one, other] = [await entry(modern.body.id), await entry(retraced.body.id)];
    const shared = {
      ...told,
      kind: 'foreign',
      via: caller,
      at: '2026-01-02T01:04:05.000Z',
      created: '2026-01-02T01:04:05.000Z',
      tenant_id: tenantId,
      outcome: 'failure',
      is_failure: true,
      is_anonymous: false,
      actor_id: 'u-7',
      targets: [{ type: 'order', id: 'o-1', name: 'First' }],
      target: { type: 'order', id: 'o-1', name: 'First' },
      source_ip: '192.0.2.1',
      metadata: { colour: 'red', n: 1 },
      fields: { colour: 'red', n: 1 },
      erased: [],
    };
    expect(one).toMatchObject({
      ...shared,
      external_id: 'a',
      actor: { type: 'user', id: 'u-7', name: 'Mila', email: 'mila@example.com' },
      context: { ip: '192.0.2.1', ua: 'curl' },
      group: { id: tenantId, name: null },
    });
    expect(other).toMatchObject({
      ...shared,
      external_id: 'b',
      actor: { type: 'user', id: 'u-7', name: null, email: null },
      group: { id: tenantId, name: 'Acme' },
      tenant_seq: 2,
      prev_hash: one.hash,
    });
    for (const { leaf } of [one, other])
      expect(leaf).not.toMatch(/Mila|mila@|192\.0|Ümlaut|red|First|Acme/);
  });

  test('to a batch of 500, with a receipt each, in their order', async () => {
    const action = someAction();
    const events = Array.from({ length: 500 }, (_, n) => ({
      action,
      external_id: `${action}-${n}`,
    }));
    const { status, body } = await post({ events }, '?wait=sequenced');
    expect(status).toBe(201);
    expect(body.items).toHaveLength(500);
    const seqs = body.items.map(({ seq }: { seq: number }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(body.items[499]).toMatchObject({ duplicate: false });
    expect((await entry(body.items[499].id)).external_id).toBe(`${action}-499`);
    expect((await post([{ action: someAction() }])).body.items).toHaveLength(1);
  });

  test('again to a repeated Idempotency-Key, and appends once', async () => {
    const action = someAction();
    const headers = { 'idempotency-key': randomUUID() };
    const first = await post({ action }, '', headers);
    const again = await post({ action }, '', headers);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await entriesNamed(action)).toHaveLength(1);
  });
});

describe('a delivery that is repeated', () => {
  test('adds nothing and gets the receipt of the first one, for ever', async () => {
    const event = { action: someAction(), source: 'shop', external_id: 'x-1', description: 'same' };
    const first = await post(event, '?wait=sequenced');
    const again = await post({ ...event }, '?wait=sequenced');
    expect(again.status).toBe(201);
    expect(again.body).toEqual({ ...first.body, duplicate: true });
    expect(await entriesNamed(event.action)).toHaveLength(1);
  });

  test('is told apart by source and by caller', async () => {
    const event = { action: someAction(), external_id: 'x-2' };
    const ids = [
      await post(event),
      await post({ ...event, source: 'a' }),
      await post({ ...event, source: 'b' }),
      await app.call('POST', '/v1/audit', { body: event }),
    ].map(({ body }) => body.id);
    expect(new Set(ids).size).toBe(4);
  });

  test('adds one entry also when 20 arrive at the same moment, in batches of different order', async () => {
    const action = someAction();
    const names = Array.from({ length: 10 }, (_, n) => `${action}-${n}`);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const events = names.map((external_id) => ({ action, external_id }));
        return post({ events: n % 2 === 0 ? events : events.reverse() });
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(await entriesNamed(action)).toHaveLength(10);
    const firsts = answers.flatMap(({ body }) =>
      body.items.filter(({ duplicate }: { duplicate: boolean }) => !duplicate),
    );
    expect(firsts).toHaveLength(10);
  });

  test('within one batch counts once', async () => {
    const event = { action: someAction(), external_id: 'twice' };
    const { body } = await post([event, event]);
    expect(body.items[1]).toEqual({ ...body.items[0], duplicate: true });
    expect(await entriesNamed(event.action)).toHaveLength(1);
  });

  test('with other content is refused, audited, and takes its batch with it', async () => {
    const event = { action: someAction(), source: 'shop', external_id: 'x-3' };
    await post(event);
    const fresh = someAction();
    const { status, body } = await post([{ action: fresh }, { ...event, description: 'other' }]);
    expect([status, body.code, body.external_id]).toEqual([409, 'external-id-conflict', 'x-3']);
    expect(await entriesNamed(fresh)).toEqual([]);
    const refused = await sql(
      app,
      `select outcome, actor_id, unlisted from audit_trail where action = 'audit.delivery_refused'`,
    );
    expect(refused).toEqual([
      { outcome: 'denied', actor_id: caller, unlisted: { source: 'shop', external_id: 'x-3' } },
    ]);
  });
});

describe('POST /v1/audit answers 422', () => {
  test.each(['tenant.created', 'audit.erased', 'invite', 'user.login', 'usher.x'])(
    'audit-action-reserved to %s: only Usher itself says so',
    async (action) => {
      const { status, body } = await post({ action });
      expect([status, body.code, body.errors[0].pointer]).toEqual([
        422,
        'audit-action-reserved',
        '/action',
      ]);
    },
  );

  test.each<[string, object, string]>([
    ['no action', {}, '/action'],
    ['an unknown field', { action: 'a.b', kind: 'own' }, '/kind'],
    ['via', { action: 'a.b', via: 'usher' }, '/via'],
    [
      'two times',
      { action: 'a.b', at: '2026-01-01T00:00:00Z', created: '2026-01-01T00:00:01Z' },
      '/created',
    ],
    ['two outcomes', { action: 'a.b', outcome: 'denied', is_failure: true }, '/is_failure'],
    ['two actors', { action: 'a.b', actor: { id: 'a' }, actor_id: 'b' }, '/actor_id'],
    ['target and targets', { action: 'a.b', target: { id: 'a' }, targets: [] }, '/target'],
    ['an anonymous actor', { action: 'a.b', actor_id: 'b', is_anonymous: true }, '/is_anonymous'],
    ['an address as an id', { action: 'a.b', actor_id: 'mila@example.com' }, '/actor_id'],
    ['no address', { action: 'a.b', source_ip: '300.1.1.1' }, '/source_ip'],
    ['the far future', { action: 'a.b', at: '2999-01-01T00:00:00Z' }, '/at'],
    ['endless metadata', { action: 'a.b', metadata: { a: 'x'.repeat(16_400) } }, '/metadata'],
  ])('to %s', async (_what, body, pointer) => {
    const answer = await post(body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      pointer,
    ]);
  });

  test('naming the place in a batch, of which nothing is appended', async () => {
    const action = someAction();
    const events = [{ action }, { action, crud: 'x' }];
    const wrapped = await post({ events });
    expect(wrapped.body.errors.map((one: { pointer: string }) => one.pointer)).toEqual([
      '/events/1/crud',
    ]);
    const bare = await post(events);
    expect(bare.body.errors[0].pointer).toBe('/1/crud');
    const many = Array.from({ length: 501 }, () => ({ action }));
    expect((await post({ events: many })).status).toBe(422);
    expect(await entriesNamed(action)).toEqual([]);
  });
});

test('403 to whoever may not append, such as an operator', async () => {
  const operator = await app.keyFor('operator');
  const { status } = await app.call('POST', '/v1/audit', {
    key: operator,
    body: { action: 'a.b' },
  });
  expect(status).toBe(403);
});

test('what can stand in any text goes in and comes out as it was', async () => {
  const description = `a\nb\t"\\" \u2028 😀 ${'é'.repeat(500)} {"core":1},"kind":"own","v":1}`;
  const { body } = await post(
    { action: someAction(), description, metadata: { __proto__x: [null, { a: '\ud800' }] } },
    '?wait=sequenced',
  );
  const found = await entry(body.id);
  expect(found.description).toBe(description);
  expect(found.metadata).toEqual({ __proto__x: [null, { a: '\ufffd' }] });
});

test('while the sequencer is down appends go on, and 202 says so to whoever waits', async () => {
  const quiet = await startTestApp({ worker: false });
  try {
    const { status, body } = await quiet.call('POST', '/v1/audit?wait=sequenced', {
      body: { action: 'orders.x' },
    });
    expect([status, body.seq]).toEqual([202, null]);
    const pending = await withSystem(quiet.deps.db, 'cli', (tx) =>
      tx.rows(`select 1 from audit_trail where action = 'orders.x'`),
    );
    expect(pending).toHaveLength(1);
  } finally {
    await quiet.stop();
  }
});
