import { randomUUID } from 'node:crypto';
import { leafHash } from '../../../src/domain/audit/hashes';
import { isConsistent, rootOfInclusion } from '../../../src/domain/audit/proof-checks';
import { readTlogProof } from '../../../src/domain/audit/tlog-proof';
import { verifyCheckpoint } from '../../domain/audit/sigstore';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

let sequencing = false;
const append = async (count = 1, tenant_id?: string): Promise<string[]> => {
  const events = Array.from({ length: count }, () => ({ action: 'a.b', tenant_id }));
  const { body } = await app.call('POST', '/v1/audit', { body: { events } });
  const ids: string[] = body.items.map(({ id }: { id: string }) => id);
  if (sequencing) {
    await waitFor(
      'The entries',
      () => get(`/audit/events/${ids.at(-1)}`),
      ({ status }) => status === 200,
      200,
    );
  }
  return ids;
};
const get = (path: string, request = {}): Promise<TestAnswer> => app.call('GET', path, request);
const checkpoint = (): Promise<TestAnswer> => app.call('POST', '/audit/checkpoint');

test('without any checkpoint and worker: 404, and 503 to whoever wants one', async () => {
  expect((await get('/audit/checkpoint/latest')).body.code).toBe('checkpoint-not-found');
  expect((await get('/audit/consistency?from=1')).body.code).toBe('checkpoint-not-found');
  const [id] = await append();
  expect((await checkpoint()).body.code).toBe('signer-unavailable');
  expect((await get(`/audit/events/${id}/proof`)).body.code).toBe('audit-entry-not-found');
  app.startSequencer();
  sequencing = true;
});

describe('POST /audit/checkpoint', () => {
  test('201 covers everything that was appended before, and is itself in the log', async () => {
    await append(5);
    const { status, body } = await checkpoint();
    expect(status).toBe(201);
    const [row] = await sql<{ size: number }>(app, 'select size from audit_head');
    const keys = await get('/audit/keys');
    const [{ vkey, since_size }] = keys.body.items;
    expect(since_size).toBe(1);
    const read = verifyCheckpoint(body.note, vkey);
    expect(read).toEqual({
      origin: body.origin,
      size: body.head_seq,
      root: Buffer.from(body.root, 'base64'),
    });
    expect(body.head_seq).toBeGreaterThanOrEqual(6);
    expect(body.head_seq).toBeLessThanOrEqual(row!.size);
    const ordered = await sql(
      app,
      `select 1 from audit_trail where action = 'audit.checkpoint_ordered'`,
    );
    expect(ordered.length).toBeGreaterThan(0);
    const latest = await get('/audit/checkpoint/latest');
    expect(latest.body.head_seq).toBeGreaterThanOrEqual(body.head_seq);
  });

  test('403 to operators, 201 to auditors', async () => {
    const call = async (role: string) =>
      (await app.call('POST', '/audit/checkpoint', { key: await app.keyFor(role) })).status;
    expect([await call('operator'), await call('auditor')]).toEqual([403, 201]);
  });
});

test('GET /audit/checkpoints pages from the newest on', async () => {
  for (let n = 0; n < 3; n += 1) {
    await append();
    await checkpoint();
  }
  const sizes: number[] = [];
  let cursor = 0;
  do {
    const { body } = await get(`/audit/checkpoints?limit=2&cursor=${cursor}`);
    sizes.push(...body.items.map(({ head_seq }: { head_seq: number }) => head_seq));
    cursor = body.next_cursor;
  } while (cursor !== 0);
  expect(sizes.length).toBeGreaterThanOrEqual(3);
  expect(sizes).toEqual([...new Set(sizes)].sort((a, b) => b - a));
});

describe('GET /audit/events/{id}/proof', () => {
  test('200 is a file that proves the entry to whoever has the checkpoint’s key', async () => {
    const [id] = await append(3);
    const { status, headers, body } = await get(`/audit/events/${id}/proof`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    const file = readTlogProof(body)!;
    const { body: entry } = await get(`/audit/events/${id}`);
    expect([file.leaf, file.index]).toEqual([entry.leaf, entry.seq - 1]);
    const { body: keys } = await get('/audit/keys');
    const { size, root } = verifyCheckpoint(file.note, keys.items[0].vkey);
    expect(rootOfInclusion(leafHash(file.leaf), file.index, size, file.proof)).toEqual(root);
  });

  test('404 for another tenant’s entry, 200 for the own one', async () => {
    const tenantId = randomUUID();
    await sql(
      app,
      `insert into tenants (id, slug, name, status, bucket) values ($1, $2, 'A', 'active', 1)`,
      [tenantId, `t-${tenantId.slice(0, 8)}`],
    );
    const admin = await person(app, { tenants: [{ id: tenantId, role: 'admin' }] });
    const as = { anonymous: true, headers: await signedIn(app, admin) };
    const [[own], [other]] = [await append(1, tenantId), await append(1, randomUUID())];
    expect((await get(`/audit/events/${own}/proof`, as)).status).toBe(200);
    expect((await get(`/audit/events/${other}/proof`, as)).status).toBe(404);
    expect((await get('/audit/checkpoint/latest', as)).status).toBe(200);
    const client = await person(app, { tenants: [{ id: tenantId, role: 'client' }] });
    const denied = { anonymous: true, headers: await signedIn(app, client) };
    expect((await get('/audit/checkpoint/latest', denied)).status).toBe(403);
  });
});

test('GET /audit/consistency shows that one checkpoint is the beginning of another', async () => {
  await append(10);
  const { body: first } = await checkpoint();
  await append(40);
  const { body: second } = await checkpoint();
  const { body } = await get(`/audit/consistency?from=${first.head_seq}&to=${second.head_seq}`);
  expect(body.from).toEqual({ size: first.head_seq, root: first.root });
  expect(body.to).toEqual({ size: second.head_seq, root: second.root });
  const head = ({ size, root }: { size: number; root: string }) => ({
    size,
    root: Buffer.from(root, 'base64'),
  });
  const proof = body.proof.map((hash: string) => Buffer.from(hash, 'base64'));
  expect(isConsistent(head(body.from), head(body.to), proof)).toBe(true);
  const beyond = await get(`/audit/consistency?from=1&to=${Number(second.head_seq) + 1000}`);
  expect(beyond.body.code).toBe('checkpoint-not-found');
  expect((await get('/audit/consistency?from=0')).status).toBe(422);
});
