import { randomBytes } from 'node:crypto';
import { createKeyRing } from '../../../src/platform/crypto/sealing';
import { createDatabase, withSystem, withTenant } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import {
  erase,
  fingerprint,
  kidsInUse,
  reencryptCompromised,
  requireKids,
  reveal,
  rewrapBatch,
  seal,
} from '../../../src/domain/secrets/secrets';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
let db: Database;

const keys = ['k1', 'k2', 'k3'].map((id) => ({ id, key: randomBytes(32) }));
const [k1, k2, k3] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const ring = createKeyRing([k1]);
const access = { who: 'user:42', why: 'test' };

const sealed = (over: Partial<Parameters<typeof seal>[2]> = {}) =>
  withSystem(db, 'identity', (tx) =>
    seal(tx, ring, {
      ownerTable: 'onboardings',
      ownerId: newId(),
      field: 'wb_token',
      tenantId: null,
      plaintext: 'the-token-of-a-customer',
      ...over,
    }),
  );

beforeEach(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

const fingerprintOf = async (tx: Tx, id: string) =>
  (await tx.maybe<{ fingerprint: Buffer }>('select fingerprint from secrets where id = $1', [id]))
    ?.fingerprint;

const accesses = async (secretId: string) =>
  (
    await withSystem(db, 'identity', (tx) =>
      tx.rows<{ who: string; why: string }>(
        'select who, why from secret_accesses where secret_id = $1 order by at',
        [secretId],
      ),
    )
  ).map(({ who, why }) => `${who}: ${why}`);

test('a sealed value comes back, and nothing of it stands in the table', async () => {
  const id = await sealed();
  expect(await reveal(db, ring, id, access)).toBe('the-token-of-a-customer');
  const row = await withSystem(db, 'identity', (tx) =>
    tx.one<Record<string, unknown>>('select to_jsonb(s) as row from secrets as s where id = $1', [
      id,
    ]),
  );
  expect(JSON.stringify(row)).not.toContain(Buffer.from('the-token').toString('hex'));
});

test('every opening is in the access log, also one that fails', async () => {
  const id = await sealed();
  await reveal(db, ring, id, access);
  await expect(
    reveal(db, createKeyRing([k2]), id, { who: 'user:7', why: 'wrong ring' }),
  ).rejects.toThrow();
  expect(await accesses(id)).toEqual(['user:42: test', 'user:7: wrong ring']);
});

test('a value that was put in the place of another does not open', async () => {
  const [mine, theirs] = [await sealed(), await sealed({ plaintext: 'another' })];
  await withSystem(db, 'identity', (tx) =>
    tx.run(
      `update secrets as a set wrapped_dek = b.wrapped_dek, iv = b.iv, ciphertext = b.ciphertext, tag = b.tag
       from secrets as b where a.id = $1 and b.id = $2`,
      [mine, theirs],
    ),
  );
  await expect(reveal(db, ring, mine, access)).rejects.toThrow();
});

test('an older value does not open in the place of a newer one of the same field', async () => {
  const ownerId = newId();
  const [older, newer] = [
    await sealed({ ownerId, plaintext: 'old' }),
    await sealed({ ownerId, plaintext: 'new' }),
  ];
  await withSystem(db, 'identity', (tx) =>
    tx.run(
      `update secrets as a set wrapped_dek = b.wrapped_dek, iv = b.iv, ciphertext = b.ciphertext, tag = b.tag
       from secrets as b where a.id = $1 and b.id = $2`,
      [newer, older],
    ),
  );
  await expect(reveal(db, ring, newer, access)).rejects.toThrow();
});

test('an erased value is gone for good', async () => {
  const id = await sealed();
  await withSystem(db, 'identity', (tx) => erase(tx, id));
  await expect(reveal(db, ring, id, access)).rejects.toMatchObject({ code: 'input-missing' });
});

test('equal values have equal fingerprints, of which the value cannot be guessed without the ring', async () => {
  const id = await sealed();
  const stored = await withSystem(db, 'identity', (tx) => fingerprintOf(tx, id));
  expect(stored).toEqual(fingerprint(ring, 'wb_token', 'the-token-of-a-customer'));
  expect(stored).not.toEqual(fingerprint(ring, 'owner', 'the-token-of-a-customer'));
  expect(stored).not.toEqual(
    fingerprint(createKeyRing([k2]), 'wb_token', 'the-token-of-a-customer'),
  );
});

test('a tenant’s secret is not seen from another tenant', async () => {
  const [tenantId, other] = [newId(), newId()];
  const id = await sealed({ tenantId });
  expect(await withTenant(db, tenantId, (tx) => fingerprintOf(tx, id))).toBeDefined();
  expect(await withTenant(db, other, (tx) => fingerprintOf(tx, id))).toBeUndefined();
});

describe('rotation of the key ring', () => {
  test('re-wraps all values in batches, opens them before, during and after, and logs no access', async () => {
    const ids = await Promise.all(
      Array.from({ length: 5 }, (_, n) => sealed({ plaintext: `v${n}` })),
    );
    const rotated = createKeyRing([k2, k1]);
    expect(await reveal(db, rotated, ids[0]!, access)).toBe('v0');
    expect(await rewrapBatch(db, rotated, 3)).toBe(3);
    expect(await rewrapBatch(db, rotated, 3)).toBe(2);
    expect(await rewrapBatch(db, rotated, 3)).toBe(0);
    expect(await kidsInUse(db)).toEqual([{ kid: 'k2', secrets: 5 }]);
    const alone = createKeyRing([k2]);
    for (const [n, id] of ids.entries()) expect(await reveal(db, alone, id, access)).toBe(`v${n}`);
    expect(await accesses(ids[1]!)).toHaveLength(1);
  });

  test('of a compromised key encrypts everything with new DEKs, each in the access log', async () => {
    const id = await sealed();
    const before = await withSystem(db, 'identity', (tx) =>
      tx.one<{ ciphertext: Buffer }>('select ciphertext from secrets where id = $1', [id]),
    );
    const rotated = createKeyRing([k3, k1]);
    expect(await reencryptCompromised(db, rotated, 'k1')).toBe(1);
    const after = await withSystem(db, 'identity', (tx) =>
      tx.one<{ ciphertext: Buffer }>('select ciphertext from secrets where id = $1', [id]),
    );
    expect(after.ciphertext.equals(before.ciphertext)).toBe(false);
    expect(await reveal(db, createKeyRing([k3]), id, access)).toBe('the-token-of-a-customer');
    expect(await accesses(id)).toEqual(['system:identity: key compromised', 'user:42: test']);
    await expect(reencryptCompromised(db, rotated, 'k3')).rejects.toThrow('SECRETS_KEY_RING');
  });

  test('is not over while a key that values hang on is missing: boot refuses such a ring', async () => {
    await sealed();
    await expect(requireKids(db, createKeyRing([k2]))).rejects.toThrow(
      'SECRETS_KEY_RING lacks the key k1, which 1 sealed value(s) need',
    );
    await expect(requireKids(db, createKeyRing([k2, k1]))).resolves.toBeUndefined();
  });
});
