import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { auditVariables } from '../support/audit-keys';
import { startProgram } from '../support/program';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from '../servers/state-folder';

jest.setTimeout(60_000);

const key = randomBytes(32).toString('base64');
let database: TestDatabase;
let superuser: Client;
let env: Record<string, string>;
let forWorker: Record<string, string>;
beforeAll(async () => {
  await buildSources();
  database = await createTestDatabase();
  superuser = new Client({ connectionString: database.superUrl });
  await superuser.connect();
  env = {
    DATABASE_URL: database.appUrl,
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    KEYS_HASH_PEPPER: `p1:${key}`,
    SECRETS_KEY_RING: `k1:${key}`,
    COOKIE_SECRET: `c1:${key}`,
    SAMPLE_BACKEND_URL: 'http://127.0.0.1:1',
    SAMPLE_BACKEND_KEY: 'sample-key',
    ADDR: '127.0.0.1:0',
    WORKER_ADDR: '127.0.0.1:0',
  };
  forWorker = auditVariables(database.sequencerUrl);
});
afterAll(async () => {
  await superuser.end();
  await database.drop();
});

const envOf = (name: string): Record<string, string> =>
  name === 'worker' ? { ...env, ...forWorker } : env;

/** What a program prints that is not to start, and its exit code; one that does start fails the test. */
async function refusal(
  name: 'api' | 'worker' | 'migrate',
  more: Record<string, string>,
): Promise<string> {
  const program = startProgram(name, { ...envOf(name), ...more });
  const up = program.ready().then(
    () => {
      program.signal('SIGKILL');
      throw new Error(`The ${name} started`);
    },
    () => undefined,
  );
  const [code] = await Promise.all([program.ended, up]);
  expect(code).toBe(1);
  expect(program.output()).not.toContain(key);
  return program.output();
}

describe.each(['api', 'worker'] as const)('the %s does not start', (name) => {
  test('with a bad configuration, and lists every mistake at once, without a secret', async () => {
    const output = await refusal(name, {
      APP_ENV: 'production',
      PUBLIC_URL: 'usher.example',
      DATABASE_POOL: 'many',
      RATE_LOGIN: '5 a minute',
      COOKIE_SECRET: 'short-and-secret',
      OIDC_ISSUERS: '{',
      RETRY_SECONDS: '2,-5',
      SMTP_URL: 'http://mail.example',
      KEYS_HASH_PEPPER: '',
      TRUSTED_PROXIES: '10.0.0.1,loopback',
      KEYS_LEASE_MS: '10001',
    });
    expect(output).toContain('The configuration has 11 mistake(s):');
    for (const variable of [
      'APP_ENV',
      'PUBLIC_URL',
      'DATABASE_POOL',
      'RATE_LOGIN must be `points/seconds` such as `10/60`, or `off`',
      'COOKIE_SECRET must be `id:base64`',
      'OIDC_ISSUERS must be JSON',
      'RETRY_SECONDS must be seconds by comma',
      'SMTP_URL',
      'KEYS_HASH_PEPPER is missing',
      'TRUSTED_PROXIES must be addresses or CIDR ranges by comma',
      'KEYS_LEASE_MS',
    ]) {
      expect(output).toContain(`  - ${variable}`);
    }
    expect(output).not.toContain('short-and-secret');
    expect(output).not.toMatch(/\bat .*\.js:\d+/);
  });

  test('with the URL of the owner', async () => {
    expect(await refusal(name, { DATABASE_OWNER_URL: database.ownerUrl })).toContain(
      `DATABASE_OWNER_URL must not be given to the ${name} process: remove it there`,
    );
  });

  test('as a superuser or the owner of the tables', async () => {
    const urls = [database.superUrl, database.ownerUrl];
    const outputs = await Promise.all(urls.map((url) => refusal(name, { DATABASE_URL: url })));
    for (const [n, fault] of ['is a superuser', 'owns tables'].entries()) {
      expect(outputs[n]).toMatch(new RegExp(`DATABASE_URL connects as \\w+, which .*${fault}`));
      expect(outputs[n]).toContain('use the role usher_app');
      expect(outputs[n]).not.toContain(new URL(urls[n] ?? '').password);
    }
  });

  test('as a role that may bypass row-level security, or become another one', async () => {
    const roles = ['bypasses', 'becomes'].map(
      (what) => `test_${what}_${randomBytes(4).toString('hex')}`,
    );
    const [bypasses, becomes] = roles;
    for (const role of roles) {
      await superuser.query(`create role ${role} login password 'p-w-d'`);
      await superuser.query(`grant connect on database ${database.name} to ${role}`);
    }
    await superuser.query(`alter role ${bypasses} bypassrls`);
    await superuser.query(`grant usher_app to ${becomes}`);
    try {
      const outputs = await Promise.all(
        roles.map((role) => {
          const url = new URL(database.appUrl);
          [url.username, url.password] = [role, 'p-w-d'];
          return refusal(name, { DATABASE_URL: url.href });
        }),
      );
      expect(outputs[0]).toContain(
        `connects as ${bypasses}, which may bypass row-level security: use the role usher_app`,
      );
      expect(outputs[1]).toContain(
        `connects as ${becomes}, which is a member of another role: use the role usher_app`,
      );
    } finally {
      for (const role of roles) {
        await superuser.query(`drop owned by ${role}`);
        await superuser.query(`drop role ${role}`);
      }
    }
  });

  test('with malformed connector files, and lists what is wrong in which file and where', async () => {
    const folder = newStateFolder();
    mkdirSync(join(folder, 'connectors'));
    const put = (file: string, text: string) => {
      writeFileSync(join(folder, 'connectors', file), text);
    };
    put('broken.json', '{ "name": "broken", ');
    put('odd.json', JSON.stringify({ name: 'odd', base_url: 'ftp://x', steps: [] }));
    put('blueprints.json', JSON.stringify({ blueprints: { default: { connectors: ['nobody'] } } }));
    try {
      const output = await refusal(name, { CONNECTORS_DIR: join(folder, 'connectors') });
      expect(output).toMatch(/broken\.json/);
      expect(output).toMatch(/odd\.json \/base_url/);
      expect(output).toMatch(/odd\.json \/steps/);
      expect(output).toMatch(/blueprints\.json \/blueprints\/default\/connectors\/0/);
    } finally {
      rmSync(join(folder, 'connectors'), { recursive: true });
      removeStateFolder(folder);
    }
  });

  test('on a port that is taken, and says which and what to do', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${String((blocker.address() as AddressInfo).port)}`;
    try {
      const output = await refusal(name, { ADDR: address, WORKER_ADDR: address });
      expect(output).toContain(
        `Port ${address.split(':')[1] ?? ''} is taken: stop what listens there or set another address`,
      );
      expect(output).not.toMatch(/EADDRINUSE/);
    } finally {
      await new Promise((resolve) => blocker.close(resolve));
    }
  });
});

test('the api does not start with the URL of the sequencer', async () => {
  expect(await refusal('api', { DATABASE_SEQUENCER_URL: database.sequencerUrl })).toContain(
    'DATABASE_SEQUENCER_URL must not be given to the api process: remove it there',
  );
});

test('migrate needs the owner’s URL and nothing else, and says so', async () => {
  const output = await refusal('migrate', { DATABASE_URL: '' });
  expect(output).toContain('DATABASE_OWNER_URL is missing');
  const migrate = startProgram('migrate', { DATABASE_OWNER_URL: database.ownerUrl });
  expect([await migrate.ended, migrate.output()]).toEqual([0, 'The schema is current.\n']);
});

test.each(['api', 'worker'] as const)(
  'the %s starts and serves although its log cannot be written, as on a full disk',
  async (name) => {
    // Opened for reading, so that every write fails.
    const unwritable = openSync(devNull, 'r');
    const program = startProgram(name, envOf(name), { stdout: unwritable });
    try {
      const url = await program.ready();
      for (let n = 0; n < 3; n += 1) {
        const health = await fetch(`${url}/healthz`, { headers: { connection: 'close' } });
        await fetch(`${url}/nothing`, { headers: { connection: 'close' } });
        expect(health.status).toBe(200);
      }
    } finally {
      program.signal('SIGTERM');
      closeSync(unwritable);
    }
    expect(await program.ended).toBe(0);
  },
);
