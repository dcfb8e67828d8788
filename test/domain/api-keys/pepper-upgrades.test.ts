import type { FoundKey } from '../../../src/domain/api-keys/lookups';
import { createPepperUpgrades } from '../../../src/domain/api-keys/pepper-upgrades';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertTenant } from '../onboarding/rows';
import { goodKey } from './facts';
import { insertKey } from './rows';

const label = 'usher/api-key/v1';
const old = { id: 'p1', key: Buffer.alloc(32, 1) };
const hasher = createKeyHasher([old], label);
const next = createKeyHasher([{ id: 'p2', key: Buffer.alloc(32, 2) }, old], label);

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const inSystem = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

type Key = Awaited<ReturnType<typeof insertKey>>;
const foundAs = ({ id, key }: Pick<Key, 'id' | 'key'>): FoundKey => ({
  facts: { ...goodKey, id, pepperId: 'p1' },
  digest: hasher.digest(key).digest.toString('hex'),
  readAt: 0,
  count: { cost: 0, windowStart: 0, windowSeconds: 0, windowCost: 0 },
});

test('keys are locked in the order of their ids, however they were met: no two processes wait for each other', async () => {
  const keys = await inSystem(async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    const issued = [];
    for (let n = 0; n < 3; n += 1) issued.push(await insertKey(tx, hasher, { tenantId }));
    return issued;
  });
  const ids = keys.map(({ id }) => id).sort();
  const upgrades = createPepperUpgrades(db, next, () => undefined);
  for (const { id, key } of [...keys].sort((a, b) => (a.id < b.id ? 1 : -1))) {
    expect(upgrades.consider(foundAs({ id, key }), key)).toBe(false);
  }
  let moved: Promise<void> | undefined;
  await inSystem(async (tx) => {
    await tx.run('select 1 from api_keys where id = $1 for update', [ids[0]]);
    moved = upgrades.run();
    await waitFor(
      'the wait for the first key',
      () =>
        inSystem((other) =>
          other.rows(
            `select 1 from pg_stat_activity
             where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
          ),
        ),
      (waiting) => waiting.length === 1,
    );
    const free = await inSystem((other) =>
      other.rows<{ id: string }>(
        'select id from api_keys where id = any($1) order by id for update skip locked',
        [ids],
      ),
    );
    expect(free.map(({ id }) => id)).toEqual(ids.slice(1));
  });
  await moved;
  const rows = await inSystem((tx) =>
    tx.rows('select distinct pepper_id from api_keys where id = any($1)', [ids]),
  );
  expect(rows).toEqual([{ pepper_id: 'p2' }]);
});

test('a key whose digest under the new pepper is taken stays where it is, and holds up none of the others', async () => {
  const [taken, free] = await inSystem(async (tx) => {
    const tenantId = await insertTenant(tx, { status: 'active' });
    const keys = [
      await insertKey(tx, hasher, { tenantId }),
      await insertKey(tx, hasher, { tenantId }),
    ];
    const other = await insertKey(tx, hasher, { tenantId });
    await tx.run('update api_keys set digest = $2, pepper_id = $3 where id = $1', [
      other.id,
      next.digest(keys[0]!.key).digest,
      'p2',
    ]);
    return keys as [Key, Key];
  });
  const upgrades = createPepperUpgrades(db, next, () => undefined);
  for (const key of [taken, free]) upgrades.consider(foundAs(key), key.key);
  await upgrades.run();
  const peppers = await inSystem((tx) =>
    tx.rows<{ id: string; pepper: string }>(
      'select id, pepper_id as pepper from api_keys where id = any($1)',
      [[taken.id, free.id]],
    ),
  );
  expect(new Map(peppers.map(({ id, pepper }) => [id, pepper]))).toEqual(
    new Map([
      [taken.id, 'p1'],
      [free.id, 'p2'],
    ]),
  );
});
