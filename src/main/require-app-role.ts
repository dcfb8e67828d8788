import { ConfigError } from '../platform/config';
import type { Database } from '../platform/db';

/**
 * Refuses to run as a role that row-level security would not hold: a superuser, one with BYPASSRLS, the owner of the
 * tables, or one that can become another role.
 * @throws ConfigError
 */
export async function requireAppRole(db: Database): Promise<void> {
  const { rows } = await db.pool.query<{
    name: string;
    rolsuper: boolean;
    rolbypassrls: boolean;
    owns: boolean;
    member: boolean;
  }>(
    `select rolname as name, rolsuper, rolbypassrls,
       exists (select 1 from pg_class where relowner = pg_roles.oid and relkind in ('r', 'p')
         and relnamespace = 'public'::regnamespace) as owns,
       exists (select 1 from pg_auth_members where member = pg_roles.oid) as member
     from pg_roles where rolname = current_user`,
  );
  const [role] = rows;
  if (!role) return;
  const faults = [
    role.rolsuper ? 'is a superuser' : '',
    role.rolbypassrls ? 'may bypass row-level security' : '',
    role.owns ? 'owns tables' : '',
    role.member ? 'is a member of another role' : '',
  ].filter(Boolean);
  if (faults.length === 0) return;
  throw new ConfigError([
    `DATABASE_URL connects as ${role.name}, which ${faults.join(' and ')}: use the role usher_app`,
  ]);
}
