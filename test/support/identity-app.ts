import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Router } from 'express';
import { createApp } from '../../api/app';
import { createAuthenticate } from '../../api/middleware/authenticate';
import { createCookies } from '../../api/middleware/cookies';
import { createIdempotencyKeys } from '../../api/middleware/idempotency';
import { openApiDocument } from '../../api/openapi';
import type { AnyHandlers } from '../../api/router';
import { createLoginLinkRoutes } from '../../api/routes/login-link';
import { createServiceAccountRoutes } from '../../api/routes/service-accounts';
import { createSignInRoutes } from '../../api/routes/sign-in';
import { createUserRoutes } from '../../api/routes/users';
import { identityEndpoints } from '../../src/contracts/identity';
import type { OnboardingCaller } from '../../src/domain/identity/callers';
import { createIssuers } from '../../src/domain/identity/oidc-issuers';
import type { IssuerTiming } from '../../src/domain/identity/oidc-issuers';
import { sessionLives } from '../../src/domain/identity/sessions';
import { loadConfig } from '../../src/platform/config';
import type { Config } from '../../src/platform/config';
import type { OidcIssuer } from '../../src/platform/config-values';
import { createKeyHasher } from '../../src/platform/crypto/keys';
import { createPasswords } from '../../src/platform/crypto/passwords';
import { createKeyRing } from '../../src/platform/crypto/sealing';
import { createCursors } from '../../src/platform/cursors';
import { createDatabase } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { createMetrics } from '../../src/platform/metrics';
import { createRateLimits } from '../../src/platform/rate-limits';
import { createTestDatabase } from './database';
import { responsesOf } from './openapi';

/** An answer as the tests look at it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers of all shapes
  readonly body: any;
  /** The session token that the answer sets, '' when it removes it, undefined when it leaves it. */
  readonly session: string | undefined;
  readonly cookies: readonly string[];
}

/** One request of a test. */
export interface Ask {
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A session token to carry; the request then says that it comes from the same site. */
  readonly session?: string | undefined;
  /** The client's address, as a trusted proxy tells it. */
  readonly from?: string;
}

/** The identity surface served over HTTP on a database of its own; every answer is checked against the document. */
export interface IdentityApp {
  readonly url: string;
  readonly db: Database;
  readonly config: Config;
  readonly log: readonly string[];
  readonly ring: ReturnType<typeof createKeyRing>;
  readonly passwords: ReturnType<typeof createPasswords>;
  readonly serviceKeys: {
    readonly prefix: string;
    readonly hasher: ReturnType<typeof createKeyHasher>;
  };
  /** The customer whose onboarding cookie requests carry as `x-onboarding: 1`. */
  onboarding: OnboardingCaller | undefined;
  ask(method: string, path: string, ask?: Ask): Promise<Answer>;
  close(): Promise<void>;
}

/** How an app differs from the default one. */
export interface IdentityAppOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly issuers?: readonly OidcIssuer[];
  readonly issuerTiming?: IssuerTiming;
  readonly invitedEmail?: string;
}

const secret = (): string => randomBytes(32).toString('base64');

/** Starts the surface; login limits are raised unless the test sets them. */
export async function startIdentityApp(options: IdentityAppOptions = {}): Promise<IdentityApp> {
  const database = await createTestDatabase();
  const config = loadConfig(
    {
      DATABASE_URL: database.appUrl,
      KEYS_HASH_PEPPER: `p1:${secret()}`,
      SECRETS_KEY_RING: `k1:${secret()}`,
      COOKIE_SECRET: secret(),
      RATE_LOGIN: '1000/60',
      ...options.env,
    },
    'api',
  );
  const db = createDatabase({ url: database.appUrl, applicationName: 'test' });
  const ring = createKeyRing(config.SECRETS_KEY_RING);
  const passwords = createPasswords({ minLength: config.PASSWORD_MIN_LENGTH });
  const serviceKeys = {
    prefix: config.USHER_KEY_PREFIX,
    hasher: createKeyHasher(config.KEYS_HASH_PEPPER, 'usher/service-account/v1'),
  };
  const lines: string[] = [];
  const log = createLog({ level: 'debug', process: 'api' }, { write: (line) => lines.push(line) });
  const cookies = createCookies(config);
  const issuers = createIssuers({
    issuers: options.issuers ?? [],
    dev: true,
    timing: { downtime: 0, keysCooldown: 0, ...options.issuerTiming },
  });
  const [cookieSecret] = config.COOKIE_SECRET;
  const shared = {
    db,
    ring,
    passwords,
    limits: createRateLimits({ db, config }),
    lives: sessionLives(config),
    issuers,
    cookies,
    serviceKeys,
    cursors: createCursors(config.COOKIE_SECRET),
    formKeys: config.COOKIE_SECRET,
    publicUrl: config.PUBLIC_URL,
    landing: (surface: string) => `/landing/${surface}`,
    findInvitedEmail: () => Promise.resolve(options.invitedEmail),
  };
  const state: { onboarding: OnboardingCaller | undefined } = { onboarding: undefined };
  const app = createApp({
    contracts: identityEndpoints,
    handlers: {
      ...createSignInRoutes(shared),
      ...createLoginLinkRoutes(shared),
      ...createServiceAccountRoutes(shared),
      ...createUserRoutes(shared),
    } as unknown as AnyHandlers,
    authenticate: createAuthenticate({
      ...shared,
      clientAddress: (request) => request.ip,
      findOnboarding: () => Promise.resolve(state.onboarding),
    }),
    findOnboarding: () => Promise.resolve(state.onboarding),
    idempotencyKeys: createIdempotencyKeys({ secret: cookieSecret!.key, ring }),
    limits: shared.limits,
    onRefused: () => undefined,
    pages: Router(),
    readiness: () => Promise.resolve({ ready: true, parts: {} }),
    trustedProxies: ['127.0.0.1'],
    publicUrl: config.PUBLIC_URL,
    log,
    metrics: createMetrics(),
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const expectDocumented = responsesOf(openApiDocument());

  return {
    url,
    db,
    config,
    log: lines,
    ring,
    passwords,
    serviceKeys,
    get onboarding() {
      return state.onboarding;
    },
    set onboarding(caller) {
      state.onboarding = caller;
    },
    async ask(method, path, ask = {}) {
      const response = await fetch(url + path, { method, redirect: 'manual', ...requestOf(ask) });
      const answer = await answerOf(response);
      if (method !== 'HEAD') expectDocumented(method, path, answer);
      return answer;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await db.close();
      await database.drop();
    },
  };
}

function requestOf(ask: Ask): { headers: Record<string, string>; body?: string } {
  const json = ask.body !== undefined;
  const body = json
    ? JSON.stringify(ask.body)
    : ask.form && new URLSearchParams(ask.form).toString();
  return {
    headers: {
      connection: 'close',
      'x-forwarded-for': ask.from ?? '192.0.2.1',
      ...(json ? { 'content-type': 'application/json' } : {}),
      ...(ask.form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      ...(ask.session === undefined
        ? {}
        : { cookie: `usher_session=${ask.session}`, 'sec-fetch-site': 'same-origin' }),
      ...ask.headers,
    },
    ...(body === undefined ? {} : { body }),
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const cookies = response.headers.getSetCookie();
  const session = cookies
    .map((cookie) => /^usher_session=([^;]*)/.exec(cookie)?.[1])
    .find((value) => value !== undefined);
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? (JSON.parse(text) as unknown) : text,
    session,
    cookies,
  };
}
