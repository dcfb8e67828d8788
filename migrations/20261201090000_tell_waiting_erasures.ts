import type { Knex } from 'knex';

/**
 * What verification needs to know of erasures whose control entry waits for its place: the personal data is gone with
 * the commit of the erasure, the entry that says so is in the log a moment later.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function audit_erasures_waiting(given text[]) returns setof text
      language sql stable security definer set search_path = pg_catalog, public
      as $fn$
      select e.core::jsonb #>> '{metadata,subject}' from public.audit_pending as e
      where e.kind = 'control' and e.action = 'audit.erased' and e.core::jsonb #>> '{metadata,subject}' = any(given)
    $fn$;
    revoke all on function audit_erasures_waiting(text[]) from public;
    grant execute on function audit_erasures_waiting(text[]) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function audit_erasures_waiting(text[])');
}
