import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import {
  actionsOf,
  eventsOf,
  issue,
  issued,
  machineWith,
  oneOf,
  rotate,
  statusOfPlaintext,
  tenant,
} from './key-world';
import { firstUse, order, passHours, rotated, shown, use } from './rotation-world';

let app: TestApp;
let acme: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

const hours = (from: string | null, to: string | null): number =>
  Math.round((Date.parse(to ?? '') - Date.parse(from ?? '')) / 3_600_000);
const keyOf = async (id: string) => (await app.call('GET', `/v1/api-keys/${id}`)).body;

describe('POST /v1/api-keys/{id}/rotate answers 201', () => {
  test('with a successor that has all that the old key has, and its plaintext this once', async () => {
    const { old, successor } = await rotated(
      app,
      acme,
      {},
      {
        environment: 'test',
        product: 'search',
        scopes: ['search:read'],
        role: 'client',
        allowed_cidrs: ['10.0.0.0/8'],
        rate_limit: 30,
        usage_limit: 99,
        expires_at: '2099-01-01T00:00:00Z',
      },
    );
    const own =
      'id prefix plaintext rotation created_at updated_at version ends_at created_by'.split(' ');
    const same = (key: object) => Object.entries(key).filter(([name]) => !own.includes(name));
    expect(same(successor)).toEqual(same(old));
    expect(successor.plaintext).toMatch(/^ush_test_/);
    expect(successor.plaintext).not.toBe(old.plaintext);
    expect(successor.rotation_family_id).toBe(old.id);
    expect(successor.rotation).toMatchObject({
      key_id: old.id,
      successor_id: successor.id,
      state: 'pending',
      reason: 'routine',
      overlap_hours: 24,
      at_deadline: 'expire',
      first_used_at: null,
      possible_orders: ['complete', 'extend', 'cancel'],
    });
    for (const key of [old, successor])
      expect(await statusOfPlaintext(app, key.plaintext)).toBe('active');
  });

  test('and the old key ends at the deadline, or sooner: by the overlap from the first use of the new one', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 2, deadline_hours: 48 });
    const before = await keyOf(rotation.old.id);
    expect(hours(before.rotation.started_at, before.ends_at)).toBe(48);
    await firstUse(app, rotation.successor.id);
    const after = await keyOf(rotation.old.id);
    expect(hours(after.rotation.started_at, after.ends_at)).toBe(2);
    expect(after.rotation).toMatchObject({ state: 'overlapping', old_key_ends_at: after.ends_at });
    expect(after.rotation.possible_orders).toEqual(['complete', 'extend', 'rollback']);
  });

  test('its own expiry ends the old key before either clock', async () => {
    const expiry = new Date(Date.now() + 3_600_000).toISOString();
    const { old } = await rotated(app, acme, { deadline_hours: 48 }, { expires_at: expiry });
    const { rotation } = await keyOf(old.id);
    expect(rotation.old_key_ends_at).toBe(expiry);
  });

  test('is shown with both keys, in lists as well, and tells of itself by one event and one entry', async () => {
    const own = await tenant(app);
    const { id, old, successor } = await rotated(app, own);
    const { body } = await app.call('GET', `/v1/api-keys?tenant_id=${own}`);
    expect(body.items.map((key: { rotation: { id: string } }) => key.rotation.id)).toEqual([
      id,
      id,
    ]);
    for (const key of [old, successor]) {
      const listed = await app.call('GET', `/v1/api-keys/${key.id}/rotations`);
      expect(listed.body.items).toMatchObject([{ id, key_id: old.id }]);
    }
    expect(await eventsOf(app, own)).toEqual([
      'cabinet.apikey.created.v1',
      'cabinet.apikey.rotated.v1',
    ]);
    expect(await actionsOf(app, own)).toEqual(['apikey.created', 'apikey.rotation_started']);
    expect((await shown(app, { id, old, successor })).events).toMatchObject([
      { type: 'started', from_state: 'requested', to_state: 'pending' },
    ]);
  });

  test('once for one Idempotency-Key, the plaintext included', async () => {
    const old = await issued(app, acme);
    const headers = { 'idempotency-key': 'rotate-once' };
    const first = await rotate(app, old.id, {}, headers);
    const again = await rotate(app, old.id, {}, headers);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
  });
});

describe('POST /v1/api-keys/{id}/rotate with reason compromised', () => {
  test('ends the old key in the same transaction, for good', async () => {
    const rotation = await rotated(app, acme, { reason: 'compromised', overlap_hours: 24 });
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    expect(await statusOfPlaintext(app, rotation.successor.plaintext)).toBe('active');
    expect(await shown(app, rotation)).toMatchObject({
      state: 'compromised',
      overlap_hours: 0,
      possible_orders: [],
      rollback_until: null,
    });
    await firstUse(app, rotation.successor.id);
    for (const kind of ['complete', 'extend', 'cancel', 'rollback'] as const) {
      const { status, body } = await order(app, rotation, kind);
      expect([kind, status, body.code]).toEqual([kind, 409, 'key-rotation-order-not-possible']);
    }
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
  });

  test('is answered only when the longest lease has run out', async () => {
    await sql(app, 'update verification_settings set max_lease_ms = 200');
    try {
      const { old } = await rotated(app, acme, { reason: 'compromised' });
      const [row] = await sql<{ late: boolean }>(
        app,
        `select clock_timestamp() >= ends_at + interval '250 milliseconds' as late from api_keys where id = $1`,
        [old.id],
      );
      expect(row?.late).toBe(true);
    } finally {
      await sql(app, 'update verification_settings set max_lease_ms = 0');
    }
  });

  test('never extends, whatever the policy says', async () => {
    const { successor } = await rotated(app, acme, {
      reason: 'compromised',
      at_deadline: 'extend',
    });
    expect(successor.rotation.at_deadline).toBe('expire');
  });
});

describe('POST /v1/api-keys/{id}/rotate answers 409', () => {
  test('key-rotation-open while one runs, with the old key and with the new one', async () => {
    const rotation = await rotated(app, acme);
    for (const id of [rotation.old.id, rotation.successor.id]) {
      const { status, body } = await rotate(app, id);
      expect([status, body.code, body.rotation_id]).toEqual([
        409,
        'key-rotation-open',
        rotation.id,
      ]);
    }
  });

  test('of two at once exactly one begins, and one successor is minted', async () => {
    const old = await issued(app, acme);
    const answers = await Promise.all(Array.from({ length: 5 }, () => rotate(app, old.id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    const [row] = await sql<{ n: number }>(
      app,
      'select count(*)::int as n from api_keys where rotation_family_id = $1',
      [old.id],
    );
    expect(row?.n).toBe(2);
  });

  test('for a key that is dead or blocked, and in a tenant that gets no keys', async () => {
    const dead = await issued(app, acme);
    await app.call('DELETE', `/v1/api-keys/${dead.id}`);
    expect((await rotate(app, dead.id)).body.code).toBe('api-key-dead');
    const expired = await issued(app, acme, { expires_at: '2099-01-01T00:00:00Z' });
    await sql(app, 'update api_keys set expires_at = now() where id = $1', [expired.id]);
    expect((await rotate(app, expired.id)).body.code).toBe('api-key-dead');
    const blocked = await issued(app, acme);
    await app.call('POST', `/v1/api-keys/${blocked.id}/block`);
    expect((await rotate(app, blocked.id)).body.code).toBe('api-key-blocked');
    const own = await tenant(app);
    const key = await issued(app, own);
    await sql(app, `update tenants set status = 'suspended' where id = $1`, [own]);
    expect((await rotate(app, key.id)).body.code).toBe('tenant-without-keys');
  });

  test('412 for a stale If-Match', async () => {
    const old = await issued(app, acme);
    const { status, body } = await rotate(app, old.id, {}, { 'if-match': '"v9"' });
    expect([status, body.code]).toEqual([412, 'version-stale']);
  });
});

describe('POST /v1/api-keys/{id}/rotate answers 403', () => {
  test('to who could not have issued the key: they would learn it', async () => {
    const key = await issued(app, acme, { scopes: ['products:read'], role: 'admin' });
    const bare = await machineWith(app, 'keys:rotate');
    const machine = await app.call('POST', `/v1/api-keys/${key.id}/rotate`, { key: bare });
    expect([machine.status, machine.body.code]).toEqual([403, 'scope-too-high']);
    const client = await oneOf(app, acme, 'client');
    const low = await app.call('POST', `/v1/api-keys/${key.id}/rotate`, client);
    expect([low.status, low.body.code]).toEqual([403, 'role-too-high']);
    const admin = await oneOf(app, acme, 'admin');
    expect((await app.call('POST', `/v1/api-keys/${key.id}/rotate`, admin)).status).toBe(201);
  });
});

describe('POST /v1/api-keys/{id}/rotate answers 422', () => {
  test.each([
    ['/overlap_hours', { overlap_hours: 721 }],
    ['/overlap_hours', { overlap_hours: -1 }],
    ['/deadline_hours', { deadline_hours: 0 }],
    ['/reason', { reason: 'leaked' }],
    ['/at_deadline', { at_deadline: 'never' }],
    ['/state', { state: 'completed' }],
  ])('with a pointer to %s', async (pointer, body) => {
    const key = await issued(app, acme);
    const answer = await rotate(app, key.id, body);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([422, pointer]);
  });
});

describe('the successor of an open rotation', () => {
  test('takes no place in the plan while the old key lives, and its own when that has ended', async () => {
    const starter = await tenant(app, { plan: 'starter' });
    const keys = [];
    for (let n = 0; n < 5; n += 1) keys.push(await issued(app, starter));
    const one = await rotate(app, keys[0].id);
    const two = await rotate(app, keys[1].id);
    expect([one.status, two.status]).toEqual([201, 201]);
    expect((await issue(app, starter)).body.code).toBe('plan-limit-reached');
    await app.call('DELETE', `/v1/api-keys/${keys[4].id}`);
    expect((await issue(app, starter)).status).toBe(201);
    // The old key of the first rotation has ended by its clock: its successor stands for both.
    await firstUse(app, one.body.id);
    await passHours(app, one.body.rotation, 24);
    expect((await issue(app, starter)).body.code).toBe('plan-limit-reached');
  });

  test('can be rotated in turn once the old key has ended; then nothing leads back to that one', async () => {
    const first = await rotated(app, acme, { overlap_hours: 0 });
    await firstUse(app, first.successor.id);
    const second = await rotate(app, first.successor.id);
    expect(second.status).toBe(201);
    expect(second.body.rotation_family_id).toBe(first.old.id);
    expect(await shown(app, first)).toMatchObject({ state: 'completed', possible_orders: [] });
    const back = await order(app, first, 'rollback');
    expect([back.status, back.body.code]).toEqual([409, 'key-rotation-order-not-possible']);
  });
});

describe('the state that is shown', () => {
  test('follows the clocks without any worker, to the end', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 2, deadline_hours: 48 });
    await firstUse(app, rotation.successor.id);
    expect((await shown(app, rotation)).state).toBe('overlapping');
    await passHours(app, rotation, 2);
    expect((await shown(app, rotation)).state).toBe('draining');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    await passHours(app, rotation, 71);
    expect(await shown(app, rotation)).toMatchObject({
      state: 'draining',
      possible_orders: ['rollback'],
    });
    await passHours(app, rotation, 1);
    expect(await shown(app, rotation)).toMatchObject({ state: 'completed', possible_orders: [] });
  });

  test('lets the old key end at the deadline when the new one was never used', async () => {
    const rotation = await rotated(app, acme, { deadline_hours: 2 });
    await use(app, rotation.old.id);
    await passHours(app, rotation, 2);
    expect((await shown(app, rotation)).state).toBe('draining');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    await firstUse(app, rotation.successor.id);
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
  });
});
