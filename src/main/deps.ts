import { resolve } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import { createFailures } from '../domain/api-keys/failures';
import type { Failures } from '../domain/api-keys/failures';
import type { ApiKeyMaterial } from '../domain/api-keys/deps';
import { settlePepper } from '../domain/api-keys/peppers';
import { createSiteverify } from '../domain/onboarding/captcha';
import { describeMistake, inspectConnectors } from '../domain/onboarding/connectors';
import type { Connectors } from '../domain/onboarding/connectors';
import type { OnboardingDeps } from '../domain/onboarding/deps';
import { requireKids } from '../domain/secrets/secrets';
import { settleIdentity } from '../domain/identity/upkeep';
import { readCatalogue } from '../domain/tenants/catalogue-file';
import { seedTenant } from '../domain/tenants/create-tenant';
import { loadCatalogue } from '../domain/tenants/products';
import { ConfigError } from '../platform/config';
import type { Config, ProcessName } from '../platform/config';
import { createKeyHasher } from '../platform/crypto/keys';
import { createKeyRing } from '../platform/crypto/sealing';
import { createDatabase, withSystem } from '../platform/db';
import type { Database } from '../platform/db';
import { createDirectoryExports } from '../platform/export-store';
import type { ExportStore } from '../platform/export-store';
import { createLog, errorFields } from '../platform/log';
import type { Log } from '../platform/log';
import { createMetrics } from '../platform/metrics';
import { createOutbound } from '../platform/outbound';
import type { Outbound } from '../platform/outbound';
import { createOutbox } from '../platform/outbox';
import { createTemporalClient } from '../platform/temporal';
import { encryptingDataConverter } from '../platform/temporal-codec';
import { createDeliver } from './deliver';
import { onceReachable } from './await-database';
import { requireAppRole } from './require-app-role';

/** Everything that a process of Usher is built from. */
export interface Deps extends OnboardingDeps {
  readonly env: Config;
  readonly exports: ExportStore;
  readonly temporal: { readonly client: Client; readonly connection: Connection };
  readonly outbound: Outbound;
  readonly serviceKeys: {
    readonly prefix: string;
    readonly hasher: ReturnType<typeof createKeyHasher>;
  };
  /** Failed attempts by source: verification and leak reports count here. */
  readonly keyFailures: Failures;
  /** What API keys of tenants are made and found with. */
  readonly apiKeys: ApiKeyMaterial;
  close(): Promise<void>;
}

/** Builds what api, worker and the command line share; dials nothing. */
export function createDeps(
  env: Config,
  options: { readonly process: ProcessName; readonly log?: Log; readonly db?: Database },
): Deps {
  const log = options.log ?? createLog({ level: env.LOG_LEVEL, process: options.process });
  const db =
    options.db ??
    createDatabase({
      url: env.DATABASE_URL.reveal(),
      max: env.DATABASE_POOL,
      applicationName: `usher-${options.process}`,
      onError: (error) => {
        log.warn(errorFields(error), 'A database connection was lost');
      },
    });
  const ring = createKeyRing(env.SECRETS_KEY_RING);
  const dataConverter = env.TEMPORAL_CODEC
    ? encryptingDataConverter(env.SECRETS_KEY_RING)
    : undefined;
  const temporal = createTemporalClient(env, dataConverter);
  const outbox = createOutbox({
    db,
    deliver: createDeliver(temporal.client, env.TASK_QUEUE),
    fastPath: true,
    onError: (error) => {
      log.warn(
        errorFields(error),
        'A wake-up could not be recorded as delivered; the relay repeats it',
      );
    },
  });
  const outbound = createOutbound({
    allowCidrs: env.OUTBOUND_ALLOW_CIDRS,
    requireHttps: false,
    log,
  });
  return {
    env,
    config: env,
    db,
    ring,
    outbox,
    outbound,
    exports: createDirectoryExports(exportDirectory(env)),
    connectors: connectorsOf(env),
    metrics: createMetrics(),
    log,
    temporal,
    serviceKeys: {
      prefix: env.USHER_KEY_PREFIX,
      hasher: createKeyHasher(env.KEYS_HASH_PEPPER, 'usher/service-account/v1'),
    },
    keyFailures: createFailures(),
    apiKeys: {
      prefix: env.USHER_KEY_PREFIX,
      format: env.KEYS_FORMAT,
      hasher: createKeyHasher(env.KEYS_HASH_PEPPER, 'usher/api-key/v1'),
    },
    async close() {
      await outbox.settle();
      outbound.close();
      await temporal.connection.close().catch(() => undefined);
      await db.close();
    },
  };
}

function connectorsOf(env: Config): Connectors {
  const dir = resolve(env.CONNECTORS_DIR);
  const { connectors, mistakes } = inspectConnectors({ dir, env: process.env });
  if (!connectors) throw new ConfigError(mistakes.map((one) => describeMistake(one).trim()));
  return connectors;
}

const exportDirectory = ({ TENANT_EXPORT_DIR: given, APP_ENV: app }: Config): string =>
  given === '' && app === 'dev' ? '.usher/exports' : given;

/** What has to hold before a process serves: the right database role, and no key missing that rows hang on. */
export function settleBoot(deps: Deps): Promise<void> {
  const catalogue = readCatalogue(deps.env.CATALOG_FILE);
  return onceReachable(deps.log, async () => {
    await requireAppRole(deps.db);
    await requireKids(deps.db, deps.ring);
    await settleIdentity(deps.db, {
      issuerNames: deps.env.OIDC_ISSUERS.map(({ name }) => name),
      hasher: deps.serviceKeys.hasher,
    });
    await settlePepper(deps.db, deps.apiKeys.hasher);
    await withSystem(deps.db, 'boot', (tx) => loadCatalogue(tx, catalogue));
    // With nothing configured there is a tenant to try things on.
    if (deps.env.APP_ENV === 'dev') await withSystem(deps.db, 'boot', seedTenant);
  });
}

/** The captcha provider of this deployment, if there is one. */
export function captchaOf(deps: Deps): ReturnType<typeof createSiteverify> | undefined {
  const { CAPTCHA_VERIFY_URL: url, CAPTCHA_SECRET: secret } = deps.env;
  if (url === '' || !secret) return undefined;
  return createSiteverify({ url, secret: secret.reveal(), outbound: deps.outbound });
}
