import {
  createPartner,
  findPartner,
  getPartner,
  listPartners,
} from '../../../src/domain/tenants/partners';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
const create = (slug: string, name = 'A partner') =>
  act((tx) => createPartner(tx, { slug, name, actorId: 'user:op' }));

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'partners-test', max: 2 });
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

describe('partners', () => {
  it('are found by slug and by id, in any case of the id', async () => {
    const made = await create('south-wind', '  South Wind  ');
    expect(made).toMatchObject({
      slug: 'south-wind',
      name: 'South Wind',
      status: 'active',
      version: 1,
    });
    for (const key of ['south-wind', made.id, made.id.toUpperCase()]) {
      expect((await act((tx) => getPartner(tx, key))).id).toBe(made.id);
    }
    expect(await act((tx) => findPartner(tx, 'nobody'))).toBeUndefined();
    await expect(act((tx) => getPartner(tx, 'nobody'))).rejects.toMatchObject({
      code: 'partner-not-found',
    });
  });

  it('keep their slug to themselves', async () => {
    await create('one-and-only');
    await expect(create('one-and-only')).rejects.toMatchObject({ code: 'slug-taken' });
  });

  it.each([
    '',
    'ab',
    'Upper',
    'double--hyphen',
    '-start',
    'end-',
    'ümlaut',
    'a'.repeat(41),
    '019b0000-0000-7000-8000-00000000abcd',
  ])('refuse the slug %j with a pointer to the field', async (slug) => {
    await expect(create(slug, '')).rejects.toMatchObject({
      code: 'validation-failed',
      context: { errors: [{ pointer: '/slug' }, { pointer: '/name' }] },
    });
  });

  it('are listed newest first in pages', async () => {
    for (const n of [1, 2, 3]) await create(`page-${String(n)}`);
    const first = await act((tx) => listPartners(tx, { limit: 2, after: null }));
    expect(first.items.map(({ slug }) => slug)).toEqual(['page-3', 'page-2']);
    const second = await act((tx) => listPartners(tx, { limit: 1, after: first.next }));
    expect(second.items.map(({ slug }) => slug)).toEqual(['page-1']);
  });
});
