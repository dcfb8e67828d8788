import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { breakKinds } from '../../src/domain/audit/verify/verdict.rules';
import { verifyCheckpoint } from '../domain/audit/sigstore';
import { startEmbeddedStore } from '../support/embedded-store';
import type { EmbeddedStore } from '../support/embedded-store';
import { buildSources } from '../support/start-servers';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { sql } from '../api/rows';
import { registryOf } from '../api/registry/registry-world';
import { openRows } from '../workflows/rows';
import type { Rows } from '../workflows/rows';
import { usher } from './command-line';
import type { Called } from './command-line';

let store: EmbeddedStore;
let app: TestApp;
let rows: Rows;
let env: NodeJS.ProcessEnv;
let folder: string;
let vkey: string;
beforeAll(async () => {
  await buildSources();
  store = await startEmbeddedStore();
  app = await startTestApp({ archive: { store: store.settings } });
  rows = await openRows(app);
  folder = mkdtempSync(join(tmpdir(), 'usher-cli-audit-'));
  const { endpoint, region, bucket, accessKey, secretKey } = store.settings;
  env = {
    USHER_URL: app.url,
    USHER_KEY: await app.keyFor('owner'),
    DATABASE_URL: app.database.appUrl,
    DATABASE_SEQUENCER_URL: app.database.sequencerUrl,
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    AUDIT_COLD_ENDPOINT: endpoint,
    AUDIT_COLD_REGION: region,
    AUDIT_COLD_BUCKET: bucket,
    AUDIT_COLD_ACCESS_KEY: accessKey,
    AUDIT_COLD_SECRET_KEY: secretKey,
  };
  await app.call('POST', '/v1/audit?wait=sequenced', { body: { action: 'order.shipped' } });
  await app.call('POST', '/audit/checkpoint');
  vkey = (await app.call('GET', '/audit/keys')).body.items[0].vkey;
}, 120_000);
afterAll(async () => {
  await rows.close();
  await app.stop();
  await store.stop();
  rmSync(folder, { recursive: true });
});

const call = (...words: string[]): Promise<Called> => usher(['audit', ...words], { env });

/** Runs the verifier that outsiders get, with the file and the key alone; its exit code. */
const verifyFile = (file: string): Promise<number> =>
  new Promise((resolve) => {
    const verifier = join(__dirname, '..', '..', 'dist', 'audit-verify.mjs');
    execFile(process.execPath, [verifier, file, '--key', vkey], { env: {} }, (error) => {
      resolve(error ? Number(error.code) : 0);
    });
  });

describe('audit checkpoint', () => {
  test('--note prints a note and nothing else, which code that is not ours accepts', async () => {
    const { code, out } = await call('checkpoint', '--note');
    expect(code).toBe(0);
    const { origin, size } = verifyCheckpoint(`${out}\n`, vkey);
    expect(vkey.startsWith(`${origin}+`)).toBe(true);
    expect(size).toBeGreaterThan(0);
  });

  test('tells the log, its size and its root, and prints them as JSON', async () => {
    const told = await call('checkpoint');
    expect(told).toMatchObject({ code: 0, err: '' });
    const { origin, head_seq, root } = JSON.parse((await call('checkpoint', '--json')).out);
    expect(told.out).toContain(origin);
    expect(told.out).toMatch(/entries +\d+\n/);
    expect(Number(head_seq)).toBeGreaterThan(0);
    expect(Buffer.from(root, 'base64')).toHaveLength(32);
  });
});

describe('audit export', () => {
  test('writes a tenant’s entries, which the verifier passes until one byte is another one', async () => {
    const { slug } = await registryOf(() => app).tenant();
    const file = join(folder, 'tenant.ndjson');
    expect(await call('export', '--tenant', slug, '--out', file)).toEqual({
      code: 0,
      out: `${file} is written.`,
      err: '',
    });
    expect(await verifyFile(file)).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('tenant.created');
    writeFileSync(file, text.replace('tenant.created', 'tenant.creates'));
    expect(Object.values(breakKinds)).toContain(await verifyFile(file));
  });

  test('--format csv --action picks', async () => {
    const file = join(folder, 'picked.csv');
    await call('export', '--format', 'csv', '--action', 'order', '--out', file);
    expect(readFileSync(file, 'utf8')).toContain('order.shipped');
    expect(readFileSync(file, 'utf8')).not.toContain('tenant.created');
    expect(await verifyFile(file)).toBe(0);
  });

  test('of a tenant that is not there says so and leaves no file', async () => {
    const file = join(folder, 'nobody.ndjson');
    const { code, err } = await call('export', '--tenant', 'nobody', '--out', file);
    expect(code).not.toBe(0);
    expect(err).toContain('tenant-not-found');
    expect([file, `${file}.part`].filter((one) => existsSync(one))).toEqual([]);
  });
});

describe('audit verify', () => {
  test('tells that the log is whole, up to where it is published', async () => {
    await waitFor(
      'A published checkpoint',
      () => sql(app, 'select 1 from audit_checkpoints where published_at is not null'),
      (found) => found.length > 0,
    );
    const { code, out } = await call('verify', '--key', vkey);
    expect([code, out]).toEqual([0, expect.stringMatching(/^verdict +ok\n/)]);
    expect(out).toMatch(/attested +\d+/);
    expect(JSON.parse((await call('verify', '--json')).out)).toMatchObject({
      ok: true,
      archived: 0,
    });
  });

  test('ends with the code of what is broken, and names kind and place', async () => {
    await rows.query(`update audit_log set action = 'order.lost' where seq = 1`);
    const { code, out } = await call('verify', '--key', vkey);
    expect(code).toBe(breakKinds['event-hash-mismatch']);
    expect(out).toMatch(/^verdict +BROKEN: event-hash-mismatch at 1\n/);
    expect((await call('verify', '--from', '2')).code).toBe(0);
    const [{ action }] = await rows.query(
      `select leaf::jsonb #>> '{core,action}' as action from audit_log where seq = 1`,
    );
    await rows.query('update audit_log set action = $1 where seq = 1', [action]);
    expect((await call('verify')).code).toBe(0);
  });

  test('believes the key that it is given and no other', async () => {
    const other = vkey.replace(/\+[^+]*$/, `+${Buffer.alloc(33, 1).toString('base64')}`);
    expect((await call('verify', '--key', other)).code).toBe(
      breakKinds['checkpoint-signature-mismatch'],
    );
  });

  test('refuses what is no number of an entry', async () => {
    const { code, err } = await call('verify', '--from', 'first');
    expect(code).toBe(1);
    expect(err).toContain('first is no number of an entry.');
  });
});

describe('audit fork', () => {
  test('wants a reason, and goes on under another name, which it tells', async () => {
    expect((await call('fork')).err).toContain('--reason');
    const before = vkey.slice(0, vkey.indexOf('+'));
    // Refused at the moments in which the sequencer writes.
    const { out } = await waitFor(
      'The fork',
      () => call('fork', '--reason', 'restored from a backup', '--json'),
      ({ code }) => code === 0,
    );
    const fork = JSON.parse(out) as { origin: string; previousOrigin: string; seq: number };
    expect(fork.previousOrigin).toBe(before);
    expect(fork.origin).not.toBe(before);
    const [entry] = await rows.query('select action, kind from audit_log where seq = $1', [
      fork.seq,
    ]);
    expect(entry).toEqual({ action: 'audit.forked', kind: 'control' });
  });
});
