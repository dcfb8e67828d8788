import type { Knex } from 'knex';

/**
 * When this database was last compared with the erasures that the object store knows. A copy that was restored from a
 * backup brings erased data back: its Postgres started after the comparison that it remembers, or its table is another
 * one than the comparison was noted in.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_comparisons (
      one boolean primary key default true check (one),
      at timestamptz not null,
      table_oid oid not null
    );

    -- 'never' until there was one: nothing was erased then, or nothing is kept outside of the database.
    create function audit_comparison() returns text
      language sql stable security definer set search_path = pg_catalog, public as $fn$
      select coalesce((
        select case when c.at > pg_postmaster_start_time() and c.table_oid = 'public.audit_comparisons'::regclass
          then 'done' else 'outdated' end
        from public.audit_comparisons as c), 'never')
    $fn$;
    create function audit_note_comparison() returns void
      language sql security definer set search_path = pg_catalog, public as $fn$
      insert into public.audit_comparisons (at, table_oid)
      values (clock_timestamp(), 'public.audit_comparisons'::regclass)
      on conflict (one) do update set at = excluded.at, table_oid = excluded.table_oid
    $fn$;
    revoke all on function audit_comparison(), audit_note_comparison() from public;
    grant execute on function audit_comparison(), audit_note_comparison() to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function audit_note_comparison(), audit_comparison();
    drop table audit_comparisons;
  `);
}
