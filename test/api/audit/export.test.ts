import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { main } from '../../../src/main/audit-verify';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;
let folder: string;
const tenant = randomUUID();
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  app.startSequencer();
  folder = mkdtempSync(join(tmpdir(), 'usher-export-'));
  await sql(
    app,
    `insert into tenants (id, slug, name, status, bucket) values ($1, 'orders-shop', 'Shop', 'active', 1)`,
    [tenant],
  );
  const events = Array.from({ length: 300 }, (_, n) => ({
    action: 'orders.shipped',
    external_id: `o-${String(n)}`,
    actor: {
      type: 'user',
      id: `u-${String(n % 7)}`,
      name: `=Nobody ${String(n)}`,
      email: 'n@acme.example',
    },
    ...(n % 2 === 0 ? { tenant_id: tenant } : {}),
    description: 'by "hand",\nwith care',
  }));
  expect((await app.call('POST', '/v1/audit?wait=sequenced', { body: events })).status).toBe(201);
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await app.stop();
});

const download = async (query: string, request = {}): Promise<string> => {
  const { status, body } = await app.call('GET', `/audit/export?${query}`, request);
  expect(status).toBe(200);
  return body;
};
const vkey = async (): Promise<string> => (await app.call('GET', '/audit/keys')).body.items[0].vkey;
const verify = async (
  text: string,
): Promise<{ code: number; verdict: Record<string, unknown> }> => {
  const file = join(folder, 'export');
  writeFileSync(file, text);
  const lines: string[] = [];
  const io = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
  const code = await main([file, '--json', '--key', await vkey()], io);
  return { code, verdict: JSON.parse(lines.join('\n')) };
};

describe('GET /audit/export', () => {
  test('200 with the whole log, which an outsider finds complete and signed', async () => {
    const { code, verdict } = await verify(await download(''));
    expect([code, verdict]).toEqual([
      0,
      expect.objectContaining({ ok: true, complete: true, scope: 'log', signed: true }),
    ]);
    expect(verdict['verified']).toBe(verdict['size']);
  });

  test('200 with all of a tenant, which continues a checkpoint that somebody kept', async () => {
    const { head_seq: size } = (await app.call('POST', '/audit/checkpoint')).body;
    const text = await download(`tenant_id=${tenant}&from_checkpoint=${String(size)}`);
    const { verdict } = await verify(text);
    expect(verdict).toMatchObject({ ok: true, complete: true, scope: 'tenant', tenantId: tenant });
    expect(verdict['verified']).toBeGreaterThanOrEqual(150);
    expect(JSON.parse(text.split('\n')[0] ?? '').from_checkpoint.size).toBe(size);
  });

  test('200 with entries picked out, each proven, and it does not pass for complete', async () => {
    const { verdict } = await verify(await download('actor_id=u-3&action=orders'));
    expect(verdict).toMatchObject({ ok: true, complete: false, scope: 'picked' });
    expect(verdict['verified']).toBe(43);
  });

  test('200 with CSV that a spreadsheet takes for text, and that is signed as a whole', async () => {
    const text = await download('format=csv&action=orders');
    expect(text).toContain(`,'=Nobody 4,`);
    expect(text).toContain('"by ""hand"",\nwith care"');
    expect((await verify(text)).code).toBe(0);
    expect((await verify(text.replace('Nobody 4,', 'Nobody 5,'))).code).toBe(16);
  });

  test('gives the people of a tenant their own entries and nothing else', async () => {
    const admin = await person(app, { tenants: [{ id: tenant, role: 'admin' }] });
    const own = { anonymous: true, headers: await signedIn(app, admin) };
    const { verdict } = await verify(await download('', own));
    expect(verdict).toMatchObject({ ok: true, scope: 'tenant', tenantId: tenant, complete: true });
    const other = await app.call('GET', `/audit/export?tenant_id=${randomUUID()}`, own);
    expect(other.status).toBe(403);
  });

  test('is itself an entry', async () => {
    await download('action=orders');
    const { body } = await app.call('GET', '/audit?action=audit.exported');
    expect(body.items[0]).toMatchObject({
      actor: { type: 'service' },
      metadata: { by: 'action', format: 'ndjson', complete: false },
    });
  });

  test('404 for a checkpoint that is not there yet', async () => {
    const { status, body } = await app.call('GET', '/audit/export?from_checkpoint=999999');
    expect([status, body.code]).toEqual([404, 'checkpoint-not-found']);
  });
});

describe('GET /audit/verify', () => {
  test('200 with what was found, also of a range', async () => {
    const { body } = await app.call('GET', '/audit/verify');
    expect(body).toMatchObject({ ok: true, break: null, breaks: [], attested: null });
    const { body: range } = await app.call('GET', '/audit/verify?from=100&to=199');
    expect(range).toMatchObject({ ok: true, verified: 100 });
  });

  test('200 with the place of a break, and notes in the log that it was found', async () => {
    const intruder = new Client({ connectionString: app.database.superUrl });
    await intruder.connect();
    const { rows } = await intruder.query<{ leaf: string }>(
      'select leaf from audit_log where seq = 150',
    );
    const change = (leaf: string) =>
      intruder.query('update audit_log set leaf = $1 where seq = 150', [leaf]);
    await change(`${rows[0]?.leaf ?? ''} `);
    const { body } = await app.call('GET', '/audit/verify');
    await change(rows[0]?.leaf ?? '');
    await intruder.end();
    expect(body).toMatchObject({ ok: false, break: { seq: 150, kind: 'event-hash-mismatch' } });
    const noted = await app.call('GET', '/audit?action=audit.verified&outcome=failure');
    expect(noted.body.items[0].metadata).toMatchObject({ ok: false, break: 'event-hash-mismatch' });
  });

  test('200 with progress line by line, and the verdict as the last line', async () => {
    const { body } = await app.call('GET', '/audit/verify', {
      headers: { accept: 'application/x-ndjson' },
    });
    expect(JSON.parse(body.trim().split('\n').at(-1))).toMatchObject({ ok: true });
  });
});

describe('GET /audit/tiles/{level}/{index}', () => {
  test('200 with the leaf hashes, from which anybody makes the root of a checkpoint', async () => {
    const { head_seq: size, root } = (await app.call('POST', '/audit/checkpoint')).body;
    const hashes: Buffer[] = [];
    for (let index = 0; hashes.length < size; index += 1) {
      const response = await fetch(`${app.url}/audit/tiles/0/${String(index)}`, {
        headers: { 'x-api-key': await app.keyFor('auditor') },
      });
      const tile = Buffer.from(await response.arrayBuffer());
      for (let at = 0; at < tile.length; at += 32) hashes.push(tile.subarray(at, at + 32));
    }
    expect(rootOf(hashes.slice(0, size)).toString('base64')).toBe(root);
  });

  test('404 for a tile that is not there', async () => {
    expect((await app.call('GET', '/audit/tiles/3/0')).body.code).toBe('tile-not-found');
  });
});

/** The tree hash as RFC 6962 defines it, recursively. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only) return only;
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const sides = [rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split))];
  return createHash('sha256')
    .update(Buffer.concat([Buffer.of(1), ...sides]))
    .digest();
}
