import { loadConfig } from '../../platform/config';
import type { Config, VariableName } from '../../platform/config';
import { createDatabase } from '../../platform/db';
import type { Database } from '../../platform/db';
import type { CliIo } from './command';

const anyKey = Buffer.alloc(32).toString('base64');

// Stand in for what a command does not use; `settings` hands out none of them.
const unused: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://unused',
  KEYS_HASH_PEPPER: anyKey,
  SECRETS_KEY_RING: `unused:${anyKey}`,
  COOKIE_SECRET: anyKey,
};

/**
 * The named variables of the environment: a command needs only what it uses, so that an operator with nothing but
 * DATABASE_URL can list what is parked.
 * @throws ConfigError naming every bad or missing one among them
 */
export function settings<N extends VariableName>(
  env: NodeJS.ProcessEnv,
  names: readonly N[],
): Pick<Config, N> {
  const own: NodeJS.ProcessEnv = { ...unused };
  for (const name of names) {
    Reflect.deleteProperty(own, name);
    for (const variable of [name, `${name}_FILE`]) {
      const value = env[variable];
      if (value !== undefined) own[variable] = value;
    }
  }
  return loadConfig(own, 'cli');
}

/** Opens the database as usher_app, runs a command on it and closes it. */
export async function withDatabase<T>(io: CliIo, fn: (db: Database) => Promise<T>): Promise<T> {
  const { DATABASE_URL: url } = settings(io.env, ['DATABASE_URL']);
  const db = createDatabase({ url: url.reveal(), applicationName: 'usher-cli', max: 2 });
  try {
    return await fn(db);
  } finally {
    await db.close();
  }
}
