import { setTimeout as sleep } from 'node:timers/promises';
import { createVerifyHandler } from '../../api/verify';
import type { VerifyHandler } from '../../api/verify';
import { createVerifyCallers } from '../../api/verify-callers';
import type { VerifyCallersOptions } from '../../api/verify-callers';
import { VerificationCode } from '../contracts/verification';
import { createCharges } from '../domain/api-keys/charges';
import { createFirstUses } from '../domain/api-keys/first-uses';
import { createForeignHashes } from '../domain/api-keys/foreign-hashes';
import { createLeakDoors } from '../domain/api-keys/leak-doors';
import type { LeakDoors } from '../domain/api-keys/leaks';
import { createKnownKeys } from '../domain/api-keys/known-keys';
import type { KnownKeys } from '../domain/api-keys/known-keys';
import { holdLease } from '../domain/api-keys/lease';
import type { Lease } from '../domain/api-keys/lease';
import { createLooks } from '../domain/api-keys/looks';
import { createLookups } from '../domain/api-keys/lookups';
import { createPepperUpgrades } from '../domain/api-keys/pepper-upgrades';
import { createRecall } from '../domain/api-keys/recall';
import { createUsage } from '../domain/api-keys/usage';
import { createUsageFlush } from '../domain/api-keys/usage-flush';
import { answerWithinMs, createVerifier } from '../domain/api-keys/verifier';
import { createDatabase } from '../platform/db';
import { errorFields } from '../platform/log';
import { isOutage } from '../platform/outage';
import { hasLaggingStandbys } from '../platform/standbys';
import type { Deps } from './deps';
import { startLoop } from './loop';

/** Verification of API keys in a process. */
export interface Verification {
  /** For `ADDR`: whoever `VERIFY_ALLOW_CIDRS` lets in, and service accounts. */
  readonly handle: VerifyHandler;
  /** For `VERIFY_ADDR`: whoever reaches it. Undefined when all goes by `ADDR`. */
  readonly handleOwn: VerifyHandler | undefined;
  /** Waits until keys can be verified, but not for long: Postgres may be gone. */
  settled(): Promise<void>;
  /** For leak reports, which share the limits of verification. */
  readonly leakDoors: LeakDoors;
  /** Hands in what was counted and closes its connections. */
  stop(): Promise<void>;
}

/** Milliseconds between two flushes of what was counted: what a kill loses at most. */
const flushMs = 1_000;
/** Milliseconds that a start waits for the first connection. */
const settleMs = 5_000;
/** Milliseconds that the last flush may take. */
const lastFlushMs = 3_000;

const loopback = ['127.0.0.0/8', '::1/128'];

/** Opens connections of its own, so that nothing else in the process delays a verification, and begins to flush. */
export function startVerification(deps: Deps): Verification {
  const { env, log } = deps;
  const url = env.DATABASE_URL.reveal();
  const onError = (error: unknown): void => {
    log.error(errorFields(error), 'A verification failed');
  };
  const db = createDatabase({
    url,
    max: 3,
    applicationName: 'usher-usage',
    connectTimeoutMs: 2_000,
    queryTimeoutMs: 5_000,
    onError: () => undefined,
  });
  const keys = createKnownKeys(env.KEYS_CACHE_ENTRIES);
  const lookups = createLookups({
    url,
    timeoutMs: answerWithinMs,
    onChange: (up, error) => {
      if (up) log.info({}, 'Keys are verified again');
      else if (error !== undefined)
        log.warn(errorFields(error), 'Keys cannot be verified: Postgres does not answer');
    },
  });
  const looks = createLooks({
    url,
    timeoutMs: answerWithinMs,
    keys,
    onChange: (_up, error) => {
      // Of an outage the look-ups tell.
      if (error !== undefined && !isOutage(error))
        log.error(
          errorFields(error),
          'Known keys are read each time: the log of changes cannot be read',
        );
    },
  });
  const charges = createCharges({ url, timeoutMs: answerWithinMs });
  const foreign = createForeignHashes({ db, url, timeoutMs: answerWithinMs });
  const upgrades = createPepperUpgrades(db, deps.apiKeys.hasher, () => {
    keys.remove('any');
  });
  const usage = createUsage((charge, deadline) => charges.make(charge, deadline));
  const firstUses = createFirstUses({
    db,
    outbox: deps.outbox,
    onError: (error) => {
      log.warn(errorFields(error), 'The first use of a key could not be noted; its next use is');
    },
  });
  const lease = env.KEYS_CACHE === 'lease' ? startLease(deps, keys) : undefined;
  const flush = createUsageFlush({ db, firstUses, usage });
  const counters = new Map(
    VerificationCode.options.map((code) => [
      code,
      deps.metrics.apiKeyAttempts.of(code.toLowerCase()),
    ]),
  );
  const counted = (code: VerificationCode): void => counters.get(code)?.();
  const verifier = createVerifier({
    ...deps.apiKeys,
    lookups,
    looks,
    usage,
    failures: deps.keyFailures,
    foreign,
    upgrades,
    recall: createRecall({ keys, usage }),
    lease,
    counted,
    onError,
  });
  const loop = startLoop({
    name: 'usage flush',
    everyMs: flushMs,
    log,
    round: async () => {
      await flush.run();
      await upgrades.run();
      return false;
    },
  });

  void lookups
    .opened()
    .then(() => hasLaggingStandbys(db))
    .then((lagging) => {
      if (lagging)
        log.warn(
          {},
          'Postgres has standbys that commits do not wait for: after a failover to one, keys that were ended may be good again',
        );
    })
    .catch(() => undefined);

  const handlerFor = (allowed: VerifyCallersOptions['allowed']): VerifyHandler =>
    createVerifyHandler({
      verifier,
      counted,
      callers: createVerifyCallers({
        allowed,
        proxies: env.TRUSTED_PROXIES,
        db,
        withinMs: answerWithinMs,
        serviceKeys: deps.serviceKeys,
      }),
    });
  const isOpenHere = env.VERIFY_ALLOW_CIDRS.length > 0 || env.APP_ENV === 'dev';
  return {
    handle: handlerFor(
      env.VERIFY_ALLOW_CIDRS.length > 0 || !isOpenHere ? env.VERIFY_ALLOW_CIDRS : loopback,
    ),
    handleOwn: isOpenHere ? undefined : handlerFor('all'),
    async settled() {
      const opened = Promise.all([lookups.opened(), lease?.opened()]);
      await Promise.race([opened, sleep(settleMs, undefined, { ref: false })]);
    },
    leakDoors: createLeakDoors({
      failures: deps.keyFailures,
      foreign,
      hasher: deps.apiKeys.hasher,
    }),
    async stop() {
      const finish = async (): Promise<void> => {
        await loop.stop();
        await flush.run();
        await firstUses.stop();
      };
      await Promise.race([finish().catch(onError), sleep(lastFlushMs, undefined, { ref: false })]);
      await Promise.all([
        lease?.close(),
        looks.close(),
        lookups.close(),
        charges.close(),
        foreign.close(),
      ]);
      await db.close();
    },
  };
}

/** Cached mode: what is known holds for a lease after each look into the log. */
function startLease({ env, log }: Deps, keys: KnownKeys): Lease {
  const leaseMs = env.KEYS_LEASE_MS;
  return holdLease({
    url: env.DATABASE_URL.reveal(),
    keys,
    leaseMs,
    onChange: (state, error) => {
      if (state === 'held')
        log.info({ lease_ms: leaseMs }, 'Keys that are good are remembered for a lease');
      else if (state === 'lost')
        log.warn(errorFields(error), 'Keys are verified strictly: the lease is lost');
      else
        log.warn(
          { lease_ms: leaseMs },
          'Keys are verified strictly: KEYS_LEASE_MS is above what barriers wait for; run `bin/usher lease set` first',
        );
    },
  });
}
