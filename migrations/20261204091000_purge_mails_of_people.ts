import type { Knex } from 'knex';

const mailsOfNobody = `, gone_mails as (
        delete from mails where user_id in (select id from nobody) returning id
      ), gone_mail_secrets as (
        delete from secrets where owner_table = 'mails' and owner_id in (select id from gone_mails)
      )`;

// As it was created, line by line, so that `down` leaves what was there.
const purgeTenant = (more: string): string => `
    create or replace function purge_tenant(which uuid, most int) returns int
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
      )${more}
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
`;

/**
 * People whom a purge makes nobody lose the mails that belong to no tenant, too, such as those with a login link: they
 * hold the address and the name. What former purges left of them goes now, and does not come back.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(purgeTenant(mailsOfNobody));
  await knex.raw(`
    with gone_mails as (
      delete from mails as m using users as u
      where u.id = m.user_id and u.email = 'purged-' || u.id || '@purged.invalid' returning m.id
    )
    delete from secrets where owner_table = 'mails' and owner_id in (select id from gone_mails)
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(purgeTenant(''));
}
