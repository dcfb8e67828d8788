import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { DomainError } from '../errors/problems';
import type { Config } from './config';
import type { RateLimit } from './config-values';
import { hmac } from './crypto/tokens';
import type { Database } from './db';

/**
 * The limits by name. `login-source` bounds one source over all accounts at ten times `login`, so that one password
 * cannot be tried on every account; `link` bounds login links, `api` all requests of one caller.
 */
export type RateLimitName = 'login' | 'login-source' | 'link' | 'accept' | 'invite-create' | 'api';

/**
 * Limits shared by all processes. Keys are stored as keyed digests only. A limit that is configured `off` allows
 * everything.
 */
export interface RateLimits {
  /** Takes points. @throws DomainError `rate-limited` with the seconds to wait when none are left */
  consume(name: RateLimitName, key: string, points?: number): Promise<void>;
  /** Looks without taking. @throws DomainError `rate-limited` when no point is left */
  check(name: RateLimitName, key: string): Promise<void>;
  /** Takes points after the fact, never refuses. */
  penalise(name: RateLimitName, key: string, points?: number): Promise<void>;
  /** Gives back points of a `consume` whose attempt turned out good. */
  reward(name: RateLimitName, key: string, points?: number): Promise<void>;
}

type Settings = Pick<
  Config,
  'RATE_LOGIN' | 'RATE_ACCEPT' | 'RATE_INVITE_CREATE' | 'RATE_API' | 'COOKIE_SECRET'
>;

/**
 * Builds the limits on the table `rate_limits` (one upsert per hit, exact under concurrency). While Postgres is gone
 * each process counts for itself in memory.
 */
export function createRateLimits(options: {
  readonly db: Database;
  readonly config: Settings;
}): RateLimits {
  const { config } = options;
  const [secret] = config.COOKIE_SECRET;
  if (!secret) throw new Error('COOKIE_SECRET is empty');
  const keyKey = hmac(secret.key, 'usher/rate-limits/v1');

  const configured: Readonly<Record<RateLimitName, RateLimit | null>> = {
    login: config.RATE_LOGIN,
    'login-source': config.RATE_LOGIN && {
      ...config.RATE_LOGIN,
      points: config.RATE_LOGIN.points * 10,
    },
    link: config.RATE_LOGIN,
    accept: config.RATE_ACCEPT,
    'invite-create': config.RATE_INVITE_CREATE,
    api: config.RATE_API,
  };
  const limiters = new Map<RateLimitName, RateLimiterAbstract>();
  for (const [name, limit] of Object.entries(configured)) {
    if (!limit) continue;
    limiters.set(name as RateLimitName, limiterOf(options.db, name, limit, limiters.size === 0));
  }
  const digest = (name: RateLimitName, key: string): string =>
    hmac(keyKey, `${name}\n${key}`).toString('base64url');

  return {
    async consume(name, key, points = 1) {
      const limiter = limiters.get(name);
      if (!limiter) return;
      await limiter.consume(digest(name, key), points).catch(refuse);
    },
    async check(name, key) {
      const limiter = limiters.get(name);
      const state = await limiter?.get(digest(name, key));
      if (state && limiter && state.consumedPoints >= limiter.points) refuse(state);
    },
    async penalise(name, key, points = 1) {
      await limiters.get(name)?.penalty(digest(name, key), points);
    },
    async reward(name, key, points = 1) {
      await limiters.get(name)?.reward(digest(name, key), points);
    },
  };
}

function limiterOf(
  db: Database,
  name: string,
  limit: RateLimit,
  sweeps: boolean,
): RateLimiterAbstract {
  const rate = { keyPrefix: name, points: limit.points, duration: limit.seconds };
  return new RateLimiterPostgres({
    ...rate,
    storeClient: db.pool,
    storeType: 'pool',
    tableName: 'rate_limits',
    tableCreated: true,
    // One of them removes expired rows of all, every five minutes, on a timer that keeps no process alive.
    clearExpiredByTimeout: sweeps,
    insuranceLimiter: new RateLimiterMemory(rate),
  });
}

function refuse(state: unknown): never {
  if (!(state instanceof RateLimiterRes)) throw state;
  throw new DomainError('rate-limited', {
    retryAfterSeconds: Math.max(1, Math.ceil(state.msBeforeNext / 1000)),
  });
}
