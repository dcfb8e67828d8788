import { randomUUID } from 'node:crypto';
import { startEmbeddedStore } from '../../support/embedded-store';
import type { EmbeddedStore } from '../../support/embedded-store';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { sql } from '../rows';

jest.setTimeout(180_000);

/** Entries of the first partition of the log. */
const partition = 8_192;

let store: EmbeddedStore;
let app: TestApp;
const tenant = randomUUID();

const get = (path: string): Promise<TestAnswer> => app.call('GET', path);
const post = (path: string, request = {}): Promise<TestAnswer> => app.call('POST', path, request);
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
type Batch = any;
const archives = async (): Promise<Batch[]> => (await get('/audit/archives')).body.items;
const first = (): Promise<Batch> => archives().then((all) => all.at(-1));
const restore = (id: string): Promise<TestAnswer> => post(`/audit/archives/${id}/restore`);

beforeAll(async () => {
  store = await startEmbeddedStore();
  app = await startTestApp({ archive: { store: store.settings } });
}, 120_000);
afterAll(async () => {
  await app.stop();
  await store.stop();
});

const fill = async (): Promise<void> => {
  for (let sent = 0; sent < partition + 800; sent += 500) {
    const events = Array.from({ length: 500 }, (_, n) => ({
      action: 'order.shipped',
      tenant_id: tenant,
      source: 'shop',
      external_id: `o${String(sent + n)}`,
      actor: { type: 'user', id: 'u-17', name: 'Ada Example' },
      description: `Parcel ${String(sent + n)}`,
    }));
    expect((await post('/v1/audit', { body: { events } })).status).toBe(201);
  }
  await waitFor(
    'A published checkpoint of them all',
    () =>
      sql<{ size: number }>(
        app,
        'select max(size) as size from audit_checkpoints where published_at is not null',
      ),
    ([row]) => (row?.size ?? 0) >= partition + 800,
    60,
  );
};

describe('without anything to archive', () => {
  test('GET /audit/archives is empty, and a run plans nothing', async () => {
    expect((await get('/audit/archives')).body).toEqual({ items: [], next_cursor: 0 });
    const run = await waitFor(
      'A run that was planned',
      () => post('/audit/archive/run'),
      ({ status }) => status === 200,
    );
    expect(run.body).toMatchObject({ status: 'planned', planned: 0 });
  });

  test('404 archive-not-found for a batch that is not there', async () => {
    expect((await restore(randomUUID())).body.code).toBe('archive-not-found');
  });

  test('403 to whoever may only read the log', async () => {
    const key = await app.keyFor('auditor');
    expect((await post('/audit/archive/run', { key })).status).toBe(403);
  });
});

describe('with a partition that is old enough', () => {
  beforeAll(fill, 120_000);

  test('a run archives it, drops it once all is proved, and the log tells each step', async () => {
    expect([200, 202]).toContain((await post('/audit/archive/run')).status);
    await waitFor('The first batch', first, (batch) => batch?.state === 'pruned', 120);
    expect(await first()).toMatchObject({
      start_seq: 1,
      end_seq: partition,
      event_count: partition,
      problem: null,
      manifest_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await first()).keys).toHaveLength(3);
    expect((await first()).bytes).toBeGreaterThan(100_000);
    expect(await sql(app, 'select min(seq) as seq from audit_log')).toEqual([
      { seq: partition + 1 },
    ]);
    const told = await waitFor(
      'What the log tells',
      () =>
        sql<{ action: string }>(
          app,
          `select action from audit_log where action like 'audit.%' and kind = 'control' order by seq`,
        ),
      (rows) => rows.some(({ action }) => action === 'audit.pruned'),
    );
    expect(told.map(({ action }) => action)).toContain('audit.archived');
  });

  test('queries find nothing of it any more, until it is restored: then with source archive', async () => {
    const query = `/v1/audit?tenant_id=${tenant}&limit=500`;
    const before = (await get(query)).body.items as { seq: number }[];
    expect(before.every(({ seq }) => seq > partition)).toBe(true);

    const { id } = await first();
    await restore(id);
    const found = await waitFor(
      'The restore',
      first,
      ({ restore }) => restore?.state === 'restored',
      60,
    );
    expect(found.restore.expires_at).not.toBeNull();
    expect((await restore(id)).body).toMatchObject({
      state: 'restored',
      entries: partition,
      erased: 0,
    });

    const { items } = (await get(query)).body;
    expect(items).toHaveLength(500);
    expect(items[0]).toMatchObject({
      source: 'archive',
      event_source: 'shop',
      description: expect.stringMatching(/^Parcel/),
      actor: { name: 'Ada Example' },
      erased: [],
    });
    const entry = await get(`/audit/events/${String(items[0].id)}`);
    expect(entry.body).toMatchObject({ id: items[0].id, source: 'archive' });
  });

  test.each([
    ['free text', 'q=parcel 17'],
    ['an actor', 'actor_id=u-17'],
    ['an action and a time', 'action=order&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z'],
  ])('what was restored is found by %s', async (_what, query) => {
    const { body } = await get(`/v1/audit?tenant_id=${tenant}&limit=5&${query}`);
    expect(body.items.map(({ source }: { source: string }) => source)).toContain('archive');
  });

  test('pages go from what was restored into the log without a gap', async () => {
    const seqs: number[] = [];
    let cursor = partition - 1_200;
    do {
      const { body } = await get(
        `/v1/audit?tenant_id=${tenant}&limit=500&cursor=${String(cursor)}`,
      );
      seqs.push(...body.items.map(({ seq }: { seq: number }) => seq));
      cursor = body.next_cursor;
    } while (cursor > 0);
    const [{ count } = { count: 0 }] = await sql<{ count: number }>(
      app,
      `select count(*)::int as count from (select seq from audit_log where tenant_id = $1 union all
         select seq from audit_restored where tenant_id = $1) as e where seq > $2`,
      [tenant, partition - 1_200],
    );
    expect(seqs).toHaveLength(count);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });

  test('409 archive-still-hot for a batch whose entries are still in the log', async () => {
    const hot = await waitFor(
      'The second batch',
      () => archives().then((all) => all.find(({ n }) => n === 2)),
      (batch) => batch?.state === 'confirmed',
      60,
    );
    expect((await restore(hot.id)).body.code).toBe('archive-still-hot');
  });
});
