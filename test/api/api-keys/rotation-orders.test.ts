import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import { actionsOf, eventsOf, oneOf, statusOfPlaintext, tenant } from './key-world';
import { firstUse, order, passHours, rotated, shown } from './rotation-world';
import type { Rotated } from './rotation-world';

let app: TestApp;
let acme: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

const statuses = async (rotation: Rotated): Promise<string[]> => [
  await statusOfPlaintext(app, rotation.old.plaintext),
  await statusOfPlaintext(app, rotation.successor.plaintext),
];
const hoursBetween = (from: string, to: string): number =>
  (Date.parse(to) - Date.parse(from)) / 3_600_000;
/** Begun, and the new key in use. */
const overlapping = async (body: Record<string, unknown> = {}): Promise<Rotated> => {
  const rotation = await rotated(app, acme, body);
  await firstUse(app, rotation.successor.id);
  return rotation;
};

describe('complete', () => {
  test('ends the old key now, whether or not the new one was used; it can be taken back', async () => {
    for (const rotation of [await rotated(app, acme), await overlapping()]) {
      const { status, body } = await order(app, rotation, 'complete', { reason: 'All is moved' });
      expect([status, body.state]).toEqual([200, 'draining']);
      expect(await statuses(rotation)).toEqual(['rotated', 'active']);
      expect(body.possible_orders).toEqual(['rollback']);
    }
  });

  test('is answered only when the longest lease has run out since its commit; so is a replay', async () => {
    await sql(app, 'update verification_settings set max_lease_ms = 200');
    try {
      const rotation = await overlapping();
      const headers = { 'idempotency-key': 'complete-once' };
      const first = await order(app, rotation, 'complete', {}, headers);
      const [row] = await sql<{ late: boolean }>(
        app,
        `select clock_timestamp() >= ends_at + interval '250 milliseconds' as late from api_keys where id = $1`,
        [rotation.old.id],
      );
      expect(row?.late).toBe(true);
      const before = performance.now();
      const again = await order(app, rotation, 'complete', {}, headers);
      expect(performance.now() - before).toBeGreaterThanOrEqual(250);
      expect(again.body).toEqual(first.body);
    } finally {
      await sql(app, 'update verification_settings set max_lease_ms = 0');
    }
  });

  test('of a compromised key is for good', async () => {
    const rotation = await overlapping();
    const { body } = await order(app, rotation, 'complete', { compromised: true });
    expect(body).toMatchObject({
      state: 'compromised',
      reason: 'compromised',
      possible_orders: [],
    });
    const back = await order(app, rotation, 'rollback');
    expect(back.body.code).toBe('key-rotation-order-not-possible');
    expect(await statuses(rotation)).toEqual(['rotated', 'active']);
  });
});

describe('extend', () => {
  test('moves the deadline of an unused rotation, and the overlap is what it was', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 2, deadline_hours: 10 });
    const { body } = await order(app, rotation, 'extend', { hours: 5 });
    expect(hoursBetween(body.started_at, body.old_key_ends_at)).toBeCloseTo(15, 2);
    expect(body.overlap_hours).toBe(2);
    await firstUse(app, rotation.successor.id);
    const used = await shown(app, rotation);
    expect(hoursBetween(used.first_used_at, used.old_key_ends_at)).toBeCloseTo(2, 2);
  });

  test('moves the end of an overlap, from where it is', async () => {
    const rotation = await overlapping({ overlap_hours: 2 });
    await order(app, rotation, 'extend', { hours: 1 });
    const { body } = await order(app, rotation, 'extend', { hours: 3 });
    expect(hoursBetween(body.first_used_at, body.old_key_ends_at)).toBeCloseTo(6, 2);
    expect(body.overlap_hours).toBeCloseTo(6, 2);
    expect((await shown(app, rotation)).events.map(({ type }: { type: string }) => type)).toEqual([
      'started',
      'first_used',
      'extended',
      'extended',
    ]);
  });

  test('ends at 30 days of overlap, at 60 days of rotation, and at the key’s own expiry', async () => {
    const used = await overlapping({ overlap_hours: 700 });
    const most = await order(app, used, 'extend', { hours: 720 });
    expect(hoursBetween(most.body.first_used_at, most.body.old_key_ends_at)).toBeCloseTo(720, 1);
    expect((await order(app, used, 'extend')).status).toBe(409);

    const unused = await rotated(app, acme);
    await order(app, unused, 'extend', { hours: 720 });
    const full = await order(app, unused, 'extend', { hours: 1 });
    expect(full.body.code).toBe('key-rotation-order-not-possible');
    const { body } = await app.call('GET', `/v1/api-keys/${unused.old.id}`);
    expect(hoursBetween(body.rotation.started_at, body.ends_at)).toBeCloseTo(1440, 1);

    const expiry = new Date(Date.now() + 5 * 3_600_000).toISOString();
    const short = await rotated(app, acme, { deadline_hours: 4 }, { expires_at: expiry });
    const capped = await order(app, short, 'extend', { hours: 100 });
    expect(Date.parse(capped.body.old_key_ends_at)).toBeLessThanOrEqual(Date.parse(expiry));
  });

  test('is refused once the old key has ended', async () => {
    const rotation = await overlapping({ overlap_hours: 1 });
    await passHours(app, rotation, 1);
    const { status, body } = await order(app, rotation, 'extend');
    expect([status, body.code, body.state]).toEqual([
      409,
      'key-rotation-order-not-possible',
      'draining',
    ]);
    expect(body.possible_orders).toEqual(['rollback']);
  });
});

describe('cancel', () => {
  test('drops the new key before its first use; the old one is as it was, and can be rotated again', async () => {
    const rotation = await rotated(app, acme);
    const { body } = await order(app, rotation, 'cancel', { reason: 'Too early' });
    expect(body.state).toBe('cancelled');
    expect(await statuses(rotation)).toEqual(['active', 'revoked']);
    const old = await app.call('GET', `/v1/api-keys/${rotation.old.id}`);
    expect(old.body).toMatchObject({ ends_at: null, rotation: null });
    expect((await app.call('POST', `/v1/api-keys/${rotation.old.id}/rotate`)).status).toBe(201);
  });

  test('is refused once the new key was used', async () => {
    const rotation = await overlapping();
    const { status, body } = await order(app, rotation, 'cancel');
    expect([status, body.code]).toEqual([409, 'key-rotation-order-not-possible']);
    expect(await statuses(rotation)).toEqual(['active', 'active']);
  });

  test('and a first use at the same moment end in one or the other, never in both', async () => {
    for (let n = 0; n < 10; n += 1) {
      const rotation = await rotated(app, acme, { overlap_hours: 1 });
      const [cancelled] = await Promise.all([
        order(app, rotation, 'cancel'),
        firstUse(app, rotation.successor.id),
      ]);
      const { body: old } = await app.call('GET', `/v1/api-keys/${rotation.old.id}`);
      const { state } = await shown(app, rotation);
      if (cancelled.status === 200) {
        expect([state, old.ends_at]).toEqual(['cancelled', null]);
        expect(await statuses(rotation)).toEqual(['active', 'revoked']);
      } else {
        expect([state, old.ends_at !== null]).toEqual(['overlapping', true]);
        expect(await statuses(rotation)).toEqual(['active', 'active']);
      }
    }
  });
});

describe('rollback', () => {
  test('brings the old key back and revokes the new one, during the overlap and 72 hours after it', async () => {
    for (const hours of [0, 24, 95]) {
      const rotation = await overlapping();
      await passHours(app, rotation, hours);
      const { status, body } = await order(app, rotation, 'rollback', { reason: 'It broke' });
      expect([hours, status, body.state]).toEqual([hours, 200, 'rolled_back']);
      expect(await statuses(rotation)).toEqual(['active', 'revoked']);
    }
  });

  test('is refused after 72 hours', async () => {
    const rotation = await overlapping();
    await passHours(app, rotation, 96);
    const { status, body } = await order(app, rotation, 'rollback');
    expect([status, body.state]).toEqual([409, 'completed']);
    expect(await statuses(rotation)).toEqual(['rotated', 'active']);
  });

  test('is refused when the old key was revoked, blocked or has expired since', async () => {
    const after = async (what: (old: string) => Promise<unknown>): Promise<string[]> => {
      const rotation = await overlapping();
      await what(rotation.old.id);
      const { body } = await order(app, rotation, 'rollback');
      return [body.code, await statusOfPlaintext(app, rotation.successor.plaintext)];
    };
    const refused = ['key-rotation-order-not-possible', 'active'];
    expect(await after((id) => app.call('POST', `/v1/api-keys/${id}/revoke`))).toEqual(refused);
    expect(await after((id) => app.call('POST', `/v1/api-keys/${id}/block`))).toEqual(refused);
    expect(
      await after((id) => sql(app, 'update api_keys set expires_at = now() where id = $1', [id])),
    ).toEqual(refused);
  });

  test('is refused before the first use, where a cancel does it', async () => {
    const { body } = await order(app, await rotated(app, acme), 'rollback');
    expect(body).toMatchObject({ code: 'key-rotation-order-not-possible', state: 'pending' });
  });
});

describe('an order', () => {
  test('is kept with who gave it and why, in the history, the audit log and the events', async () => {
    const own = await tenant(app);
    const admin = await oneOf(app, own, 'admin');
    const rotation = await rotated(app, own);
    await firstUse(app, rotation.successor.id);
    await app.call('POST', `/v1/api-keys/${rotation.old.id}/rotations/${rotation.id}/complete`, {
      ...admin,
      body: { reason: 'All is moved' },
    });
    const { events } = await shown(app, rotation);
    expect(events.at(-1)).toMatchObject({
      type: 'draining',
      from_state: 'overlapping',
      to_state: 'draining',
      actor: `user:${admin.id}`,
      reason: 'All is moved',
    });
    expect((await actionsOf(app, own)).slice(2)).toEqual([
      'apikey.rotation_first_used',
      'apikey.rotation_draining',
    ]);
    expect((await eventsOf(app, own)).at(-1)).toBe('apikey.expired.v1');
  });

  test('tells readers of events of whichever key it ends', async () => {
    const eventsAfter = async (kind: Parameters<typeof order>[2], body = {}): Promise<object[]> => {
      const own = await tenant(app);
      const rotation = await rotated(app, own);
      if (kind !== 'cancel') await firstUse(app, rotation.successor.id);
      expect((await order(app, rotation, kind, body)).status).toBe(200);
      const names: Record<string, string> = {
        [rotation.old.id]: 'old',
        [rotation.successor.id]: 'successor',
      };
      const told = await sql<{ type: string; data: Record<string, string> }>(
        app,
        `select type, data from events where tenant_id = $1 order by seq offset 2`,
        [own],
      );
      return told.map(({ type, data }) => [type, names[data['key_id'] ?? ''], data['reason']]);
    };
    const revoked = ['cabinet.apikey.revoked.v1', 'successor', 'rotation'];
    const expired = ['apikey.expired.v1', 'old', 'rotated'];
    expect(await eventsAfter('cancel')).toEqual([revoked]);
    expect(await eventsAfter('rollback')).toEqual([revoked]);
    expect(await eventsAfter('complete')).toEqual([expired]);
    expect(await eventsAfter('complete', { compromised: true })).toEqual([expired]);
  });

  test('412 for a stale version of the rotation, 404 for a rotation of another key', async () => {
    const rotation = await overlapping();
    const stale = await order(app, rotation, 'complete', {}, { 'if-match': '"v1"' });
    expect([stale.status, stale.body.code]).toEqual([412, 'version-stale']);
    const other = await rotated(app, acme);
    const { status, body } = await order(app, { ...rotation, old: other.old }, 'complete');
    expect([status, body.code]).toEqual([404, 'key-rotation-not-found']);
  });

  test('of two at once one is carried out, and the other is told what it met', async () => {
    const rotation = await overlapping();
    const answers = await Promise.all([
      order(app, rotation, 'complete'),
      order(app, rotation, 'rollback'),
      order(app, rotation, 'complete'),
    ]);
    const codes = answers.map(({ status }) => status);
    const [old, successor] = await statuses(rotation);
    const back = answers[1].status === 200;
    expect([old, successor]).toEqual(back ? ['active', 'revoked'] : ['rotated', 'active']);
    expect(codes.filter((code) => code === 200).length).toBeGreaterThanOrEqual(1);
    expect((await shown(app, rotation)).state).toBe(back ? 'rolled_back' : 'draining');
  });
});

describe('a revocation in the middle of a rotation', () => {
  test('of the old key completes it', async () => {
    const rotation = await overlapping();
    await app.call('DELETE', `/v1/api-keys/${rotation.old.id}`);
    expect((await shown(app, rotation)).state).toBe('completed');
    expect(await statuses(rotation)).toEqual(['revoked', 'active']);
  });

  test('of the new key takes it back while the old one lives, so that no customer is left without any', async () => {
    const unused = await rotated(app, acme);
    await app.call('DELETE', `/v1/api-keys/${unused.successor.id}`);
    expect((await shown(app, unused)).state).toBe('cancelled');
    expect(await statuses(unused)).toEqual(['active', 'revoked']);
    const used = await overlapping();
    await app.call('DELETE', `/v1/api-keys/${used.successor.id}`);
    expect((await shown(app, used)).state).toBe('rolled_back');
    const { body } = await app.call('GET', `/v1/api-keys/${used.old.id}`);
    expect(body).toMatchObject({ status: 'active', ends_at: null });
  });

  test('of the new key does not bring an old one back that has ended', async () => {
    const rotation = await overlapping();
    await order(app, rotation, 'complete');
    await app.call('DELETE', `/v1/api-keys/${rotation.successor.id}`);
    expect((await shown(app, rotation)).state).toBe('completed');
    expect(await statuses(rotation)).toEqual(['rotated', 'revoked']);
  });
});

describe('the policy of a tenant', () => {
  const put = (body: Record<string, unknown>, request = {}) =>
    app.call('PUT', '/v1/api-keys/policy', { body: { tenant_id: acme, ...body }, ...request });

  test('revokes leaked keys and rotates nothing by age until somebody says otherwise', async () => {
    const own = await tenant(app);
    const { body } = await app.call('GET', `/v1/api-keys/policy?tenant_id=${own}`);
    expect(body).toEqual({
      tenant_id: own,
      rotate_after_days: null,
      on_leak: 'revoke',
      leak_grace_hours: 24,
      version: 0,
    });
    const set = await put({ tenant_id: own, rotate_after_days: 90, on_leak: 'grace' });
    expect(set.body).toMatchObject({ rotate_after_days: 90, on_leak: 'grace', version: 1 });
    expect(await actionsOf(app, own)).toEqual(['apikey.policy_set']);
  });

  test('is set by its own people and by no others', async () => {
    expect((await put({}, await oneOf(app, acme, 'admin'))).status).toBe(200);
    const stranger = await put({}, await oneOf(app, await tenant(app), 'admin'));
    expect([stranger.status, stranger.body.code]).toEqual([403, 'forbidden']);
  });

  test('422 for ages and graces that make no sense', async () => {
    for (const body of [
      { rotate_after_days: 0 },
      { leak_grace_hours: 200 },
      { on_leak: 'nothing' },
    ])
      expect((await put(body)).status).toBe(422);
  });
});
