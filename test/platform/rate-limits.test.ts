import { randomBytes } from 'node:crypto';
import { createDatabase } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createRateLimits } from '../../src/platform/rate-limits';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

let database: TestDatabase;
let db: Database;

const settings = {
  RATE_LOGIN: { points: 5, seconds: 60 },
  RATE_ACCEPT: { points: 5, seconds: 60 },
  RATE_INVITE_CREATE: { points: 10, seconds: 60 },
  RATE_API: null,
  COOKIE_SECRET: [{ id: 'k1', key: randomBytes(32) }],
};
const limits = () => createRateLimits({ db, config: settings });
const limited = { code: 'rate-limited', context: { retryAfterSeconds: expect.any(Number) } };

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

test('of forty parallel attempts at a limit of five, five pass, over two processes', async () => {
  const processes = [limits(), limits()];
  const attempts = await Promise.allSettled(
    Array.from({ length: 40 }, (_, n) => processes[n % 2]!.consume('login', 'parallel')),
  );
  const refused = attempts.filter((one) => one.status === 'rejected');
  expect(attempts.length - refused.length).toBe(5);
  expect(refused[0]!.reason).toMatchObject(limited);
});

test('an attempt that turned out good gives its point back', async () => {
  const { consume, reward } = limits();
  for (let n = 0; n < 12; n += 1) {
    await consume('login', 'good');
    await reward('login', 'good');
  }
  await expect(consume('login', 'good')).resolves.toBeUndefined();
});

test('a look takes nothing, a penalty counts, and both see each other', async () => {
  const { check, penalise } = limits();
  for (let n = 0; n < 20; n += 1) await check('accept', 'visitor');
  for (let n = 0; n < 5; n += 1) await penalise('accept', 'visitor');
  await expect(check('accept', 'visitor')).rejects.toMatchObject(limited);
});

test('one name’s points are not another’s, nor one key’s', async () => {
  const { consume } = limits();
  for (let n = 0; n < 5; n += 1) await consume('accept', 'mila@nordlicht.example');
  await expect(consume('accept', 'mila@nordlicht.example')).rejects.toMatchObject(limited);
  await consume('accept', 'anna@nordlicht.example');
  await consume('login', 'mila@nordlicht.example');
});

test('a limit that is off lets everything through', async () => {
  const { consume } = limits();
  for (let n = 0; n < 30; n += 1) await consume('api', 'busy');
});

test('neither addresses nor e-mails stand in the table', async () => {
  await limits().consume('login', '192.0.2.77\nmila@nordlicht.example');
  const { rows } = await db.pool.query<{ key: string }>('select key from rate_limits');
  expect(rows.map(({ key }) => key).join(' ')).not.toMatch(/192\.0\.2|nordlicht|mila/);
});

test('without Postgres each process counts for itself', async () => {
  const gone = createDatabase({
    url: 'postgres://nobody@127.0.0.1:1/nothing',
    applicationName: 't',
  });
  const { consume } = createRateLimits({ db: gone, config: settings });
  for (let n = 0; n < 5; n += 1) await consume('login', 'offline');
  await expect(consume('login', 'offline')).rejects.toMatchObject(limited);
  await gone.close();
});
