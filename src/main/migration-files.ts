import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

// Apart from migrate.ts: a process that only looks whether the schema is current loads no migrator.

/** The files of all migrations of this build, oldest first. */
export function migrationFiles(): string[] {
  const folder = join(__dirname, '..', '..', 'migrations');
  if (!existsSync(folder)) throw new Error(`There are no migrations at ${folder}: build first`);
  return readdirSync(folder)
    .filter((file) => /^\d{14}_\w+\.(?:js|ts)$/.test(file))
    .sort()
    .map((file) => join(folder, file));
}

/** Its name without the ending, so that compiled and source migrations are the same to the database. */
export function migrationName(file: string): string {
  return basename(file).replace(/\.(?:js|ts)$/, '');
}

/** The names of all migrations of this build, oldest first. */
export function migrationNames(): string[] {
  return migrationFiles().map(migrationName);
}
