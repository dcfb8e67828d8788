import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import type { ApiServer } from '../../../src/main/api';
import { withSystem } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { insertKey } from '../../domain/api-keys/rows';
import type { GivenKey } from '../../domain/api-keys/rows';
import { insertTenant } from '../../domain/onboarding/rows';
import type { TestAnswer, TestApp } from '../../support/test-app';

/** The path of POST. */
export const postPath = '/v1/internal/api-keys/verify';
/** The path of GET. */
export const getPath = '/_internal/auth/api-key/verify';

/** A key that a test verifies. */
export interface TestKey {
  readonly id: string;
  readonly key: string;
  readonly tenantId: string;
}

/** Runs statements as the machinery would. */
export const inSystem = <T>(app: TestApp, fn: (tx: Tx) => Promise<T>): Promise<T> =>
  withSystem(app.deps.db, 'cli', fn);

/** A tenant that keys verify for. */
export const activeTenant = (app: TestApp): Promise<string> =>
  inSystem(app, (tx) => insertTenant(tx, { status: 'active' }));

/** A key of a tenant; of a new, active one unless it is named. */
export async function issue(
  app: TestApp,
  given: Omit<GivenKey, 'tenantId'> & { tenantId?: string } = {},
): Promise<TestKey> {
  const tenantId = given.tenantId ?? (await activeTenant(app));
  const issued = await inSystem(app, (tx) =>
    insertKey(tx, app.deps.apiKeys.hasher, { ...given, tenantId }),
  );
  return { ...issued, tenantId };
}

/** Asks by POST, without any credential. */
export const post = (app: TestApp, body: unknown): Promise<TestAnswer> =>
  app.call('POST', postPath, { anonymous: true, body });

/** Asks by POST and returns the code. */
export const codeOf = async (app: TestApp, body: unknown): Promise<string> =>
  (await post(app, body)).body.code as string;

/** Asks another process by POST and returns the code. */
export async function codeAt(url: string, body: unknown): Promise<string> {
  const answer = await fetch(`${url}${postPath}`, { method: 'POST', body: JSON.stringify(body) });
  return ((await answer.json()) as { code: string }).code;
}

/** Changes of a key's row that end it or what it is good for: the code, what is set, and what undoes it. */
export const endings = [
  ['REVOKED', 'revoked_at = now()', 'revoked_at = null'],
  ['BLOCKED', 'blocked_at = now()', 'blocked_at = null'],
  ['ROTATED', 'ends_at = now()', 'ends_at = null'],
  ['EXPIRED', 'expires_at = now()', 'expires_at = null'],
  ['SCOPE_DENIED', `scopes = '{}'`, `scopes = '{a:b}'`],
  ['IP_DENIED', `allowed_cidrs = '{10.0.0.0/8}'`, `allowed_cidrs = '{}'`],
] as const;

/** Asks by GET with a key as bearer. */
export const get = (
  app: TestApp,
  key: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestAnswer> =>
  app.call('GET', getPath, {
    anonymous: true,
    headers: { authorization: `Bearer ${key}`, ...headers },
  });

/** Another process of the API on the same database. */
export interface ServedApi {
  readonly url: string;
  /** Of `VERIFY_ADDR`, where it has one. */
  readonly verifyUrl: string | undefined;
  stop(): Promise<void>;
}

/** Has an API listen on free ports. */
export async function serve(api: ApiServer): Promise<ServedApi> {
  const servers = [api.server, api.verifyServer].filter((server) => server !== undefined);
  const [url = '', verifyUrl] = await Promise.all(servers.map(listening));
  await api.settled();
  return {
    url,
    verifyUrl,
    async stop() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await api.close();
    },
  };
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** Does some work while nobody can read some tables. */
export async function whileLocked(
  app: TestApp,
  tables: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const client = new Client({ connectionString: app.database.superUrl });
  await client.connect();
  try {
    await client.query(`begin; lock table ${tables.join(', ')} in access exclusive mode`);
    await work();
  } finally {
    await client.end();
  }
}

/** How many verdicts a process has counted. */
export async function verdicts({ deps }: TestApp): Promise<number> {
  const counter = deps.metrics.registry.getSingleMetric('apikey_auth_attempts_total');
  return (await counter!.get()).values.reduce((sum, { value }) => sum + value, 0);
}
