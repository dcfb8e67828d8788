import type { Knex } from 'knex';

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;

/** How far the workflow of each tenant has come: what it told, the export before a purge, and the purge itself. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table tenant_lifecycles (
      tenant_id uuid primary key references tenants,
      driven_at timestamptz,
      -- The status that the tenant's people were last told of.
      told_status text,
      -- The end of a trial that was warned of; one that is moved is warned of anew.
      trial_warned_for timestamptz,
      export_failures int not null default 0,
      export_next_at timestamptz,
      export_problem text,
      exported_at timestamptz,
      export_location text,
      export_bytes bigint,
      export_sha256 text,
      export_rows bigint,
      rows_purged bigint not null default 0,
      created_at timestamptz not null default now()
    );
    grant select, insert, update on tenant_lifecycles to usher_app;
    alter table tenant_lifecycles enable row level security, force row level security;
    create policy app on tenant_lifecycles to usher_app
      using (${isAll} or ${isTenant}) with check (${isAll} or ${isTenant});
    create policy owner on tenant_lifecycles to usher_owner using (true) with check (true);

    -- Deletes up to so many rows of a tenant that is being purged and was exported, and answers how many; 0 when
    -- nothing is left. Rows go child before parent, whatever tables there are by then; what has to outlive a tenant is
    -- named. People who belong to nothing else are made nobody.
    create function purge_tenant(which uuid, most int) returns int
      language plpgsql security definer set search_path = pg_catalog, public as $fn$
    declare
      owned record;
      gone int;
    begin
      perform 1 from tenants as t join tenant_lifecycles as l on l.tenant_id = t.id
        where t.id = which and t.status = 'purging' and t.purged_at is null and l.exported_at is not null;
      if not found then
        raise exception 'the tenant is not being purged, or was not exported' using errcode = 'check_violation';
      end if;

      with nobody as (
        select u.id from users as u
        where u.email <> ('purged-' || u.id || '@purged.invalid') and not u.staff
          and exists (select 1 from memberships as m where m.user_id = u.id and m.tenant_id = which)
          and not exists (select 1 from memberships as m where m.user_id = u.id and m.tenant_id is distinct from which)
        limit most
      ), gone_sessions as (
        delete from sessions where user_id in (select id from nobody)
      ), gone_links as (
        delete from login_links where user_id in (select id from nobody)
      ), gone_identities as (
        delete from user_identities where user_id in (select id from nobody)
      )
      update users set email = 'purged-' || id || '@purged.invalid', name = null, password_hash = null,
        status = 'deactivated', deactivated_at = coalesce(deactivated_at, now()), version = version + 1
      where id in (select id from nobody);
      get diagnostics gone = row_count;
      if gone > 0 then
        return gone;
      end if;

      for owned in
        with recursive tables as (
          select c.oid, c.relname from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not like 'audit%'
            and c.relname not in ('events', 'secret_accesses', 'tenant_lifecycles', 'tenant_slugs')
        ), depths as (
          select oid, 0 as depth from tables
          union
          select f.conrelid, d.depth + 1 from depths as d
            join pg_constraint as f on f.confrelid = d.oid and f.contype = 'f' and f.conrelid <> f.confrelid
            join tables as t on t.oid = f.conrelid
          where d.depth < 30
        )
        select t.relname as name, max(d.depth) as depth from tables as t join depths as d on d.oid = t.oid
        group by t.relname order by max(d.depth) desc, t.relname
      loop
        execute format(
          'delete from %1$I where (tableoid, ctid) in (select tableoid, ctid from %1$I where tenant_id = $1 limit $2)',
          owned.name) using which, most;
        get diagnostics gone = row_count;
        if gone > 0 then
          return gone;
        end if;
      end loop;
      return 0;
    end $fn$;
    revoke all on function purge_tenant(uuid, int) from public;
    grant execute on function purge_tenant(uuid, int) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function purge_tenant(uuid, int);
    drop table tenant_lifecycles;
  `);
}
