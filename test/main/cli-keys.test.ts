import { createHash } from 'node:crypto';
import { keyCommands } from '../../src/main/cli/keys';
import { mintKey } from '../../src/platform/crypto/key-formats';
import { statusOfPlaintext, tenant } from '../api/api-keys/key-world';
import { sql } from '../api/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { usher } from './command-line';
import type { Called } from './command-line';

let app: TestApp;
let acme: string;
let key: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  acme = await tenant(app);
  key = await app.keyFor('owner');
}, 120_000);
afterAll(() => app.stop());

const call = (words: readonly string[], stdin = ''): Promise<Called> =>
  usher(words, { env: { USHER_URL: app.url, USHER_KEY: key }, stdin });
const create = async (...more: string[]): Promise<{ id: string; plaintext: string }> => {
  const words = ['key', 'create', '--tenant', acme, '--name', 'shop', '--scope', 'whoami'];
  return JSON.parse((await call([...words, '--json', ...more])).out);
};

describe('key create', () => {
  test('issues a key and prints it once', async () => {
    const called = await call(['key', 'create', '--tenant', acme, '--name', 'shop']);
    const plaintext = /shown this once: (\S+)/.exec(called.out)?.[1] ?? '';
    expect(called).toMatchObject({ code: 0, err: '' });
    expect(await statusOfPlaintext(app, plaintext)).toBe('active');
  });

  test('takes the slug of the tenant, addresses, an environment and an expiry', async () => {
    const [row] = await sql<{ slug: string }>(app, 'select slug from tenants where id = $1', [
      acme,
    ]);
    const called = await call(
      `key create --tenant ${String(row?.slug)} --name t --scope whoami --scope search:read --environment test
       --cidr 10.0.0.0/8 --expires-at 2099-01-01T00:00:00Z --json`.split(/\s+/),
    );
    expect(JSON.parse(called.out)).toMatchObject({
      environment: 'test',
      scopes: ['whoami', 'search:read'],
      allowed_cidrs: ['10.0.0.0/8'],
      expires_at: '2099-01-01T00:00:00.000Z',
    });
  });

  test('says what is wrong in the words of the API', async () => {
    const planned = await call(
      `key create --tenant ${acme} --name t --scope orders:write`.split(' '),
    );
    expect(planned.code).toBe(1);
    expect(planned.err).toContain('This scope is planned and not given out yet (scope-planned).');
    const nowhere = await call('key create --tenant nobody-here --name t'.split(' '));
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('tenant-not-found')]);
    expect((await call(['key', 'create', '--name', 't'])).code).toBe(2);
  });
});

describe('key verify', () => {
  const words = ['key', 'verify', '--scope', 'whoami'];

  test('ends with 0 for a good key', async () => {
    const { id, plaintext } = await create();
    const called = await call(words, `${plaintext}\n`);
    expect(called).toMatchObject({ code: 0, err: '' });
    expect(called.out).toMatch(/^code +VALID$/m);
    expect(called.out).toContain(id);
    expect(called.out).not.toContain(plaintext);
    const told = await call([...words, '--json'], plaintext);
    expect([told.code, JSON.parse(told.out)]).toEqual([
      0,
      expect.objectContaining({ valid: true, key_id: id }),
    ]);
  });

  test('ends with 1 for a bad one, and says why', async () => {
    const { id, plaintext } = await create();
    await call(['key', 'block', id]);
    const called = await call(words, plaintext);
    expect([called.code, called.err]).toEqual([1, '']);
    expect(called.out).toMatch(/^code +BLOCKED$/m);
    const told = await call([...words, '--json'], 'nonsense');
    expect([told.code, JSON.parse(told.out)]).toEqual([1, { valid: false, code: 'MALFORMED' }]);
  });

  test('without a key on standard input ends with 2, and asks nobody', async () => {
    const called = await usher(words, {
      env: { USHER_URL: 'http://127.0.0.1:1', USHER_KEY: key },
      stdin: ' \n',
    });
    expect(called).toMatchObject({ code: 2, out: '' });
    expect(called.err).toContain('there is no key on standard input');
  });

  test('says in its help what it needs', async () => {
    expect((await call(['key', 'verify', '--help'])).out).toContain('keys:verify');
  });
});

test.each(keyCommands.map(({ name }) => name))('%s says how it finds the API', async (name) => {
  const { out } = await call([...name.split(' '), '--help']);
  expect(out).toContain('set USHER_URL and USHER_KEY');
});

describe('key list', () => {
  test('shows prefixes and states and no key', async () => {
    const own = await tenant(app);
    const words = ['--tenant', own];
    expect((await call(['key', 'list', ...words])).out).toContain('There is none');
    const made = await call(['key', 'create', ...words, '--name', 'till', '--json']);
    const { plaintext, prefix } = JSON.parse(made.out);
    const { out } = await call(['key', 'list', ...words]);
    expect(out).toContain(`${prefix}…`);
    expect(out).toMatch(/till .*active +never/);
    expect(out).not.toContain(plaintext);
    const none = await call(['key', 'list', ...words, '--status', 'blocked', '--json']);
    expect(JSON.parse(none.out)).toEqual([]);
  });
});

describe('key rotate', () => {
  test('prints the successor once; the old key goes on', async () => {
    const old = await create();
    const { out } = await call(['key', 'rotate', old.id, '--overlap-hours', '1']);
    const plaintext = /shown this once: (\S+)/.exec(out)?.[1] ?? '';
    expect(await statusOfPlaintext(app, plaintext)).toBe('active');
    expect(await statusOfPlaintext(app, old.plaintext)).toBe('active');
  });

  test('of a compromised key ends it', async () => {
    const old = await create();
    await call(['key', 'rotate', old.id, '--compromised']);
    expect(await statusOfPlaintext(app, old.plaintext)).toBe('rotated');
  });
});

describe('key block, unblock and revoke', () => {
  test('do what they say', async () => {
    const { id, plaintext } = await create();
    expect((await call(['key', 'block', id, '--reason', 'odd'])).out).toMatch(/^Blocked shop/);
    expect(await statusOfPlaintext(app, plaintext)).toBe('blocked');
    await call(['key', 'unblock', id]);
    expect(await statusOfPlaintext(app, plaintext)).toBe('active');
    await call(['key', 'revoke', id]);
    expect(await statusOfPlaintext(app, plaintext)).toBe('revoked');
    const late = await call(['key', 'block', id]);
    expect([late.code, late.err]).toEqual([1, expect.stringContaining('api-key-dead')]);
    expect((await call(['key', 'revoke', 'shop'])).code).toBe(2);
  });
});

describe('key import', () => {
  test('without a hash on standard input ends with 2', async () => {
    const words = ['key', 'import', '--tenant', acme, '--name', 'old', '--prefix', 'bp_01234567'];
    const called = await call(words, '\n');
    expect(called).toMatchObject({ code: 2, out: '' });
    expect(called.err).toContain('there is no hash on standard input');
  });

  test('reads the hash from standard input', async () => {
    const foreign = mintKey('bp', 'ush', 'live');
    const hash = createHash('sha256').update(foreign).digest('hex');
    const words = ['key', 'import', '--tenant', acme, '--name', 'old', '--scope', 'whoami'];
    const called = await call([...words, '--prefix', foreign.slice(0, 11)], `${hash}\n`);
    expect(called.code).toBe(0);
    expect(await statusOfPlaintext(app, foreign)).toBe('active');
  });
});
