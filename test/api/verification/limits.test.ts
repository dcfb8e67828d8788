import { newKey } from '../../../src/platform/crypto/keys';
import { createApiServer } from '../../../src/main/api';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { activeTenant, codeAt, codeOf, inSystem, issue, post, serve } from './keys';
import type { ServedApi } from './keys';

let app: TestApp;
/** A second process on the same database. */
let second: ServedApi;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  second = await serve(createApiServer(app.deps));
}, 120_000);
afterAll(async () => {
  await second.stop();
  await app.stop();
});

const atSecond = (body: unknown): Promise<string> => codeAt(second.url, body);

const times = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const countOf = (codes: readonly string[], code: string): number =>
  codes.filter((one) => one === code).length;

/** Units that Postgres has counted of a family. */
const counted = async (familyId: string): Promise<number> => {
  const [row] = await inSystem(app, (tx) =>
    tx.rows<{ cost: number }>('select cost from api_key_usage where key_id = $1', [familyId]),
  );
  return row?.cost ?? 0;
};
const untilCounted = (familyId: string, cost: number): Promise<number> =>
  waitFor(
    'the count',
    () => counted(familyId),
    (n) => n === cost,
  );

describe('a rate limit', () => {
  test('grants what it says within a window and then tells how long to wait', async () => {
    const key = await issue(app, { rateLimit: { limit: 5, seconds: 3_600 } });
    const remaining: number[] = [];
    while (remaining.length < 5)
      remaining.push((await post(app, { key: key.key })).body.rate_limit.remaining);
    expect(remaining).toEqual([4, 3, 2, 1, 0]);
    const { status, body, headers } = await post(app, { key: key.key });
    expect(status).toBe(200);
    expect(body).toEqual({
      valid: false,
      code: 'RATE_LIMITED',
      key_id: key.id,
      tenant_id: key.tenantId,
    });
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(3_600);
  });

  test('counts cost, and a request that costs nothing always passes it', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 10, seconds: 3_600 } });
    expect(await codeOf(app, { key, cost: 11 })).toBe('RATE_LIMITED');
    expect(await codeOf(app, { key, cost: 10 })).toBe('VALID');
    expect(await codeOf(app, { key, cost: 1 })).toBe('RATE_LIMITED');
    expect(await codeOf(app, { key, cost: 0 })).toBe('VALID');
  });

  test('begins anew with the next window', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 1, seconds: 1 } });
    expect(await codeOf(app, { key })).toBe('VALID');
    await waitFor(
      'the next window',
      () => codeOf(app, { key }),
      (code) => code === 'VALID',
    );
  });

  test('is not overrun by a crowd that comes at once to two processes', async () => {
    const { key } = await issue(app, { rateLimit: { limit: 40, seconds: 3_600 } });
    // The first charges of a process without a flush are made in Postgres, and so are those near the limit.
    const codes = await Promise.all(
      times(120).map((n) => (n % 2 ? codeOf(app, { key }) : atSecond({ key }))),
    );
    const granted = countOf(codes, 'VALID');
    expect(granted + countOf(codes, 'RATE_LIMITED')).toBe(120);
    // At most what both accept within one interval comes on top.
    expect(granted).toBeGreaterThanOrEqual(40);
    expect(granted).toBeLessThanOrEqual(80);
    expect(await codeOf(app, { key, cost: 40 })).toBe('RATE_LIMITED');
  });
});

describe('a usage limit', () => {
  test('that is strict is exact under a crowd at two processes', async () => {
    const { key, id } = await issue(app, { usageLimit: 50, usageLimitStrict: true });
    const codes = await Promise.all(
      times(120).map((n) => (n % 2 ? codeOf(app, { key }) : atSecond({ key }))),
    );
    expect([countOf(codes, 'VALID'), countOf(codes, 'USAGE_EXCEEDED')]).toEqual([50, 70]);
    expect(await counted(id)).toBe(50);
  });

  test('holds for the whole rotation family: a rotation resets nothing', async () => {
    const tenantId = await activeTenant(app);
    const old = await issue(app, { tenantId, usageLimit: 10, usageLimitStrict: true });
    const successor = await issue(app, {
      tenantId,
      familyId: old.id,
      usageLimit: 10,
      usageLimitStrict: true,
    });
    expect(await codeOf(app, { key: old.key, cost: 6 })).toBe('VALID');
    expect(await codeOf(app, { key: successor.key, cost: 5 })).toBe('USAGE_EXCEEDED');
    expect(await codeOf(app, { key: successor.key, cost: 4 })).toBe('VALID');
    expect(await codeOf(app, { key: old.key })).toBe('USAGE_EXCEEDED');
  });

  test('far from its end is counted here and handed in within moments, by both processes', async () => {
    const { key, id } = await issue(app, { usageLimit: 1_000_000 });
    await Promise.all(times(20).map((n) => (n % 2 ? codeOf(app, { key }) : atSecond({ key }))));
    expect(await untilCounted(id, 20)).toBe(20);
    expect(await codeOf(app, { key, cost: 10_000 })).toBe('VALID');
    expect(await untilCounted(id, 10_020)).toBe(10_020);
  });

  test('that is set later counts what was used before', async () => {
    const { key, id } = await issue(app);
    expect(await codeOf(app, { key, cost: 7 })).toBe('VALID');
    await untilCounted(id, 7);
    await inSystem(app, (tx) => tx.run('update api_keys set usage_limit = 8 where id = $1', [id]));
    expect(await codeOf(app, { key, cost: 2 })).toBe('USAGE_EXCEEDED');
    expect(await codeOf(app, { key, cost: 1 })).toBe('VALID');
  });
});

describe('failed attempts', () => {
  const unknown = (ip?: string) => ({ key: newKey('ush', 'live'), ...(ip ? { ip } : {}) });

  test('of one source are limited to 20 in 10 s, for unknown keys only', async () => {
    const ip = '192.0.2.7';
    const codes: string[] = [];
    while (codes.length < 22) codes.push(await codeOf(app, unknown(ip)));
    expect(codes).toEqual([...Array<string>(20).fill('NOT_FOUND'), 'RATE_LIMITED', 'RATE_LIMITED']);
    const limited = await post(app, unknown(ip));
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(limited.body).toEqual({ valid: false, code: 'RATE_LIMITED' });
    // Good keys from there pass, bad ones that are known get their own code, and so do others from elsewhere.
    expect(await codeOf(app, { key: (await issue(app)).key, ip })).toBe('VALID');
    expect(await codeOf(app, { key: (await issue(app, { revoked: true })).key, ip })).toBe(
      'REVOKED',
    );
    expect(await codeOf(app, unknown('192.0.2.8'))).toBe('NOT_FOUND');
    expect(await codeOf(app, unknown())).toBe('NOT_FOUND');
  });

  test('count for the /56 of an IPv6 source', async () => {
    for (const n of times(20)) await codeOf(app, unknown(`2001:db8:1:2::${n.toString(16)}`));
    expect(await codeOf(app, unknown('2001:db8:1:3::1'))).toBe('RATE_LIMITED');
    expect(await codeOf(app, unknown('2001:db8:2::1'))).toBe('NOT_FOUND');
  });

  test('without an address are not limited', async () => {
    const codes = await Promise.all(times(40).map(() => codeOf(app, unknown())));
    expect(countOf(codes, 'NOT_FOUND')).toBe(40);
  });
});
