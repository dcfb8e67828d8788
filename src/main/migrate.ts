import { knex } from 'knex';
import type { Knex } from 'knex';
import { Client } from 'pg';
import { ConfigError, loadConfig } from '../platform/config';
import { migrationFiles, migrationName } from './migration-files';

interface Migration {
  readonly name: string;
  readonly file: string;
}

function migrationSource(): Knex.MigrationSource<Migration> {
  return {
    getMigrations: () =>
      Promise.resolve(migrationFiles().map((file) => ({ name: migrationName(file), file }))),
    getMigrationName: ({ name }) => name,
    getMigration: ({ file }) => import(file) as Promise<Knex.Migration>,
  };
}

const silent = (): void => undefined;

/** Any number that nothing else locks. */
const lockKey = 7_461_905_233;

/**
 * One change of the schema at a time; others wait. The lock ends with its connection, so that a process which was
 * killed leaves none: what is left of the migrator's own lock then is of a dead one.
 */
async function alone<T>(ownerUrl: string, fn: (database: Knex) => Promise<T>): Promise<T> {
  const guard = new Client({ connectionString: ownerUrl, application_name: 'usher-migrate' });
  // A lost connection shows in the statement that needs it.
  guard.on('error', silent);
  await guard.connect();
  try {
    await guard.query('set lock_timeout = 0');
    await guard.query('select pg_advisory_lock($1)', [lockKey]);
    return await withMigrator(ownerUrl, async (database) => {
      await database.migrate.forceFreeMigrationsLock();
      return fn(database);
    });
  } finally {
    await guard.end();
  }
}

async function withMigrator<T>(ownerUrl: string, fn: (database: Knex) => Promise<T>): Promise<T> {
  const database = knex({
    client: 'pg',
    connection: ownerUrl,
    pool: { min: 0, max: 2 },
    migrations: { migrationSource: migrationSource(), tableName: 'migrations' },
    // Whoever calls tells what went wrong, once.
    log: { warn: silent, error: silent, debug: silent, deprecate: silent },
  });
  try {
    return await fn(database);
  } finally {
    await database.destroy();
  }
}

/** Brings a database to the newest schema; returns the names of the migrations that ran. */
export function migrateUp(ownerUrl: string): Promise<string[]> {
  return alone(ownerUrl, async (database) => {
    const [, names] = (await database.migrate.latest()) as [number, string[]];
    // Readiness of api and worker compares these names with those of their build.
    await database.raw('grant select on migrations to usher_app');
    return names;
  });
}

/** Takes all migrations back; returns the names of those taken back. */
export function migrateDown(ownerUrl: string): Promise<string[]> {
  return alone(ownerUrl, async (database) => {
    const [, names] = (await database.migrate.rollback(undefined, true)) as [number, string[]];
    return names;
  });
}

/** Which migrations a database has and which it lacks. */
export function migrationStatus(ownerUrl: string): Promise<{ done: string[]; pending: string[] }> {
  return withMigrator(ownerUrl, async (database) => {
    const [done, pending] = (await database.migrate.list()) as [
      { name: string }[],
      { name?: string; file?: string }[],
    ];
    return {
      done: done.map(({ name }) => name),
      pending: pending.map((migration) => migration.name ?? migration.file ?? ''),
    };
  });
}

async function main(): Promise<void> {
  const config = loadConfig(process.env, 'migrate');
  const names = await migrateUp(config.DATABASE_OWNER_URL.reveal());
  console.log(
    names.length === 0
      ? 'The schema is current.'
      : `Migrated: ${names.map((name) => name.split('/').at(-1)).join(', ')}`,
  );
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(
      error instanceof ConfigError
        ? error.message
        : `The migration failed: ${error instanceof Error ? error.message : String(error)}\nNothing of the failed migration was kept. Mend the cause and run it again.`,
    );
    process.exitCode = 1;
  });
}
