import { resolve } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import { createSiteverify } from '../domain/onboarding/captcha';
import { loadConnectors } from '../domain/onboarding/connectors';
import type { OnboardingDeps } from '../domain/onboarding/deps';
import { requireKids } from '../domain/secrets/secrets';
import { settleIdentity } from '../domain/identity/upkeep';
import type { Config, ProcessName } from '../platform/config';
import { createKeyHasher } from '../platform/crypto/keys';
import { createKeyRing } from '../platform/crypto/sealing';
import { createDatabase } from '../platform/db';
import type { Database } from '../platform/db';
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
  readonly temporal: { readonly client: Client; readonly connection: Connection };
  readonly outbound: Outbound;
  readonly serviceKeys: {
    readonly prefix: string;
    readonly hasher: ReturnType<typeof createKeyHasher>;
  };
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
    connectors: loadConnectors({ dir: resolve(env.CONNECTORS_DIR), env: process.env }),
    metrics: createMetrics(),
    log,
    temporal,
    serviceKeys: {
      prefix: env.USHER_KEY_PREFIX,
      hasher: createKeyHasher(env.KEYS_HASH_PEPPER, 'usher/service-account/v1'),
    },
    async close() {
      await outbox.settle();
      outbound.close();
      await temporal.connection.close().catch(() => undefined);
      await db.close();
    },
  };
}

/** What has to hold before a process serves: the right database role, and no key missing that rows hang on. */
export function settleBoot(deps: Deps): Promise<void> {
  return onceReachable(deps.log, async () => {
    await requireAppRole(deps.db);
    await requireKids(deps.db, deps.ring);
    await settleIdentity(deps.db, {
      issuerNames: deps.env.OIDC_ISSUERS.map(({ name }) => name),
      hasher: deps.serviceKeys.hasher,
    });
  });
}

/** The captcha provider of this deployment, if there is one. */
export function captchaOf(deps: Deps): ReturnType<typeof createSiteverify> | undefined {
  const { CAPTCHA_VERIFY_URL: url, CAPTCHA_SECRET: secret } = deps.env;
  if (url === '' || !secret) return undefined;
  return createSiteverify({ url, secret: secret.reveal(), outbound: deps.outbound });
}
