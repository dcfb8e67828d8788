import { requireFreeWord, slugFrom } from '../../../src/domain/tenants/slugs';
import { findTenant } from '../../../src/domain/tenants/tenants';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { isUuid, newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'tenants-test', max: 2 });
});
afterAll(async () => {
  await db.close();
  await home.drop();
});

const find = (idOrSlug: string) => act((tx) => findTenant(tx, idOrSlug));

test('a tenant is found by its slug, and by its id in any case', async () => {
  const id = await act((tx) => insertTenant(tx, { slug: 'north-wind' }));
  for (const name of ['north-wind', id, id.toUpperCase()]) {
    expect(await find(name)).toMatchObject({ id, slug: 'north-wind' });
  }
  expect(await find(newId())).toBeUndefined();
  expect(await find('nobody')).toBeUndefined();
});

test('an id names the tenant of that id, also where another one came by it as a slug before that was refused', async () => {
  const [first, second] = [newId(), newId()];
  const insert = (tx: Tx, id: string, slug: string, name: string) =>
    tx.run(
      `insert into tenants (id, slug, name, status, bucket) values ($1, $2, $3, 'active', 1)`,
      [id, slug, name],
    );
  await act(async (tx) => {
    await insert(tx, first, second, 'Poses');
    await insert(tx, second, `t-${second.slice(-12)}`, 'Is');
  });
  expect(await find(second)).toMatchObject({ id: second, name: 'Is' });
});

test('no slug may have the form of an id, and none that is made up has it', () => {
  const id = newId();
  expect(() => {
    requireFreeWord(id);
  }).toThrow(expect.objectContaining({ code: 'slug-taken' }));
  requireFreeWord(id.slice(1));
  expect(isUuid(slugFrom(id))).toBe(false);
});
