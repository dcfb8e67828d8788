import type { Knex } from 'knex';

/** People, their sign-ins and roles; machine callers; partners and tenants they belong to. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table partners (
      id uuid primary key,
      slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'),
      name text not null,
      status text not null default 'active' check (status in ('active', 'terminated')),
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );

    create table tenants (
      id uuid primary key,
      slug text not null unique,
      name text not null,
      status text not null check (status in
        ('pending', 'trial', 'active', 'suspended', 'frozen', 'archived', 'deleted', 'purging')),
      former_status text,
      plan text not null default 'starter',
      kind text not null default 'customer',
      partner_id uuid references partners,
      sales_owner text,
      trial_ends_at timestamptz,
      activated_at timestamptz,
      suspended_at timestamptz,
      suspended_reason text,
      suspended_by text,
      -- Stable roll-out position, sha256(id) mod 100: widening a stage never removes anyone.
      bucket int not null check (bucket between 0 and 99),
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create index tenants_partner on tenants (partner_id) where partner_id is not null;
    create index tenants_status on tenants (status, id);

    create table users (
      id uuid primary key,
      email citext not null unique,
      name text,
      locale text not null default 'en',
      status text not null default 'active' check (status in ('active', 'deactivated')),
      staff boolean not null default false,
      password_hash text,
      password_set_at timestamptz,
      must_change_password boolean not null default false,
      temporary_password_expires_at timestamptz,
      activated_at timestamptz,
      deactivated_at timestamptz,
      version int not null default 1,
      created_at timestamptz not null default now()
    );

    create table user_identities (
      issuer text not null,
      subject text not null,
      user_id uuid not null references users,
      linked_at timestamptz not null default now(),
      -- When the newest token was issued whose groups the roles were brought in line with.
      groups_as_of timestamptz,
      primary key (issuer, subject)
    );
    create index user_identities_user on user_identities (user_id);

    create table memberships (
      id uuid primary key,
      user_id uuid not null references users,
      scope text not null check (scope in ('platform', 'tenant', 'partner')),
      tenant_id uuid references tenants,
      partner_id uuid references partners,
      role text not null,
      origin text not null default 'local',
      onboarding_id uuid,
      created_at timestamptz not null default now(),
      withdrawn_at timestamptz,
      check ((scope = 'tenant') = (tenant_id is not null)),
      check ((scope = 'partner') = (partner_id is not null))
    );
    create unique index memberships_platform on memberships (user_id, role, origin)
      where scope = 'platform' and withdrawn_at is null;
    create unique index memberships_tenant on memberships (user_id, tenant_id)
      where scope = 'tenant' and withdrawn_at is null;
    create unique index memberships_partner on memberships (user_id, partner_id)
      where scope = 'partner' and withdrawn_at is null;
    create index memberships_of_tenant on memberships (tenant_id) where withdrawn_at is null;

    create table sessions (
      id uuid primary key,
      token_hash bytea not null unique,
      user_id uuid not null references users,
      surface text not null check (surface in ('operator', 'partner', 'customer')),
      method text not null,
      created_at timestamptz not null default now(),
      last_seen_at timestamptz not null default now(),
      expires_at timestamptz not null,
      idle_seconds int not null,
      authenticated_at timestamptz not null default now(),
      ended_at timestamptz
    );
    create index sessions_user on sessions (user_id) where ended_at is null;

    create table login_links (
      id uuid primary key,
      token_hash bytea not null unique,
      user_id uuid not null references users,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      used_at timestamptz
    );
    create index login_links_user on login_links (user_id);

    -- State and nonce of sign-ins that are at the identity provider at the moment.
    create table oidc_flows (
      state_hash bytea primary key,
      issuer_name text not null,
      secret_id uuid not null,
      invite_token_hash bytea,
      return_to text,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );

    create table service_accounts (
      id uuid primary key,
      name text not null,
      prefix text not null,
      key_digest bytea not null unique,
      pepper_id text not null,
      permissions text[] not null,
      allowed_cidrs cidr[] not null default '{}',
      created_by text not null,
      created_at timestamptz not null default now(),
      rotated_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz,
      version int not null default 1
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table service_accounts, oidc_flows, login_links, sessions, memberships, user_identities, users, tenants,
      partners;
  `);
}
