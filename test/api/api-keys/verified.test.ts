import { randomBytes } from 'node:crypto';
import { argon2id, hash } from 'argon2';
import { mintKey } from '../../../src/platform/crypto/key-formats';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { sql } from '../rows';
import { issued, rotate, tenant } from './key-world';
import { order, rotated, shown } from './rotation-world';

let app: TestApp;
let acme: string;
beforeAll(async () => {
  app = await startTestApp();
  acme = await tenant(app);
}, 120_000);
afterAll(() => app.stop());

const verify = async (key: string, body: Record<string, unknown> = {}) =>
  (await app.call('POST', '/v1/internal/api-keys/verify', { body: { key, ...body } })).body;
const codeOf = async (key: string): Promise<string> => (await verify(key)).code;

describe('a key that was issued', () => {
  test('verifies with all that it was given', async () => {
    const key = await issued(app, acme, { role: 'client', product: 'search' });
    expect(
      await verify(key.plaintext, { tenant_id: acme, scopes: ['products:read'] }),
    ).toMatchObject({
      valid: true,
      code: 'VALID',
      key_id: key.id,
      tenant_id: acme,
      environment: 'live',
      scopes: ['products:read'],
      role: 'client',
    });
  });

  test('is blocked, let pass, changed and revoked from the answer on', async () => {
    const key = await issued(app, acme);
    const path = `/v1/api-keys/${key.id}`;
    await app.call('POST', `${path}/block`);
    expect(await codeOf(key.plaintext)).toBe('BLOCKED');
    await app.call('POST', `${path}/unblock`);
    expect(await codeOf(key.plaintext)).toBe('VALID');
    await app.call('PATCH', path, { body: { scopes: [] }, headers: { 'if-match': '*' } });
    expect((await verify(key.plaintext, { scopes: ['products:read'] })).code).toBe('SCOPE_DENIED');
    await app.call('DELETE', path);
    expect(await codeOf(key.plaintext)).toBe('REVOKED');
  });

  test('is dead for requests that begin once its revocation was answered, however many are under way', async () => {
    const key = await issued(app, acme);
    let over = false;
    const late: string[] = [];
    const hammer = async (): Promise<void> => {
      while (late.length < 20) {
        const after = over;
        const code = await codeOf(key.plaintext);
        if (after) late.push(code);
      }
    };
    const hammering = Promise.all(Array.from({ length: 8 }, hammer));
    await app.call('POST', `/v1/api-keys/${key.id}/revoke`);
    over = true;
    await hammering;
    expect(new Set(late)).toEqual(new Set(['REVOKED']));
  });

  test('shows its use: requests, the day, the codes, the address', async () => {
    const key = await issued(app, acme);
    for (let n = 0; n < 3; n += 1) await verify(key.plaintext, { ip: '192.0.2.9' });
    await verify(key.plaintext, { scopes: ['whoami'] });
    const { body } = await waitFor(
      'The usage',
      () => app.call('GET', `/v1/api-keys/${key.id}/usage`),
      // The first use is noted apart from the counts.
      ({ body: usage }) =>
        usage.requests === 3 &&
        usage.days[0]?.codes.SCOPE_DENIED === 1 &&
        usage.first_used_at !== null,
    );
    expect(body).toMatchObject({ last_ip: '192.0.2.9', family_cost: 3 });
    expect(body.days[0].codes).toEqual({ VALID: 3, SCOPE_DENIED: 1 });
  });
});

describe('a rotation', () => {
  test('starts its overlap with the first verification of the new key, and its workflow hears of it', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 1 });
    expect((await verify(rotation.old.plaintext)).rotation).toMatchObject({
      state: 'pending',
      successor_id: rotation.successor.id,
    });
    expect(await codeOf(rotation.successor.plaintext)).toBe('VALID');
    const begun = await waitFor(
      'The overlap',
      () => shown(app, rotation),
      ({ state }) => state === 'overlapping',
    );
    expect(Date.parse(begun.old_key_ends_at) - Date.parse(begun.first_used_at)).toBe(3_600_000);
    await waitFor(
      'The row',
      () =>
        sql<{ state: string }>(app, 'select state from key_rotations where id = $1', [rotation.id]),
      ([row]) => row?.state === 'overlapping',
    );
    expect(await codeOf(rotation.old.plaintext)).toBe('VALID');
    await order(app, rotation, 'complete');
    expect(await codeOf(rotation.old.plaintext)).toBe('ROTATED');
    await order(app, rotation, 'rollback');
    expect(await codeOf(rotation.old.plaintext)).toBe('VALID');
    expect(await codeOf(rotation.successor.plaintext)).toBe('REVOKED');
  });

  test('without overlap ends the old key with the first use of the new one', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 0 });
    expect(await codeOf(rotation.old.plaintext)).toBe('VALID');
    await codeOf(rotation.successor.plaintext);
    await waitFor(
      'The end of the old key',
      () => codeOf(rotation.old.plaintext),
      (code) => code === 'ROTATED',
    );
  });

  test('of a compromised key ends it before the successor is shown', async () => {
    const key = await issued(app, acme);
    await rotate(app, key.id, { reason: 'compromised' });
    expect(await codeOf(key.plaintext)).toBe('ROTATED');
  });

  test('keeps the count against the limit: rotating resets nothing', async () => {
    const key = await issued(app, acme, { usage_limit: 3, usage_limit_strict: true });
    expect(await codeOf(key.plaintext)).toBe('VALID');
    expect(await codeOf(key.plaintext)).toBe('VALID');
    const { body: successor } = await rotate(app, key.id);
    expect(await codeOf(successor.plaintext)).toBe('VALID');
    expect(await codeOf(successor.plaintext)).toBe('USAGE_EXCEEDED');
    const { body } = await app.call('GET', `/v1/api-keys/${successor.id}/usage`);
    expect(body).toMatchObject({ family_cost: 3, usage_limit: 3 });
  });

  test('of two keys that are first used in the same moment fixes both ends', async () => {
    const first = await rotated(app, acme, { overlap_hours: 1 });
    await sql(
      app,
      'select key_id from mark_first_use(array[$1::uuid, $2::uuid], array[now(), now()])',
      [first.old.id, first.successor.id],
    );
    const rows = await sql<{ used: boolean; ends: boolean }>(
      app,
      `select first_used_at is not null as used, ends_at = now_used + interval '1 hour' as ends
       from api_keys, (select first_used_at as now_used from api_keys where id = $2) as new where id = $1`,
      [first.old.id, first.successor.id],
    );
    expect(rows).toEqual([{ used: true, ends: true }]);
  });
});

describe('an imported key', () => {
  /** Imports a key by its slow hash; its id and the key itself, which only its holder has. */
  const importedSlowly = async (): Promise<{ id: string; plaintext: string }> => {
    const plaintext = mintKey('bp', 'ush', 'live');
    const salt = randomBytes(16);
    const options = { type: argon2id, raw: true, salt, timeCost: 1, memoryCost: 65_536 } as const;
    const digest = await hash(plaintext, { ...options, parallelism: 4, hashLength: 32 });
    const { body } = await app.call('POST', '/v1/api-keys/import', {
      body: {
        tenant_id: acme,
        name: 'old',
        scopes: ['whoami'],
        prefix: plaintext.slice(0, 11),
        hash: `argon2id|${salt.toString('base64')}|${digest.toString('base64')}`,
      },
    });
    return { id: body.id, plaintext };
  };

  test('of a slow hash verifies, and pays for the hash once', async () => {
    const { id, plaintext } = await importedSlowly();
    expect(await codeOf(plaintext)).toBe('VALID');
    const waiting = await sql(app, 'select 1 from api_key_foreign_hashes where key_id = $1', [id]);
    expect(waiting).toEqual([]);
    expect(await codeOf(plaintext)).toBe('VALID');
    const other = `${plaintext.slice(0, -1)}${plaintext.endsWith('A') ? 'B' : 'A'}`;
    expect(await codeOf(other)).toBe('NOT_FOUND');
  });

  test('that is reported as leaked before its first use is found and revoked', async () => {
    const { id, plaintext } = await importedSlowly();
    await app.call('POST', '/v1/api-keys/report-leak', {
      anonymous: true,
      body: { key: plaintext },
    });
    expect((await app.call('GET', `/v1/api-keys/${id}`)).body.status).toBe('revoked');
    expect(await codeOf(plaintext)).toBe('REVOKED');
  });
});

describe('leak reports that hit nothing', () => {
  test('count as failures of their source: its unknown keys are limited, good ones are not', async () => {
    const own = await startTestApp({ worker: false });
    try {
      const key = await issued(own, await tenant(own));
      const ask = async (text: string) =>
        (
          await own.call('POST', '/v1/internal/api-keys/verify', {
            body: { key: text, ip: '127.0.0.1' },
          })
        ).body.code;
      const unknown = () => mintKey('usher', 'ush', 'live');
      // The first connections take their time on a busy machine.
      await waitFor(
        'The first verification',
        () => ask(unknown()),
        (code) => code === 'NOT_FOUND',
      );
      await Promise.all(
        Array.from({ length: 20 }, () =>
          own.call('POST', '/v1/api-keys/report-leak', { body: { key: unknown() } }),
        ),
      );
      expect(await ask(unknown())).toBe('RATE_LIMITED');
      expect(await ask(key.plaintext)).toBe('VALID');
    } finally {
      await own.stop();
    }
  });
});
