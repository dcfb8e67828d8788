import { randomUUID } from 'node:crypto';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

const place = (body: object, request = {}): Promise<TestAnswer> =>
  app.call('POST', '/audit/holds', { body, ...request });
const lift = (id: string): Promise<TestAnswer> =>
  app.call('POST', `/audit/holds/${id}/lift`, { body: { reason: 'The case is closed' } });
const standing = async (query = ''): Promise<string[]> => {
  const { body } = await app.call('GET', `/audit/holds${query}`);
  return body.items.map(({ id }: { id: string }) => id);
};

describe('POST /audit/holds', () => {
  test('201 with the hold, which stands until it is lifted', async () => {
    const tenant_id = randomUUID();
    const { status, body } = await place({ tenant_id, reason: 'Case 4 O 17/26' });
    expect([status, body]).toEqual([
      201,
      expect.objectContaining({
        tenant_id,
        subject: null,
        reason: 'Case 4 O 17/26',
        lifted_at: null,
      }),
    ]);
    expect(await standing()).toContain(body.id);

    const lifted = await lift(body.id);
    expect(lifted).toMatchObject({ status: 200, body: { id: body.id } });
    expect(lifted.body.lifted_at).not.toBeNull();
    expect((await lift(body.id)).body).toEqual(lifted.body);
    expect(await standing()).not.toContain(body.id);
    expect(await standing('?all=true')).toContain(body.id);
  });

  test('the same Idempotency-Key places one', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const subject = `user:${randomUUID()}`;
    const [a, b] = [
      await place({ subject, reason: 'once' }, { headers }),
      await place({ subject, reason: 'once' }, { headers }),
    ];
    expect(a.body).toEqual(b.body);
    expect(
      await sql(app, 'select 1 from audit_legal_holds where subject = $1', [subject]),
    ).toHaveLength(1);
  });

  test('the audit log tells of both, and keeps the reason where it can be erased', async () => {
    const { body } = await place({ reason: 'Said in confidence' });
    await lift(body.id);
    const sequencer = app.startSequencer();
    const told = await waitFor(
      'Both entries',
      () => app.call('GET', `/audit?target_id=${String(body.id)}&order=asc`),
      (answer) => answer.body.items.length === 2,
    );
    expect(told.body.items).toMatchObject([
      { action: 'audit.hold_placed', description: 'Said in confidence' },
      { action: 'audit.hold_lifted', description: 'The case is closed' },
    ]);
    await sequencer.stop();
  });

  test('422 without a reason or with anything unknown, 403 to operators', async () => {
    expect((await place({})).status).toBe(422);
    expect((await place({ reason: 'r', until: 'never' })).status).toBe(422);
    const key = await app.keyFor('operator');
    expect((await place({ reason: 'r' }, { key })).status).toBe(403);
  });
});

describe('GET /audit/holds', () => {
  test('pages from the newest on', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.unshift((await place({ reason: `r${String(n)}` })).body.id);
    const first = await app.call('GET', '/audit/holds?limit=2');
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    const rest = await standing(`?limit=2&cursor=${String(first.body.next_cursor)}`);
    expect(rest[0]).toBe(ids[2]);
  });
});

describe('POST /audit/holds/{id}/lift', () => {
  test('404 hold-not-found', async () => {
    expect((await lift(randomUUID())).body.code).toBe('hold-not-found');
  });
});
