import { randomUUID } from 'node:crypto';
import { accept, invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Rows } from './rows';

describe('while the disk of the database is full', () => {
  let app: TestApp;
  let rows: Rows;
  beforeAll(async () => {
    app = await startTestApp();
    rows = await openRows(app);
    await rows.query(`create function full_disk() returns trigger language plpgsql as $$ begin
        raise disk_full using message = 'could not extend file "base/1/2": No space left on device';
      end $$`);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
  }, 60_000);

  /** Has every insert into a table meet a full disk, as Postgres tells of one, while the work lasts. */
  const full = async <T>(table: string, work: () => Promise<T>): Promise<T> => {
    await rows.query(
      `create trigger full_disk before insert on ${table} for each row execute function full_disk()`,
    );
    try {
      return await work();
    } finally {
      await rows.query(`drop trigger full_disk on ${table}`);
    }
  };
  const create = (email: string): Promise<TestAnswer> =>
    app.call('POST', '/onboarding/invites', { body: { email } });

  test('a request that writes answers 503 with Retry-After and leaves nothing; reads go on', async () => {
    const email = `p-${randomUUID()}@example.com`;
    const { count } = await rows.one('select count(*)::int from tenants');
    const [answer, list] = await full('audit_pending', () =>
      Promise.all([create(email), app.call('GET', '/onboarding/invites')]),
    );
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(list.status).toBe(200);
    expect(await rows.query('select 1 from invites where email = $1', [email])).toEqual([]);
    expect(await rows.one('select count(*)::int from tenants')).toEqual({ count });
    expect((await create(email)).status).toBe(201);
  });

  test('an onboarding waits, and goes on by itself when there is room again', async () => {
    const invited = await invite(app);
    await full('step_attempts', async () => {
      await accept(app, invited);
      await waitFor(
        'An activity that meets it',
        () => app.logs.filter((line) => line.includes('Activity runStep failed')).length,
        (failures) => failures > 1,
      );
      expect(await attemptsOf(rows, invited.jobId, 'register')).toEqual([]);
    });
    await active(app, invited, 60);
    expect(await attemptsOf(rows, invited.jobId, 'register')).toHaveLength(1);
    const told = app.logs.filter((line) => line.includes('No space left'));
    expect(told).toEqual([]);
  }, 90_000);
});
