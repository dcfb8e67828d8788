import type { Knex } from 'knex';

/** What is watched: table, columns, events, and of whom a change is told: a key, a tenant or everybody. */
const watched = [
  {
    table: 'api_keys',
    // Nobody knows a key that is new.
    events: 'update or delete',
    about: `'k', 'id'`,
    columns: `id, tenant_id, digest, pepper_id, environment, scopes, role, product, allowed_cidrs, rate_limit,
      rate_window_seconds, usage_limit, usage_limit_strict, expires_at, ends_at, rotation_family_id, first_used_at,
      revoked_at, blocked_at`,
  },
  {
    table: 'tenants',
    events: 'update or delete',
    about: `'t', 'id'`,
    columns: 'id, slug, status, trial_ends_at',
  },
  {
    table: 'entitlements',
    events: 'insert or update or delete',
    about: `'t', 'tenant_id'`,
    columns: 'tenant_id, product, status, expires_at',
  },
  {
    table: 'products',
    events: 'insert or update or delete',
    about: `'*'`,
    columns: 'product',
  },
  {
    table: 'key_rotations',
    events: 'insert or update or delete',
    about: `'k', 'old_key_id'`,
    columns: 'old_key_id, new_key_id, state',
  },
] as const;

const epochSettings = {
  table: 'verification_settings',
  events: 'update',
  about: `'*'`,
  columns: 'max_lease_ms',
} as const;

/**
 * A log of what verifications read and what has changed, in the place of the epoch. A verifier that has read it up to
 * a snapshot asks for whatever that snapshot did not see, and needs no order of commits: writers wait for nobody.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table verification_changes (
      -- Of the transaction that the change is part of: visible when the change is.
      xid xid8 not null default pg_current_xact_id(),
      -- 'k' and a key's id, 't' and a tenant's, or '*' for everybody.
      about text not null,
      at timestamptz not null default now()
    );
    create index verification_changes_xid on verification_changes (xid) include (about);
    grant select on verification_changes to usher_app;

    -- The last transaction of which lines were swept: whoever has not seen it may have missed some.
    create table verification_swept (
      id boolean primary key default true check (id),
      xid xid8 not null default '0'
    );
    insert into verification_swept default values;
    grant select on verification_swept to usher_app;

    create function log_verification_change() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public
      as $fn$
      declare
        was uuid;
        is_now uuid;
        about text;
        told int := coalesce(nullif(current_setting('usher.changes', true), '')::int, 0) + 1;
      begin
        -- Many at a time are told as everybody.
        if told > 250 then return null; end if;
        perform set_config('usher.changes', told::text, true);
        if tg_argv[1] = 'id' then was := old.id; is_now := new.id;
        elsif tg_argv[1] = 'tenant_id' then was := old.tenant_id; is_now := new.tenant_id;
        elsif tg_argv[1] = 'old_key_id' then was := old.old_key_id; is_now := new.old_key_id;
        end if;
        about := case when tg_argv[0] = '*' or told = 250 or was <> is_now then '*'
          else tg_argv[0] || coalesce(is_now, was) end;
        insert into verification_changes (about) values (about);
        -- Only makes it earlier, for those who hold a lease. It takes a lock of the whole server at the commit.
        if (select max_lease_ms from verification_settings) > 0 then
          perform pg_notify('usher_verification', about);
        end if;
        return null;
      end $fn$;
    revoke all on function log_verification_change() from public;

    ${[...watched, epochSettings].map(({ table }) => `drop trigger verification_epoch on ${table};`).join('\n')}
    drop function move_verification_epoch();
    drop table verification_epoch;

    ${watched
      .map(
        ({ table, events, about, columns }) => `
    create trigger verification_changes after ${events.replace('update', `update of ${columns}`)} on ${table}
      for each row execute function log_verification_change(${about});`,
      )
      .join('\n')}

    -- Removes what every verifier that is at work has read, five minutes ago at least. Transactions that have not begun
    -- are those of another server, from its dump.
    create function sweep_verification_changes(most int) returns int
      language plpgsql security definer set search_path = pg_catalog, public
      as $fn$
      declare
        ended xid8 := pg_snapshot_xmin(pg_current_snapshot());
        next xid8 := pg_snapshot_xmax(pg_current_snapshot());
        last xid8;
        swept int;
      begin
        with gone as (
          delete from verification_changes where ctid = any (array(
            select c.ctid from verification_changes as c
            where c.xid < ended and c.at < now() - interval '5 minutes' or c.xid >= next
            order by c.xid limit most))
          returning xid)
        select max(xid) filter (where xid < ended), count(*) into last, swept from gone;
        update verification_swept set xid = coalesce(last, '0') where xid < last or xid >= next;
        return swept;
      end $fn$;
    revoke all on function sweep_verification_changes(int) from public;
    grant execute on function sweep_verification_changes(int) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ${watched.map(({ table }) => `drop trigger verification_changes on ${table};`).join('\n')}
    drop function sweep_verification_changes(int);
    drop function log_verification_change();
    drop table verification_changes, verification_swept;

    create table verification_epoch (
      id boolean primary key default true check (id),
      n bigint not null default 1
    );
    insert into verification_epoch default values;
    grant select on verification_epoch to usher_app;

    create function move_verification_epoch() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public
      as $fn$
      declare
        about text := tg_argv[0];
        moved text := current_setting('usher.epoch', true);
        epoch bigint;
        told int := 0;
      begin
        if (select max_lease_ms from verification_settings for share) = 0 then return null; end if;
        if moved is null or moved = '' then
          update verification_epoch set n = n + 1 returning n into epoch;
        else
          epoch := split_part(moved, ' ', 1);
          told := split_part(moved, ' ', 2);
        end if;
        perform set_config('usher.epoch', concat(epoch, ' ', told + 1), true);
        if about <> '*' then
          about := about || (case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> tg_argv[1]);
        end if;
        -- Many at a time are told as all of them: equal notifications of a transaction are one.
        perform pg_notify('usher_verification', concat(epoch, ' ', case when told < 100 then about else '*' end));
        return null;
      end $fn$;
    revoke all on function move_verification_epoch() from public;

    ${[...watched, epochSettings]
      .map(
        ({ table, events, about, columns }) => `
    create constraint trigger verification_epoch after ${events.replace('update', `update of ${columns}`)} on ${table}
      deferrable initially deferred for each row execute function move_verification_epoch(${about});`,
      )
      .join('\n')}
  `);
}
