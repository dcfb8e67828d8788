import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStore } from '../../src/platform/object-store';
import { anObject, contentOf } from '../platform/object-store-contract';
import { buildSources } from '../support/start-servers';

const folder = mkdtempSync(join(tmpdir(), 'usher-objects-'));
const keys = { accessKey: 'usher', secretKey: 'usher-secret' };
const program = join(__dirname, '..', '..', 'dist', 'src', 'servers', 'object-store.js');
type Child = ChildProcessByStdio<null, Readable, Readable>;

beforeAll(buildSources);
afterAll(() => rmSync(folder, { recursive: true }));

const start = (...args: string[]): Child =>
  spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      OBJECT_STORE_ACCESS_KEY: keys.accessKey,
      OBJECT_STORE_SECRET_KEY: keys.secretKey,
    },
  });

async function storeOf(child: Child): Promise<ObjectStore> {
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  return createObjectStore({
    ...keys,
    endpoint: url,
    region: 'us-east-1',
    bucket: 'usher-audit',
    encrypt: false,
    allowCidrs: ['127.0.0.0/8'],
  });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

it('loses nothing that it has answered when it is killed with SIGKILL, and keeps nothing by halves', async () => {
  const sums = new Map<string, string>();
  const answered = new Set<string>();
  const args = ['--dir', join(folder, 'killed'), '--bucket', 'usher-audit'];
  for (let round = 1; round <= 3; round += 1) {
    const child = start(...args);
    const store = await storeOf(child);
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; ; n += 1) {
        const key = `${String(round)}/${String(writer)}/${String(n)}`;
        const object = anObject(key, randomBytes(1 + ((n * 7919) % 60_000)));
        sums.set(key, object.sha256);
        try {
          await store.put(object);
        } catch {
          return;
        }
        answered.add(key);
        if (answered.size === round * 60) child.kill('SIGKILL');
      }
    });
    await Promise.all(writers);
    store.close();
  }
  expect(answered.size).toBeGreaterThanOrEqual(180);

  const child = start(...args);
  const store = await storeOf(child);
  const found: string[] = [];
  for await (const { key } of store.list('')) {
    found.push(key);
    expect(sha256((await contentOf(store, key)) ?? Buffer.of())).toBe(sums.get(key));
  }
  expect([...answered].filter((key) => !found.includes(key))).toEqual([]);
  const names = readdirSync(join(folder, 'killed'), { recursive: true }).map(String);
  expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
  expect(names.filter((name) => name.endsWith('.bin'))).toHaveLength(found.length);
  store.close();
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('says how it is called when it is called without a folder', async () => {
  const child = start('--port', '0');
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(told).toContain('usage: object-store --dir D');
});
