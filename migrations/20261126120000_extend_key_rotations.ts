import type { Knex } from 'knex';

const tenantOwned = ['key_rotation_events', 'key_policies'];

const isVisible = `current_setting('usher.scope', true) = 'all'
        or tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;

/** What drives rotations beyond their clocks, what happened to them, and what tenants want done by itself. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table key_rotations
      add column note text,
      -- Time that one extension gives, how many there may be, and the idle time that ends the old key early.
      add column extend_seconds int not null default 86400 check (extend_seconds between 3600 and 604800),
      add column max_extensions int not null default 3 check (max_extensions between 1 and 10),
      add column quiet_seconds int check (quiet_seconds between 900 and 2592000),
      -- When the end of the old key was last fixed by a person or the policy.
      add column end_fixed_at timestamptz,
      -- The end that the old key had before, by a leak report: what a cancel returns to, and never passed.
      add column ends_before timestamptz,
      add constraint key_rotations_reason check (reason in ('routine', 'scheduled', 'leaked', 'compromised'));
    create index key_rotations_new on key_rotations (new_key_id) where new_key_id is not null;

    create table key_rotation_events (
      id bigint generated always as identity primary key,
      rotation_id uuid not null references key_rotations,
      tenant_id uuid not null,
      -- Made by the caller and unique, so that a deed that is repeated changes nothing.
      transition_id text not null,
      type text not null,
      from_state text,
      to_state text not null,
      data jsonb not null default '{}',
      actor text not null,
      reason text,
      request_id text,
      at timestamptz not null default clock_timestamp(),
      unique (rotation_id, transition_id)
    );

    create table key_policies (
      tenant_id uuid primary key references tenants,
      -- Age of a key at which a rotation is requested; null: never.
      rotate_after_days int check (rotate_after_days between 1 and 3650),
      on_leak text not null default 'revoke' check (on_leak in ('revoke', 'grace')),
      leak_grace_seconds int not null default 86400 check (leak_grace_seconds between 900 and 604800),
      updated_by text not null,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );

    alter table api_keys
      -- What staff have blocked the tenant's own people do not unblock.
      add column blocked_by_staff boolean not null default false,
      -- When readers of events were told that the key has expired.
      add column expiry_told_at timestamptz;
    create index api_keys_expiry on api_keys (expires_at)
      where expires_at is not null and expiry_told_at is null and revoked_at is null;
    create index api_keys_age on api_keys (tenant_id, created_at) where revoked_at is null;

    -- The peppers that keys which are not revoked hang on. A function of the owner, because row-level security would
    -- not let the index be skipped through: asked at every look at the readiness, over any number of keys.
    create function peppers_in_use() returns setof text
      language sql stable security definer set search_path = pg_catalog, public
      as $fn$
        with recursive used as (
          (select min(pepper_id) as id from public.api_keys where revoked_at is null)
          union all
          select (select min(k.pepper_id) from public.api_keys k where k.revoked_at is null and k.pepper_id > used.id)
          from used where used.id is not null
        )
        select id from used where id is not null
        union
        select pepper_id from public.service_accounts where revoked_at is null
      $fn$;
    revoke all on function peppers_in_use() from public;
    grant execute on function peppers_in_use() to usher_app;

    grant select, insert on key_rotation_events to usher_app;
    grant select, insert, update, delete on key_policies to usher_app;
    grant usage on sequence key_rotation_events_id_seq to usher_app;
    ${tenantOwned
      .map(
        (table) => `
    alter table ${table} enable row level security, force row level security;
    create policy app on ${table} to usher_app
      using (${isVisible})
      with check (${isVisible});
    create policy owner on ${table} to usher_owner using (true) with check (true);`,
      )
      .join('\n')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function peppers_in_use();
    drop index api_keys_age, api_keys_expiry;
    alter table api_keys drop column expiry_told_at, drop column blocked_by_staff;
    drop table key_policies, key_rotation_events;
    drop index key_rotations_new;
    alter table key_rotations
      drop constraint key_rotations_reason, drop column ends_before, drop column end_fixed_at,
      drop column quiet_seconds, drop column max_extensions, drop column extend_seconds, drop column note;
  `);
}
