import {
  closePath,
  declareLimits,
  joinLine,
  queueUp,
  releaseSlot,
  takeSlot,
} from '../../../src/domain/onboarding/backend-rate';
import type { PathLimit, SlotAnswer } from '../../../src/domain/onboarding/backend-rate';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let home: TestDatabase;
let db: Database;

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'backend-rate-test', max: 8 });
}, 120_000);

afterAll(async () => {
  await db.close();
  await home.drop();
});

const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'activity', fn);

/** A path of its own, so many calls in a window of a minute. */
async function path(calls: number, windowMs = 60_000): Promise<PathLimit> {
  const limit = { connector: 'sample', path: `/${newId()}`, calls, windowMs };
  await act((tx) => declareLimits(tx, [limit]));
  return limit;
}

const take = (limit: PathLimit, caller: string): Promise<SlotAnswer> =>
  act((tx) => takeSlot(tx, limit, caller, 1_000));
const queue = (limit: PathLimit, caller: string): Promise<number> =>
  act((tx) => queueUp(tx, limit, caller));

describe('takeSlot', () => {
  test('gives as many slots as the limit has, each once, however many ask at the same time', async () => {
    const limit = await path(5);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => take(limit, `c${String(n)}`)),
    );
    const slots = answers.flatMap((answer) => ('slot' in answer ? [answer.slot] : []));
    expect(slots.sort()).toEqual([1, 2, 3, 4, 5]);
  });

  test('tells the others when the slot of their place is due: one window for each full turn of the line', async () => {
    const limit = await path(2);
    for (const caller of ['a', 'b']) await take(limit, caller);
    const waits = [];
    for (const caller of ['c', 'd', 'e', 'f']) waits.push(await take(limit, caller));
    const seconds = waits.map((answer) =>
      'dueInMs' in answer ? Math.round(answer.dueInMs / 1000) : 0,
    );
    expect(seconds).toEqual([60, 60, 120, 120]);
  });

  test('lets nobody overtake: a free slot belongs to the front of the line', async () => {
    const limit = await path(1, 300);
    await take(limit, 'first');
    await take(limit, 'second');
    await act((tx) => releaseSlot(tx, limit, 1));
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(await take(limit, 'newcomer')).toHaveProperty('dueInMs');
    expect(await take(limit, 'second')).toEqual({ slot: 1 });
  });

  test('waits out a path that was closed', async () => {
    const limit = await path(3);
    await act((tx) => closePath(tx, limit, 5_000));
    const answer = await take(limit, 'a');
    expect('dueInMs' in answer && answer.dueInMs).toBeGreaterThan(4_000);
    expect(await act((tx) => joinLine(tx, limit, 'b'))).toBeGreaterThan(4_000);
    expect(await queue(limit, 'c')).toBeGreaterThan(4_000);
  });
});

describe('queueUp', () => {
  test('lets the first caller come at once, and a crowd that has slots one after the other', async () => {
    const limit = await path(10, 10_000);
    const waits = [];
    for (let n = 0; n < 10; n += 1) waits.push(await queue(limit, `c${String(n)}`));
    expect(waits[0]).toBe(0);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    // The last comes well within the window in which the backend bears ten of them.
    expect(waits[9]).toBeLessThan(5_000);
  });

  test('sends those who have no slot to the end of the line, where their place counts', async () => {
    const limit = await path(2);
    for (const caller of ['a', 'b']) {
      await queue(limit, caller);
      expect(await take(limit, caller)).toHaveProperty('slot');
    }
    const waits = [];
    for (const caller of ['c', 'd', 'e']) waits.push(await queue(limit, caller));
    expect(waits.map((ms) => Math.round(ms / 1000))).toEqual([60, 60, 120]);
    // Whoever asks again keeps the place: nobody is put behind those who came later.
    const again = await take(limit, 'c');
    expect('dueInMs' in again && Math.round(again.dueInMs / 1000)).toBe(60);
  });

  test('counts those who were let go and have not called yet, so that a crowd is not let go twice', async () => {
    const limit = await path(3);
    for (const caller of ['a', 'b', 'c']) await queue(limit, caller);
    const wait = await queue(limit, 'd');
    expect(wait).toBeGreaterThan(0);
    for (const caller of ['c', 'b', 'a']) expect(await take(limit, caller)).toHaveProperty('slot');
    expect(await take(limit, 'd')).toHaveProperty('dueInMs');
  });
});
