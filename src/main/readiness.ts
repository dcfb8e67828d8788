import { comparisonOf } from '../domain/archive/tombstones';
import { missingPeppers } from '../domain/api-keys/peppers';
import type { KeyHasher } from '../platform/crypto/keys';
import type { Database } from '../platform/db';
import { migrationNames } from './migration-files';

/** What a process needs to do its work, and whether each of it is there. */
export interface Readiness {
  readonly ready: boolean;
  /** Name of the part → `ok`, or what is wrong. */
  readonly parts: Readonly<Record<string, string>>;
}

/** One part: resolves when it is there. */
export type Check = () => Promise<string>;

const timeoutMs = 2_000;

/** Asks all parts at once, each with a time limit of 2 s. */
export async function readinessOf(checks: Readonly<Record<string, Check>>): Promise<Readiness> {
  const entries = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await within(check)] as const),
  );
  return {
    ready: entries.every(([, state]) => state === 'ok'),
    parts: Object.fromEntries(entries),
  };
}

async function within(check: Check): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      resolve('does not answer');
    }, timeoutMs);
  });
  try {
    return await Promise.race([check().catch(() => 'not reachable'), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether Postgres answers and has every migration of this build. */
export function databaseCheck(db: Database): Check {
  const names = migrationNames();
  return async () => {
    const { rows } = await db.pool.query<{ name: string }>('select name from migrations');
    const done = new Set(rows.map(({ name }) => name));
    const missing = names.filter((name) => !done.has(name));
    return missing.length === 0 ? 'ok' : `lacks the migration ${String(missing[0])}: run migrate`;
  };
}

/**
 * Whether what was erased is erased in this database: a restored backup has it back until a worker has compared it with
 * the object store. Once it was well it stays so for this process: a Postgres that restarts under it stops nobody.
 */
export function erasureCheck(db: Database): Check {
  let isWell = false;
  return async () => {
    if (isWell) return 'ok';
    // A database that is away says so itself.
    const state = await comparisonOf(db).catch(() => undefined);
    if (state === undefined) return 'ok';
    if (state === 'outdated') {
      return 'wait for a worker that compares them with the object store, or run audit reapply-erasures';
    }
    isWell = true;
    return 'ok';
  };
}

/** Whether this process has the pepper that new keys are made with, and every one that keys still hang on. */
export function pepperCheck(db: Database, hasher: KeyHasher): Check {
  return async () => {
    // A database that is away says so itself.
    const missing = await missingPeppers(db, hasher).catch(() => undefined);
    if (!missing) return 'ok';
    const { current, inUse } = missing;
    if (current !== null) return `lacks the current pepper ${current}: set KEYS_HASH_PEPPER`;
    if (inUse.length === 0) return 'ok';
    return `lacks the pepper ${inUse.join(', ')}, which keys hang on: set KEYS_HASH_PEPPER`;
  };
}
