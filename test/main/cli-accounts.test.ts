import { randomBytes } from 'node:crypto';
import { openSessionByLink } from '../../src/domain/identity/login-links';
import { findServiceCaller } from '../../src/domain/identity/service-accounts';
import { sessionLives } from '../../src/domain/identity/sessions';
import { seal } from '../../src/domain/secrets/secrets';
import { createKeyHasher } from '../../src/platform/crypto/keys';
import { createKeyRing } from '../../src/platform/crypto/sealing';
import { createDatabase, withOperator } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { usher as call } from './command-line';
import type { Called } from './command-line';

let home: TestDatabase;
let db: Database;
let env: NodeJS.ProcessEnv;

const [oldKey, newKey, pepper] = [32, 32, 32].map((bytes) => randomBytes(bytes).toString('base64'));
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:test', fn);
const usher = (words: string, more: Partial<NodeJS.ProcessEnv> = {}, stdin = ''): Promise<Called> =>
  call(
    words.match(/'[^']*'|\S+/g)!.map((word) => word.replace(/^'|'$/g, '')),
    {
      env: { ...env, ...more },
      stdin,
    },
  );

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'cli-test', max: 4 });
  env = {
    DATABASE_URL: home.appUrl,
    PUBLIC_URL: 'https://usher.example.com/',
    KEYS_HASH_PEPPER: `p1:${pepper}`,
    SECRETS_KEY_RING: `k1:${oldKey}`,
    COOKIE_SECRET: pepper,
  };
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

const rolesOf = (email: string) =>
  act((tx) =>
    tx.rows<{ role: string; staff: boolean; password: boolean }>(
      `select m.role, u.staff, u.password_hash is not null as password
       from users as u join memberships as m on m.user_id = u.id and m.withdrawn_at is null where u.email = $1`,
      [email],
    ),
  );

describe('create-owner', () => {
  it('creates the account and prints a link that opens a session once', async () => {
    const called = await usher("create-owner --email Ada@Example.com --name 'Ada Lovelace'");
    expect(called).toMatchObject({ code: 0, err: '' });
    const token = /^https:\/\/usher\.example\.com\/login\/([\w-]{43})$/m.exec(called.out)?.[1];
    expect(await rolesOf('ada@example.com')).toEqual([
      { role: 'owner', staff: true, password: false },
    ]);
    const limits = { consume: async () => undefined, reward: async () => undefined };
    const deps = {
      db,
      ring: createKeyRing([{ id: 'k1', key: Buffer.from(oldKey!, 'base64') }]),
      limits: limits as never,
      lives: sessionLives({ SESSION_IDLE_MINUTES: 30, SESSION_HOURS: 12 }),
    };
    const source = { ip: '127.0.0.1', userAgent: null } as never;
    const open = () => openSessionByLink(deps, token!, source);
    await expect(open()).resolves.toBeDefined();
    await expect(open()).rejects.toMatchObject({ code: 'login-link-invalid' });
  });

  it('is repeatable, and says with --json what a program needs', async () => {
    for (let n = 0; n < 2; n += 1) {
      const called = await usher(
        'create-owner --email twice@example.com --name Twice --login-link --json',
      );
      expect(JSON.parse(called.out)).toEqual({
        user_id: expect.any(String),
        email: 'twice@example.com',
        login_url: expect.stringMatching(/^https:\/\/usher\.example\.com\/login\//),
        expires_at: expect.any(String),
      });
    }
    expect(await rolesOf('twice@example.com')).toHaveLength(1);
  });

  it('sets a password from standard input, and refuses one that is easy to guess', async () => {
    const words = 'create-owner --email grace@example.com --name Grace --password-stdin';
    const weak = await usher(words, {}, 'grace@example.com\n');
    expect(weak).toMatchObject({ code: 1, out: '' });
    expect(weak.err).toContain('password-too-weak');
    expect(await rolesOf('grace@example.com')).toEqual([]);
    const strong = await usher(words, {}, 'plum-quartz-lantern-brook\n');
    expect(strong).toMatchObject({ code: 0, out: 'grace@example.com is an owner.' });
    expect(await rolesOf('grace@example.com')).toEqual([
      { role: 'owner', staff: true, password: true },
    ]);
    expect((await usher(words)).err).toContain('got nothing on standard input');
  });

  it('asks for a name only where there is no account yet, and leaves a deactivated one alone', async () => {
    expect((await usher('create-owner --email new@example.com')).err).toContain(
      '--name is missing',
    );
    await usher('create-owner --email off@example.com --name Off');
    await act((tx) =>
      tx.run(`update users set status = 'deactivated' where email = 'off@example.com'`),
    );
    const called = await usher('create-owner --email off@example.com');
    expect(called).toMatchObject({ code: 1, out: '' });
    expect(called.err).toContain('is deactivated');
  });

  it('leaves an audit entry of the command line', async () => {
    const entries = await act((tx) =>
      tx.rows<{ action: string }>(
        `select distinct action from audit_trail where component = 'cli' and actor_id = 'system:cli'`,
      ),
    );
    expect(entries.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['user.created', 'user.roles_changed']),
    );
  });
});

describe('service accounts', () => {
  const keys = () => ({
    prefix: 'ush',
    hasher: createKeyHasher(
      [{ id: 'p1', key: Buffer.from(pepper!, 'base64') }],
      'usher/service-account/v1',
    ),
  });

  it('get a key that works until it is rotated or revoked', async () => {
    const words =
      'service-account create --name ci --role operator --permission users:grant --cidr 10.0.0.0/8';
    const { id, key, permissions } = JSON.parse((await usher(`${words} --json`)).out);
    expect(permissions).toEqual(expect.arrayContaining(['invites:create', 'users:grant']));
    const caller = (text: string) => findServiceCaller(db, keys(), text, '10.1.2.3');
    expect(await caller(key)).toMatchObject({ name: 'ci' });
    expect((await usher('service-account list')).out).toContain(id);
    const rotated = await usher(`service-account rotate ${id}`);
    const next = /ush_live_\w+/.exec(rotated.out)?.[0];
    expect([await caller(key), await caller(next!)]).toMatchObject([undefined, { name: 'ci' }]);
    expect(await usher(`service-account revoke ${id}`)).toMatchObject({ code: 0 });
    expect(await caller(next!)).toBeUndefined();
    expect((await usher('service-account list')).out).not.toContain(id);
    expect((await usher('service-account list --revoked --json')).out).toContain(id);
    const gone = await usher(`service-account revoke ${newId()}`);
    expect(gone).toMatchObject({ code: 1 });
    expect(gone.err).toContain('service-account-not-found');
  });

  it('are refused with a range that is none', async () => {
    const called = await usher('service-account create --name x --role support --cidr 10.0.0.0/99');
    expect(called).toMatchObject({ code: 1 });
    expect(called.err).toContain('allowed_cidrs/0 must be an address or a range');
  });
});

describe('partners', () => {
  it('are created once and listed', async () => {
    expect(await usher("partner create --slug northwind --name 'North Wind'")).toMatchObject({
      code: 0,
    });
    const again = await usher("partner create --slug northwind --name 'North Wind'");
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('slug-taken') });
    const bad = await usher('partner create --slug N --name x');
    expect(bad.err).toContain('slug must be 3 to 40');
    expect((await usher('partner list')).out).toMatch(/northwind +North Wind +active/);
    expect(JSON.parse((await usher('partner list --json')).out)).toMatchObject([
      { slug: 'northwind' },
    ]);
  });
});

describe('secrets', () => {
  it('are moved to the new key, and encrypted anew when a key is compromised', async () => {
    const ring = createKeyRing([{ id: 'k1', key: Buffer.from(oldKey!, 'base64') }]);
    await act(async (tx) => {
      for (const plaintext of ['a', 'b']) {
        await seal(tx, ring, {
          ownerTable: 'test',
          ownerId: newId(),
          field: 'f',
          tenantId: null,
          plaintext,
        });
      }
    });
    const both = { SECRETS_KEY_RING: `k2:${newKey},k1:${oldKey}` };
    expect((await usher('secrets status', both)).out).toMatch(/k1 +2 +for reading/);
    expect((await usher('secrets rotate', both)).out).toBe(
      '2 sealed value(s) wrapped with the key k2.',
    );
    expect((await usher('secrets rotate', both)).out).toContain('0 sealed value(s)');
    const lacking = await usher('secrets status');
    expect(lacking).toMatchObject({ code: 1 });
    expect(lacking.err).toContain('Put k2 back into SECRETS_KEY_RING');
    const active = await usher('secrets rotate --compromised k2', both);
    expect(active).toMatchObject({ code: 1, err: expect.stringContaining('k2 is the active key') });
    const swapped = { SECRETS_KEY_RING: `k1:${oldKey},k2:${newKey}` };
    const anew = await usher('secrets rotate --compromised k2', swapped);
    expect(anew.out).toBe('2 sealed value(s) encrypted anew under the key k1.');
    const unknown = await usher('secrets rotate --compromised k9', both);
    expect(unknown.err).toContain('has no key k9');
  });
});

describe('migrate', () => {
  it('tells where the schema stands', async () => {
    const called = await usher('migrate status', { DATABASE_OWNER_URL: home.ownerUrl });
    expect(called).toMatchObject({ code: 0 });
    expect(called.out).toContain('The schema is current.');
    expect((await usher('migrate', { DATABASE_OWNER_URL: home.ownerUrl })).out).toBe(
      'The schema is current.',
    );
  });
});
