import { newKey } from '../../../src/platform/crypto/keys';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import {
  actionsOf,
  eventsOf,
  issue,
  issued,
  oneOf,
  rotate,
  statusOfPlaintext,
  tenant,
} from './key-world';
import { firstUse, order, rotated, shown } from './rotation-world';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

const report = (key: string) =>
  app.call('POST', '/v1/api-keys/report-leak', { anonymous: true, body: { key } });
const mails = (tenantId: string) =>
  sql<{ kind: string; to_email: string }>(
    app,
    'select kind, to_email::text from mails where tenant_id = $1 order by created_at, to_email',
    [tenantId],
  );
const keyOf = async (id: string) => (await app.call('GET', `/v1/api-keys/${id}`)).body;

describe('POST /v1/api-keys/report-leak', () => {
  test('202 with nothing, and equal headers, for a key that is known, unknown, malformed or dead', async () => {
    const known = await issued(app, await tenant(app));
    const answers = [];
    for (const key of [known.plaintext, newKey('ush', 'live'), 'what is this?', known.plaintext]) {
      const { status, body, headers } = await report(key);
      answers.push([
        status,
        body,
        [...headers.keys()].sort().join(),
        headers.get('content-length'),
      ]);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.slice(0, 2)).toEqual([202, '']);
  });

  test('takes no longer for a key that is known, however long verifiers may remember it', async () => {
    const known = await issued(app, await tenant(app));
    await sql(app, 'update verification_settings set max_lease_ms = 10000');
    try {
      const before = performance.now();
      for (let n = 0; n < 2; n += 1) await report(known.plaintext);
      expect(performance.now() - before).toBeLessThan(10_000);
    } finally {
      await sql(app, 'update verification_settings set max_lease_ms = 0');
    }
  });

  test('takes at least as long for a key that is unknown as the work on a known one may', async () => {
    for (const key of [newKey('ush', 'live'), 'x']) {
      const before = performance.now();
      await report(key);
      expect(performance.now() - before).toBeGreaterThanOrEqual(299);
    }
  });

  test('revokes the key, tells its owners and requests a rotation that mints nothing', async () => {
    const own = await tenant(app);
    const admin = await oneOf(app, own, 'admin');
    await oneOf(app, own, 'client');
    const key = await issued(app, own);
    await report(key.plaintext);
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('revoked');
    expect(await keyOf(key.id)).toMatchObject({
      revoked_reason: 'Reported as leaked',
      rotation: { state: 'requested', reason: 'leaked', successor_id: null },
    });
    expect(await mails(own)).toEqual([{ kind: 'key-leaked', to_email: admin.email }]);
    expect(await eventsOf(app, own)).toEqual([
      'cabinet.apikey.created.v1',
      'cabinet.apikey.revoked.v1',
      'apikey.leaked.v1',
    ]);
    expect(await actionsOf(app, own)).toContain('apikey.leaked');
    const [row] = await sql<{ n: number }>(
      app,
      'select count(*)::int as n from api_keys where tenant_id = $1',
      [own],
    );
    expect(row?.n).toBe(1);
  });

  test('the owner’s own order mints the successor; the leaked key stays dead', async () => {
    const own = await tenant(app);
    const admin = await oneOf(app, own, 'admin');
    const { body: key } = await issue(app, own, {}, admin);
    await report(key.plaintext);
    const { status, body } = await app.call('POST', `/v1/api-keys/${key.id}/rotate`, admin);
    expect(status).toBe(201);
    expect(body.rotation).toMatchObject({ state: 'compromised', reason: 'leaked' });
    expect(await statusOfPlaintext(app, body.plaintext)).toBe('active');
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('revoked');
    const again = await app.call('POST', `/v1/api-keys/${key.id}/rotate`, admin);
    expect([again.status, again.body.code]).toEqual([409, 'api-key-dead']);
  });

  test('a repeated report changes nothing and tells nobody again', async () => {
    const own = await tenant(app);
    await oneOf(app, own, 'owner');
    const key = await issued(app, own);
    await report(key.plaintext);
    await Promise.all([report(key.plaintext), report(key.plaintext)]);
    expect(await mails(own)).toHaveLength(1);
    expect((await eventsOf(app, own)).filter((type) => type === 'apikey.leaked.v1')).toHaveLength(
      1,
    );
  });

  test('by the tenant’s policy gives a grace instead, which no rotation lengthens', async () => {
    const own = await tenant(app);
    await app.call('PUT', '/v1/api-keys/policy', {
      body: { tenant_id: own, on_leak: 'grace', leak_grace_hours: 2 },
    });
    const key = await issued(app, own);
    await report(key.plaintext);
    const leaked = await keyOf(key.id);
    expect(leaked.status).toBe('active');
    const graceMs = Date.parse(leaked.ends_at) - Date.now();
    expect(Math.round(graceMs / 3_600_000)).toBe(2);
    const { body } = await rotate(app, key.id, { overlap_hours: 24, at_deadline: 'extend' });
    expect(body.rotation).toMatchObject({
      state: 'pending',
      reason: 'leaked',
      at_deadline: 'expire',
      old_key_ends_at: leaked.ends_at,
      possible_orders: ['complete', 'cancel'],
    });
    await firstUse(app, body.id);
    expect((await keyOf(key.id)).ends_at).toBe(leaked.ends_at);
  });

  describe('with a grace, bounds a rotation that is open already:', () => {
    const inGrace = async (): Promise<string> => {
      const own = await tenant(app);
      await app.call('PUT', '/v1/api-keys/policy', {
        body: { tenant_id: own, on_leak: 'grace', leak_grace_hours: 2 },
      });
      return own;
    };
    const endOf = async (id: string): Promise<string> => (await keyOf(id)).ends_at;

    test('one that was only requested', async () => {
      const own = await inGrace();
      const key = await issued(app, own);
      await sql(
        app,
        `insert into key_rotations (id, tenant_id, family_id, old_key_id, state, reason, requested_by)
         values (gen_random_uuid(), $1, $2, $2, 'requested', 'scheduled', 'system:schedule')`,
        [own, key.id],
      );
      await report(key.plaintext);
      const end = await endOf(key.id);
      const { body } = await rotate(app, key.id, { deadline_hours: 720 });
      expect(body.rotation).toMatchObject({ reason: 'leaked', old_key_ends_at: end });
      expect(await endOf(key.id)).toBe(end);
    });

    test('one that is cancelled, whose key is leaked still when it is rotated again', async () => {
      const own = await inGrace();
      const rotation = await rotated(app, own, { at_deadline: 'extend' });
      await report(rotation.old.plaintext);
      const end = await endOf(rotation.old.id);
      expect(await shown(app, rotation)).toMatchObject({ reason: 'leaked', at_deadline: 'expire' });
      expect((await order(app, rotation, 'cancel')).status).toBe(200);
      expect(await endOf(rotation.old.id)).toBe(end);
      const { body } = await rotate(app, rotation.old.id, { deadline_hours: 720 });
      expect(body.rotation).toMatchObject({ reason: 'leaked', old_key_ends_at: end });
      await firstUse(app, body.id);
      const back = await order(app, { ...rotation, id: body.rotation.id }, 'rollback');
      expect(back.body.code).toBe('key-rotation-order-not-possible');
    });

    test('one whose successor is revoked', async () => {
      const own = await inGrace();
      const rotation = await rotated(app, own);
      await firstUse(app, rotation.successor.id);
      await report(rotation.old.plaintext);
      const end = await endOf(rotation.old.id);
      await app.call('DELETE', `/v1/api-keys/${rotation.successor.id}`);
      expect(await endOf(rotation.old.id)).toBe(end);
    });

    test('and a report that is repeated gives nothing and tells nobody, but a shorter grace counts', async () => {
      const own = await inGrace();
      await oneOf(app, own, 'owner');
      const key = await issued(app, own);
      for (let n = 0; n < 3; n += 1) await report(key.plaintext);
      expect(await mails(own)).toHaveLength(1);
      const { version, ends_at: end } = await keyOf(key.id);
      await report(key.plaintext);
      expect(await keyOf(key.id)).toMatchObject({ version, ends_at: end });
      await app.call('PUT', '/v1/api-keys/policy', {
        body: { tenant_id: own, on_leak: 'grace', leak_grace_hours: 1 },
      });
      await report(key.plaintext);
      expect(Date.parse(await endOf(key.id))).toBeLessThan(Date.parse(end));
      expect(await mails(own)).toHaveLength(2);
    });
  });

  test('a key whose own expiry has passed gets no successor, which would inherit it', async () => {
    const own = await tenant(app);
    const key = await issued(app, own, { expires_at: '2099-01-01T00:00:00Z' });
    await report(key.plaintext);
    await sql(app, `update api_keys set expires_at = now() - interval '1 s' where id = $1`, [
      key.id,
    ]);
    const { status, body } = await rotate(app, key.id);
    expect([status, body.code]).toEqual([409, 'api-key-dead']);
  });

  test('counts against its source, known key or not: nothing else tells them apart', async () => {
    const own = await tenant(app);
    const key = await issued(app, own);
    // The reports of other tests have used up what this source may fail.
    jest.spyOn(app.deps.keyFailures, 'waitOf').mockReturnValue(0);
    const count = jest.spyOn(app.deps.keyFailures, 'count');
    try {
      await report(key.plaintext);
      await report(newKey('ush', 'live'));
      await report('nothing');
      expect(count).toHaveBeenCalledTimes(3);
    } finally {
      jest.restoreAllMocks();
    }
  });

  test('ends an open rotation as compromised, and its successor goes on', async () => {
    const own = await tenant(app);
    const rotation = await rotated(app, own);
    await firstUse(app, rotation.successor.id);
    await report(rotation.old.plaintext);
    expect(await shown(app, rotation)).toMatchObject({
      state: 'compromised',
      reason: 'compromised',
      possible_orders: [],
    });
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('revoked');
    expect(await statusOfPlaintext(app, rotation.successor.plaintext)).toBe('active');
  });

  test('of a successor takes it back: the old key, which did not leak, goes on', async () => {
    const rotation = await rotated(app, await tenant(app));
    await report(rotation.successor.plaintext);
    expect((await shown(app, rotation)).state).toBe('cancelled');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('active');
    expect(await statusOfPlaintext(app, rotation.successor.plaintext)).toBe('revoked');
  });

  test('tells the operators where the tenant has nobody', async () => {
    const own = await tenant(app);
    await report((await issued(app, own)).plaintext);
    expect(await mails(own)).toEqual([
      { kind: 'key-leaked', to_email: 'operators@usher.localhost' },
    ]);
  });

  test('422 without a key; the request itself is public and leaves nothing of the key in the log', async () => {
    expect((await app.call('POST', '/v1/api-keys/report-leak', { body: {} })).status).toBe(422);
    const key = await issued(app, await tenant(app));
    await report(key.plaintext);
    expect(app.logs.join('')).not.toContain(key.plaintext.slice(17));
  });
});
