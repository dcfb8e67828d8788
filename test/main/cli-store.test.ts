import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProbeResult } from '../../src/platform/object-store-probe';
import { storeCapabilities } from '../../src/platform/object-store-probe';
import { startObjectStore } from '../../src/servers/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { usher as call } from './command-line';

let home: TestDatabase;
let server: ObjectStoreServer;
let env: NodeJS.ProcessEnv;
const dir = mkdtempSync(join(tmpdir(), 'usher-objects-'));
const keys = { accessKey: 'usher', secretKey: 'usher-secret' };
const key = Buffer.alloc(32, 1).toString('base64');

const usher = (words: string, more: NodeJS.ProcessEnv = {}) =>
  call(words.split(' '), { env: { ...env, ...more } });

async function probed(): Promise<Record<string, boolean>> {
  const { out } = await usher('doctor s3 --json');
  const { results } = JSON.parse(out) as { results: ProbeResult[] };
  return Object.fromEntries(results.map((one) => [one.capability, one.honoured]));
}

beforeAll(async () => {
  home = await createTestDatabase();
  server = await startObjectStore({ ...keys, port: 0, dir, bucket: 'usher-audit' });
  env = {
    DATABASE_URL: home.appUrl,
    KEYS_HASH_PEPPER: `p1:${key}`,
    SECRETS_KEY_RING: `k1:${key}`,
    COOKIE_SECRET: key,
    AUDIT_COLD_ENDPOINT: server.url,
    AUDIT_COLD_BUCKET: 'usher-audit',
    AUDIT_COLD_ACCESS_KEY: keys.accessKey,
    AUDIT_COLD_SECRET_KEY: keys.secretKey,
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    SMTP_URL: 'smtp://127.0.0.1:1',
  };
});
afterEach(() => server.faults.set([]));
afterAll(async () => {
  await server.stop();
  await home.drop();
  rmSync(dir, { recursive: true });
});

/** The line of the doctor's round about the store. */
const storeLine = async () => /^(.+) object store +(.+)$/m.exec((await usher('doctor')).out)?.[0];

describe('doctor s3', () => {
  it('finds that a store with everything honours everything, and records it for the doctor', async () => {
    expect(await storeLine()).toMatch(/^look {2}object store .* never tried out$/);
    expect(await probed()).toEqual(
      Object.fromEntries(storeCapabilities.map((capability) => [capability, true])),
    );
    expect(await storeLine()).toMatch(/^ok .* honours everything that was tried$/);
  });

  it.each([
    ['conditional-put', { mode: 'unconditional' as const }],
    ['checksum-refused', { mode: 'unchecked' as const }],
    ['checksum-told', { mode: 'no-checksum' as const }],
    ['checksum-told', { mode: 'wrong-checksum' as const }],
    ['compliance-lock', { mode: 'unlocked' as const }],
    ['legal-hold', { mode: 'unlocked' as const }],
    ['read-back', { mode: 'changed-byte' as const }],
    ['read-back', { mode: 'unstored' as const }],
  ])('does not believe in %s of a store with %o', async (capability, fault) => {
    server.faults.set([fault]);
    expect(await probed()).toMatchObject({ [capability]: false });
  });

  it('says what to do about each thing that is lacking, and succeeds while the store can be used', async () => {
    server.faults.set([{ mode: 'unlocked' }]);
    const { code, out } = await usher('doctor s3');
    expect(code).toBe(0);
    expect(out).toMatch(/^look +compliance-lock +a locked version was deleted\n +→ Use a bucket/m);
    expect(await storeLine()).toMatch(/^look .* lacks compliance-lock, legal-hold$/);
  });

  it('fails for a store that gives other bytes than it got', async () => {
    server.faults.set([{ mode: 'changed-byte' }]);
    const { code, out } = await usher('doctor s3');
    expect([code, out]).toEqual([1, expect.stringMatching(/^FAIL +read-back/m)]);
    expect(await storeLine()).toMatch(/^FAIL/);
  });

  it('makes the bucket when it is asked to, and says that it is missing when it is not', async () => {
    const elsewhere = { AUDIT_COLD_BUCKET: 'usher-second' };
    const missing = await usher('doctor s3', elsewhere);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('store-refused') });
    const made = await usher('doctor s3 --create-bucket', elsewhere);
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('Everything works.') });
    // All that stays is the version that nobody can delete for a minute.
    const files = readdirSync(join(dir, 'usher-second'), { recursive: true }).map(String);
    expect(files.filter((name) => name.endsWith('.bin'))).toHaveLength(1);
  });

  it.each([
    [{ AUDIT_COLD_BUCKET: '' }, 'No object store is configured'],
    [{ AUDIT_COLD_SECRET_KEY: 'guessed' }, 'was answered 403'],
    [{ AUDIT_COLD_ENDPOINT: 'http://127.0.0.1:1' }, 'store-unreachable'],
    [{ OUTBOUND_ALLOW_CIDRS: '' }, 'AUDIT_COLD_ENDPOINT is a private address'],
    [{ AUDIT_COLD_SECRET_KEY: '' }, 'AUDIT_COLD_SECRET_KEY is missing'],
  ])('with %o says what is wrong', async (wrong, told) => {
    const { code, err } = await usher('doctor s3', wrong);
    expect([code, err]).toEqual([1, expect.stringContaining(told)]);
  });

  it('goes on without a database, and says that nothing was recorded', async () => {
    const { code, err } = await usher('doctor s3', { DATABASE_URL: 'postgres://127.0.0.1:1/x' });
    expect([code, err]).toEqual([0, expect.stringContaining('Not recorded')]);
  });
});
