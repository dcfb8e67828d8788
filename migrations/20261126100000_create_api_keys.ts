import type { Knex } from 'knex';

const tenantOwned = [
  'entitlements',
  'api_keys',
  'api_key_foreign_hashes',
  'key_rotations',
  'api_key_usage',
  'api_key_usage_days',
];

const readWrite = [...tenantOwned, 'products', 'current_pepper', 'verification_flushes'];

const isVisible = `current_setting('usher.scope', true) = 'all'
        or tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;

/** API keys, their rotations and use; what tenants are entitled to; what verifiers and barriers agree on. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The catalogue. A key that is asked for a product of it needs a live entitlement of its tenant.
    create table products (
      product text primary key check (product ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
      name text not null,
      description text not null default '',
      trial_days int not null default 14 check (trial_days between 1 and 365),
      requestable boolean not null default true,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );

    create table entitlements (
      tenant_id uuid not null references tenants,
      product text not null check (product ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
      status text not null check (status in ('trial', 'active', 'expired')),
      limits jsonb not null default '{}',
      -- Judged by whoever reads, on the database's clock: a trial ends without any worker.
      expires_at timestamptz,
      source text not null,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (tenant_id, product)
    );

    create table api_keys (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      name text not null,
      -- The tag and the first 8 random characters.
      prefix text not null,
      -- HMAC of the key under the pepper pepper_id; null while only a foreign hash is known.
      digest bytea unique check (length(digest) = 32),
      pepper_id text,
      environment text not null check (environment in ('live', 'test')),
      scopes text[] not null default '{}',
      role text check (role in ('owner', 'admin', 'client')),
      product text,
      allowed_cidrs cidr[] not null default '{}',
      -- rate_limit units of cost in each window of so many seconds, windows aligned to the epoch.
      rate_limit int check (rate_limit > 0),
      rate_window_seconds int check (rate_window_seconds between 1 and 86400),
      -- Units of cost in all, over the whole rotation family.
      usage_limit bigint check (usage_limit >= 0),
      usage_limit_strict boolean not null default false,
      expires_at timestamptz,
      -- The end that a rotation has set: least(expires_at, deadline, first use of the successor + overlap).
      ends_at timestamptz,
      -- The first key of the chain that this one was rotated from; counters belong to it.
      rotation_family_id uuid not null,
      first_used_at timestamptz,
      revoked_at timestamptz,
      revoked_by text,
      revoked_reason text,
      blocked_at timestamptz,
      blocked_by text,
      blocked_reason text,
      created_by text not null,
      created_by_admin boolean not null default false,
      imported boolean not null default false,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check ((digest is null) = (pepper_id is null)),
      check ((rate_limit is null) = (rate_window_seconds is null))
    );
    create index api_keys_tenant on api_keys (tenant_id, created_at desc, id desc);
    create index api_keys_pepper on api_keys (pepper_id) where revoked_at is null;
    create index api_keys_family on api_keys (rotation_family_id);

    -- Imported slow hashes (argon2id, t=1, m=64 MiB, p=4, 32 bytes), found by prefix; the first good use replaces them
    -- by a digest.
    create table api_key_foreign_hashes (
      key_id uuid primary key references api_keys on delete cascade,
      tenant_id uuid not null,
      prefix text not null,
      salt bytea not null,
      hash bytea not null check (length(hash) = 32),
      created_at timestamptz not null default now()
    );
    create index api_key_foreign_hashes_prefix on api_key_foreign_hashes (prefix);

    create table key_rotations (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      family_id uuid not null,
      old_key_id uuid not null references api_keys,
      -- Null while the rotation is only requested: nobody has minted a successor.
      new_key_id uuid unique references api_keys,
      state text not null check (state in
        ('requested', 'pending', 'overlapping', 'draining', 'completed', 'cancelled', 'rolled_back', 'compromised')),
      reason text not null,
      policy text not null default 'expire' check (policy in ('expire', 'extend')),
      overlap_seconds int not null default 86400 check (overlap_seconds between 0 and 2592000),
      deadline_at timestamptz,
      started_at timestamptz,
      first_used_at timestamptz,
      drained_at timestamptz,
      rollback_until timestamptz,
      extensions int not null default 0,
      reminders jsonb not null default '{}',
      requested_by text not null,
      driven_at timestamptz,
      request_id text,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      ended_at timestamptz,
      check (state in ('requested', 'cancelled') or new_key_id is not null)
    );
    create unique index key_rotations_open on key_rotations (old_key_id)
      where state in ('requested', 'pending', 'overlapping', 'draining');
    create index key_rotations_tenant on key_rotations (tenant_id, created_at desc);
    create index key_rotations_driven on key_rotations (driven_at)
      where state in ('requested', 'pending', 'overlapping', 'draining');

    -- What was counted of each key, written about once a second. cost and the window count for the whole family and
    -- stand in the row of its first key. The running day is here; what is over goes to api_key_usage_days.
    create table api_key_usage (
      key_id uuid primary key references api_keys on delete cascade,
      tenant_id uuid not null,
      requests bigint not null default 0,
      last_used_at timestamptz,
      last_ip inet,
      cost bigint not null default 0,
      window_start timestamptz,
      window_cost bigint not null default 0,
      day date,
      day_requests bigint not null default 0,
      day_cost bigint not null default 0
    ) with (fillfactor = 70);

    create table api_key_usage_days (
      key_id uuid not null references api_keys on delete cascade,
      day date not null,
      -- VALID for days that are over; refusals as they happen.
      code text not null,
      tenant_id uuid not null,
      requests bigint not null,
      cost bigint not null default 0,
      primary key (key_id, day, code)
    );

    -- The last sequence that each running process has flushed: a repeated flush adds nothing.
    create table verification_flushes (
      instance_id uuid primary key,
      sequence bigint not null,
      at timestamptz not null default now()
    );

    -- The pepper that new digests are made with, once it has been promoted or first used.
    create table current_pepper (
      id boolean primary key default true check (id),
      pepper_id text not null,
      promoted_by text not null,
      promoted_at timestamptz not null default now()
    );

    -- The longest lease that any verifier may hold; every barrier waits for it. 0: all of them run strict.
    create table verification_settings (
      id boolean primary key default true check (id),
      max_lease_ms int not null default 0 check (max_lease_ms between 0 and 60000),
      updated_by text not null default 'system:migrate',
      updated_at timestamptz not null default now()
    );
    insert into verification_settings default values;

    -- Moves with every change that a cached verification could miss.
    create table verification_epoch (
      id boolean primary key default true check (id),
      n bigint not null default 1
    );
    insert into verification_epoch default values;

    ${readWrite.map((table) => `grant select, insert, update, delete on ${table} to usher_app;`).join('\n')}
    grant select, update on verification_settings to usher_app;
    grant select on verification_epoch to usher_app;

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
    drop table verification_epoch, verification_settings, current_pepper, verification_flushes, api_key_usage_days,
      api_key_usage, key_rotations, api_key_foreign_hashes, api_keys, entitlements, products;
  `);
}
