import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import express from 'express';
import { Client } from 'pg';
import { clientAddress } from '../../api/app';
import { createAuthenticate } from '../../api/middleware/authenticate';
import { createCookies } from '../../api/middleware/cookies';
import { createIdempotencyKeys } from '../../api/middleware/idempotency';
import { createProblems } from '../../api/middleware/problems';
import { requestId } from '../../api/middleware/request-id';
import { createOnboardingCookies } from '../../api/onboarding-cookie';
import { createPageRoutes } from '../../api/pages/routes';
import { createAccount } from '../../src/domain/identity/accounts';
import { createIssuers } from '../../src/domain/identity/oidc-issuers';
import { sessionLives } from '../../src/domain/identity/sessions';
import { startSession } from '../../src/domain/identity/sign-in';
import { runStep } from '../../src/domain/onboarding/call-backend';
import { loadConnectors } from '../../src/domain/onboarding/connectors';
import { createInvite } from '../../src/domain/onboarding/create-invite';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { activateOnboarding, openOnboarding } from '../../src/domain/onboarding/drive';
import { createVerification } from '../../src/domain/onboarding/verification';
import type { CaptchaProvider } from '../../src/domain/onboarding/verification';
import { InviteRow } from '../../src/contracts/invites';
import type { Clock } from '../../src/platform/clock';
import { loadConfig } from '../../src/platform/config';
import type { Config } from '../../src/platform/config';
import { createPasswords } from '../../src/platform/crypto/passwords';
import { createKeyRing } from '../../src/platform/crypto/sealing';
import { createKeyHasher } from '../../src/platform/crypto/keys';
import { createDatabase, withOperator, withSystem } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { createMetrics } from '../../src/platform/metrics';
import { createOutbound } from '../../src/platform/outbound';
import { createOutbox } from '../../src/platform/outbox';
import { createRateLimits } from '../../src/platform/rate-limits';
import { startSampleBackend } from '../../src/servers/sample-backend';
import { createTestDatabase } from '../support/database';

/** An invite as its mail would bring it. */
export interface TestInvite {
  readonly id: string;
  readonly tenantId: string;
  readonly onboardingId: string;
  readonly token: string;
  readonly email: string;
  readonly path: string;
}

/** The customer pages on a free port, over a database of their own; wake-ups go nowhere. */
export interface PageApp {
  readonly url: string;
  readonly config: Config;
  readonly deps: OnboardingDeps;
  /** Everything that was logged. */
  readonly logs: readonly string[];
  /** Moves the clock of form tokens and the way back by so many milliseconds. */
  later(ms: number): void;
  /** Invites somebody into a tenant of their own. */
  invite(over?: Record<string, unknown>): Promise<TestInvite>;
  /** An account, with a password unless it is null. */
  account(email: string, password?: string | null): Promise<string>;
  /** The token of a new session of a person. */
  session(userId: string): Promise<string>;
  /** Does what the workflow would do, until it waits for somebody or is done; returns the state then. */
  drive(invite: TestInvite): Promise<string>;
  act<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs a statement, as whoever may see all tenants. */
  run(sql: string, ...params: unknown[]): Promise<void>;
  /** The one row of a query. */
  one<R>(sql: string, ...params: unknown[]): Promise<R>;
  /** Runs a statement that no role of Usher's may run. */
  asSuperuser(sql: string): Promise<void>;
  /** A digest of every row of every table, by table. */
  snapshot(): Promise<Record<string, string>>;
  close(): Promise<void>;
}

const secret = (): string => randomBytes(32).toString('base64');

/** Starts the pages. Limits of accept and login are off unless the environment sets them. */
export async function startPageApp(
  options: { env?: Record<string, string>; captcha?: CaptchaProvider } = {},
): Promise<PageApp> {
  const database = await createTestDatabase();
  const backend = await startSampleBackend({ port: 0, key: 'sample-key' });
  const config = loadConfig(
    {
      DATABASE_URL: database.appUrl,
      KEYS_HASH_PEPPER: `p1:${secret()}`,
      SECRETS_KEY_RING: `k1:${secret()}`,
      COOKIE_SECRET: `c1:${secret()}`,
      SAMPLE_BACKEND_URL: backend.url,
      SAMPLE_BACKEND_KEY: 'sample-key',
      RATE_ACCEPT: 'off',
      RATE_LOGIN: 'off',
      ...options.env,
    },
    'api',
  );
  const db = createDatabase({ url: database.appUrl, applicationName: 'pages', max: 10 });
  const logs: string[] = [];
  const log = createLog({ level: 'debug', process: 'api' }, { write: (line) => logs.push(line) });
  const ring = createKeyRing(config.SECRETS_KEY_RING);
  const outbox = createOutbox({
    db,
    deliver: () => Promise.resolve({ ok: true }),
    fastPath: true,
    onError: () => undefined,
  });
  const connectors = loadConnectors({
    dir: resolve(config.CONNECTORS_DIR),
    env: {
      SAMPLE_BACKEND_URL: config.SAMPLE_BACKEND_URL,
      SAMPLE_BACKEND_KEY: 'sample-key',
    },
  });
  const metrics = createMetrics();
  const deps: OnboardingDeps = { db, ring, outbox, connectors, config, metrics, log };
  const outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false, log });
  let ahead = 0;
  const clock: Clock = { now: () => new Date(Date.now() + ahead) };
  const browserCookies = createCookies(config);
  const cookies = createOnboardingCookies({
    keys: config.COOKIE_SECRET,
    cookie: browserCookies.onboarding,
  });
  const lives = sessionLives(config);
  const passwords = createPasswords({ minLength: config.PASSWORD_MIN_LENGTH });
  const app = express();
  app.set('query parser', 'simple');
  app.set('trust proxy', ['127.0.0.1']);
  app.use(requestId);
  app.use(
    createPageRoutes({
      ...deps,
      config,
      limits: createRateLimits({ db, config }),
      passwords,
      verification: createVerification(deps, options.captcha),
      lives,
      cookies,
      browserCookies,
      formKeys: config.COOKIE_SECRET,
      idempotencyKeys: createIdempotencyKeys({ secret: config.COOKIE_SECRET[0]!.key, ring }),
      clientAddress,
      authenticate: createAuthenticate({
        db,
        serviceKeys: {
          prefix: config.USHER_KEY_PREFIX,
          hasher: createKeyHasher(config.KEYS_HASH_PEPPER, 'usher/service-account/v1'),
        },
        issuers: createIssuers({ issuers: config.OIDC_ISSUERS, dev: true }),
        cookies: browserCookies,
        clientAddress,
        findOnboarding: (carried) => Promise.resolve(cookies.read(carried)),
      }),
      landing: (surface) => (surface === 'operator' ? '/console' : '/onboarding/progress'),
      supportEmail: 'help@usher.example',
      clock,
    }),
  );
  app.use(createProblems(log));
  const server = createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'system:test', fn);

  return {
    url,
    config,
    deps,
    logs,
    act,
    async run(sql, ...params) {
      await act((tx) => tx.run(sql, params));
    },
    one: <R>(sql: string, ...params: unknown[]) =>
      act((tx) => tx.one<Record<string, unknown>>(sql, params)) as Promise<R>,
    later: (ms) => {
      ahead += ms;
    },
    async invite(over = {}) {
      const unique = randomBytes(4).toString('hex');
      const request = InviteRow.parse({
        email: `mara-${unique}@nordlicht.example`,
        tenant: { slug: `nordlicht-${unique}`, name: 'Nordlicht Handel GmbH' },
        ...over,
      });
      const made = await act((tx) =>
        createInvite(tx, deps, request, { actorId: 'system:test', userId: null }),
      );
      const token = made.link.split('/').at(-1) ?? '';
      return {
        id: made.inviteId,
        tenantId: made.tenantId,
        onboardingId: made.onboardingId,
        token,
        email: request.email,
        path: `/invite/${token}`,
      };
    },
    async account(email, password = null) {
      const passwordHash = password === null ? null : await passwords.hash(password);
      return act((tx) => createAccount(tx, { email, name: 'Mara Lund', passwordHash }));
    },
    async session(userId) {
      const source = { ip: null, userAgent: null };
      const opened = await withSystem(db, 'identity', (tx) =>
        startSession(tx, lives, userId, 'password', source),
      );
      return opened.token;
    },
    async drive(invite) {
      for (;;) {
        const view = await openOnboarding(deps, invite.id);
        if (view.readyToActivate) await activateOnboarding(deps, { inviteId: invite.id });
        else if (view.next?.ready)
          await runStep({ ...deps, outbound }, view.onboardingId, view.next.key);
        else return view.state;
      }
    },
    asSuperuser: (sql) =>
      withClient(database.superUrl, async (client) => {
        await client.query(sql);
      }),
    snapshot: () => snapshotOf(database.superUrl),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((done) => {
        server.close(() => {
          done();
        });
      });
      await outbox.settle();
      outbound.close();
      await backend.stop();
      await db.close();
      await database.drop();
    },
  };
}

function snapshotOf(connectionString: string): Promise<Record<string, string>> {
  return withClient(connectionString, async (client) => {
    const tables = await client.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    );
    const rows: Record<string, string> = {};
    for (const { name } of tables.rows) {
      const { rows: found } = await client.query<{ line: string }>(
        `select t::text as line from ${name} as t order by 1`,
      );
      const text = found.map(({ line }) => line).join('\n');
      rows[name] = `${String(found.length)} ${createHash('sha256').update(text).digest('hex')}`;
    }
    return rows;
  });
}

async function withClient<T>(
  connectionString: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
