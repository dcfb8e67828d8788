import { randomBytes } from 'node:crypto';
import { hash } from 'argon2';
import { createSlowHashes, TooManyHashes } from '../../../src/platform/crypto/slow-hashes';
import { newKey } from '../../../src/platform/crypto/keys';
import { mintKey, readKey } from '../../../src/platform/crypto/key-formats';
import type { KeyFormat } from '../../../src/platform/crypto/key-formats';
import { newId } from '../../../src/platform/ids';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { activeTenant, codeOf, inSystem, post } from './keys';
import type { TestKey } from './keys';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

const parameters = {
  raw: true,
  timeCost: 1,
  memoryCost: 65_536,
  parallelism: 4,
  hashLength: 32,
} as const;

/** Imports a key of which only a slow hash is known, as it came from another system. */
async function importKey(
  given: { format?: KeyFormat; key?: string; prefix?: string; revoked?: boolean } = {},
): Promise<TestKey> {
  const key = given.key ?? mintKey(given.format ?? 'bp', 'ush', 'live');
  const prefix = given.prefix ?? readKey('ush', key)?.prefix ?? '';
  const [id, tenantId, salt] = [newId(), await activeTenant(app), randomBytes(16)];
  const digest = await hash(key, { ...parameters, salt });
  await inSystem(app, async (tx) => {
    await tx.run(
      `insert into api_keys (id, tenant_id, name, prefix, environment, rotation_family_id, imported, created_by, revoked_at)
       values ($1, $2, 'imported', $3, 'live', $1, true, 'system:test', case when $4 then now() end)`,
      [id, tenantId, prefix, given.revoked ?? false],
    );
    await tx.run(
      `insert into api_key_foreign_hashes (key_id, tenant_id, prefix, salt, hash) values ($1, $2, $3, $4, $5)`,
      [id, tenantId, prefix, salt, digest],
    );
  });
  return { id, key, tenantId };
}

const stored = (id: string) =>
  inSystem(app, (tx) =>
    tx.one<{ digest: Buffer | null; pepper: string | null; foreign: number }>(
      `select digest, pepper_id as pepper,
         (select count(*)::int from api_key_foreign_hashes where key_id = $1) as foreign
       from api_keys where id = $1`,
      [id],
    ),
  );

/** The answer once the hash has had its turn: on a crowded machine it takes longer than an answer may. */
const settled = (key: string) =>
  waitFor(
    'the hash',
    async () => (await post(app, { key })).body,
    ({ code }) => code !== 'UNAVAILABLE',
  );

describe('an imported key with a slow hash', () => {
  test.each(['bp', 'trk', 'usher'] as const)(
    'of the form %s verifies, and its first use replaces the hash by a digest',
    async (format) => {
      const { key, id } = await importKey({ format });
      expect((await stored(id)).digest).toBeNull();
      expect(await settled(key)).toMatchObject({ code: 'VALID', key_id: id });
      expect(await stored(id)).toEqual({
        digest: app.deps.apiKeys.hasher.digest(key).digest,
        pepper: 'p1',
        foreign: 0,
      });
      expect(await codeOf(app, { key })).toBe('VALID');
    },
  );

  test('is told from another key of its prefix, and one of several is found', async () => {
    const prefix = 'bp_samepref';
    const keys = await Promise.all(
      ['a', 'b', 'c'].map((letter) =>
        importKey({ key: `bp_samepref${letter.repeat(14)}`, prefix }),
      ),
    );
    expect(await settled(`bp_samepref${'d'.repeat(14)}`)).toMatchObject({ code: 'NOT_FOUND' });
    for (const { key, id } of keys)
      expect(await settled(key)).toMatchObject({ code: 'VALID', key_id: id });
  });

  test('is judged by the row that the upgrade returns: revoked stays revoked', async () => {
    const { key, id } = await importKey({ revoked: true });
    expect(await settled(key)).toMatchObject({ code: 'REVOKED', key_id: id });
  });

  test('that is used many times at once for the first time is paid once and good every time', async () => {
    const { key, id } = await importKey();
    const codes = await Promise.all(Array.from({ length: 6 }, () => codeOf(app, { key })));
    // What does not get its turn is told to come again, never that the key is bad.
    expect(codes.filter((code) => code !== 'UNAVAILABLE').every((code) => code === 'VALID')).toBe(
      true,
    );
    expect(await settled(key)).toMatchObject({ code: 'VALID' });
    expect((await stored(id)).foreign).toBe(0);
  });

  test('costs whoever guesses their attempts before any hash is computed', async () => {
    const { key, id } = await importKey();
    const ip = '198.51.100.9';
    for (let n = 0; n < 20; n += 1) await codeOf(app, { key: newKey('ush', 'live'), ip });
    // Even the right key is not compared any more, since only comparing tells that it is right.
    expect(await codeOf(app, { key, ip })).toBe('RATE_LIMITED');
    expect((await stored(id)).foreign).toBe(1);
    expect(await settled(key)).toMatchObject({ code: 'VALID', key_id: id });
  });

  test('found wrong once is not computed again for a minute, unless a hash is new', async () => {
    const key = `bp_twicewro${'b'.repeat(14)}`;
    const prefix = 'bp_twicewro';
    await importKey({ key: `bp_twicewro${'a'.repeat(14)}`, prefix });
    expect(await settled(key)).toMatchObject({ code: 'NOT_FOUND' });
    const imported = await importKey({ key, prefix });
    expect(await settled(key)).toMatchObject({ code: 'VALID', key_id: imported.id });
  });
});

describe('slow hashes', () => {
  test('run two at a time, wait eight deep, and refuse the rest at once', async () => {
    const slow = createSlowHashes({ running: 2, queued: 8 });
    const salt = randomBytes(16);
    const outcomes = await Promise.all(
      Array.from({ length: 13 }, (_, n) =>
        slow
          .matches('key', salt, Buffer.alloc(32), `source ${String(n)}`)
          .catch((error: unknown) => error),
      ),
    );
    expect(outcomes.filter((one) => one === false)).toHaveLength(10);
    expect(outcomes.filter((one) => one instanceof TooManyHashes)).toHaveLength(3);
  });

  test('let others into a queue that one source fills, up to a share as large as its own', async () => {
    const slow = createSlowHashes({ running: 1, queued: 4 });
    const salt = randomBytes(16);
    const ask = (source: string) =>
      slow.matches('key', salt, Buffer.alloc(32), source).then(
        () => `${source} computed`,
        () => `${source} refused`,
      );
    const outcomes = await Promise.all(
      ['loud', 'loud', 'loud', 'loud', 'loud', 'quiet', 'quiet', 'quiet', 'third', 'fourth'].map(
        ask,
      ),
    );
    const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
    // One of the loud ones runs already; the four places are for four sources in the end.
    expect(['loud', 'quiet', 'third', 'fourth'].map((one) => count(`${one} computed`))).toEqual([
      2, 1, 1, 1,
    ]);
  });

  test('take turns among sources: one that asks much does not keep another waiting', async () => {
    const slow = createSlowHashes({ running: 1, queued: 8 });
    const salt = randomBytes(16);
    const order: string[] = [];
    const ask = (source: string) =>
      slow.matches('key', salt, Buffer.alloc(32), source).then(() => order.push(source));
    await Promise.all([...Array.from({ length: 5 }, () => ask('loud')), ask('quiet')]);
    expect(order.indexOf('quiet')).toBeLessThan(3);
  });
});
