import { Client } from 'pg';
import { SetupError, systemCode } from './setup-error';

/** The database of Usher. */
export const databaseName = 'usher';

/**
 * Roles of the application; none is a superuser, passes row-level security or is a member of
 * another.
 */
export const databaseRoles = ['usher_owner', 'usher_app', 'usher_sequencer'] as const;

/** One of the application's roles. */
export type DatabaseRole = (typeof databaseRoles)[number];

/** Time limits of each role, as in production (deploy/postgres/create-roles.sh). */
export const roleTimeouts: Readonly<Record<DatabaseRole, Readonly<Record<string, string>>>> = {
  usher_owner: { lock_timeout: '5s' },
  usher_app: {
    statement_timeout: '15s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '30s',
  },
  usher_sequencer: {
    statement_timeout: '60s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '60s',
  },
};

/** Connects as superuser; explains a password that the data folder does not know. */
async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return client;
  } catch (error) {
    if (systemCode(error) !== '28P01') throw error;
    throw new SetupError(
      'PostgreSQL does not accept the superuser password in the secrets file: the data folder was made with other secrets.',
      'Restore the secrets file that belongs to it, or begin anew with bin/dev --reset.',
      error,
    );
  }
}

/**
 * Makes the roles and the database where they are missing, and sets the roles' passwords.
 * Repeatable.
 */
export async function prepareRoles(
  superUrl: string,
  passwords: Readonly<Record<DatabaseRole, string>>,
): Promise<void> {
  const client = await connect(superUrl);
  try {
    const roles = await client.query<{ rolname: string }>('select rolname from pg_roles');
    const present = new Set(roles.rows.map(({ rolname }) => rolname));
    for (const role of databaseRoles) {
      const verb = present.has(role) ? 'alter' : 'create';
      const password = client.escapeLiteral(passwords[role]);
      await client.query(
        `${verb} role ${role} with login nosuperuser nobypassrls nocreatedb nocreaterole noinherit noreplication password ${password}`,
      );
      for (const [name, value] of Object.entries(roleTimeouts[role])) {
        await client.query(`alter role ${role} set ${name} = '${value}'`);
      }
    }
    const databases = await client.query('select 1 from pg_database where datname = $1', [
      databaseName,
    ]);
    if (databases.rowCount === 0) {
      await client.query(`create database ${databaseName} owner usher_owner template template0`);
    }
    await client.query(`revoke all on database ${databaseName} from public`);
    await client.query(`grant connect on database ${databaseName} to usher_app, usher_sequencer`);
  } finally {
    await client.end();
  }
}
