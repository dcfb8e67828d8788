import type { Knex } from 'knex';

const tenantOwned = [
  'invites',
  'invite_tokens',
  'onboardings',
  'onboarding_steps',
  'step_attempts',
  'onboarding_events',
  'onboarding_inputs',
  'orders',
  'user_workspaces',
  'tenant_resources',
  'token_rotations',
  'memberships',
  'mails',
  'secrets',
  'secret_accesses',
  'audit_entries',
];

const appendOnly = ['audit_entries', 'secret_accesses', 'onboarding_events', 'rollout_changes'];

const readWrite = [
  'outbox_aggregates',
  'outbox',
  'events',
  'idempotency_keys',
  'rate_limits',
  'system_state',
  'secrets',
  'mails',
  'partners',
  'tenants',
  'users',
  'user_identities',
  'memberships',
  'sessions',
  'login_links',
  'oidc_flows',
  'service_accounts',
  'invites',
  'invite_tokens',
  'onboardings',
  'onboarding_steps',
  'step_attempts',
  'onboarding_inputs',
  'orders',
  'user_workspaces',
  'tenant_resources',
  'token_rotations',
  'connector_slots',
  'connector_paths',
  'connector_line',
  'rollout',
  'incidents',
];

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;
const isPartner = `(current_setting('usher.scope', true) = 'partner' and tenant_id in
  (select id from tenants where partner_id = nullif(current_setting('usher.partner', true), '')::uuid))`;

/** Rights of the application's role, row-level security, and the look-ups that have no tenant yet. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    revoke create on schema public from public;
    grant usage on schema public to usher_app, usher_sequencer;
    ${readWrite.map((table) => `grant select, insert, update, delete on ${table} to usher_app;`).join('\n')}
    ${appendOnly.map((table) => `grant select, insert on ${table} to usher_app;`).join('\n')}
    grant usage on all sequences in schema public to usher_app;

    ${tenantOwned
      .map(
        (table) => `
    alter table ${table} enable row level security, force row level security;
    create policy app on ${table} to usher_app
      using (${isAll} or ${isTenant} or ${isPartner})
      with check (${isAll} or ${isTenant});
    create policy owner on ${table} to usher_owner using (true) with check (true);`,
      )
      .join('\n')}

    alter table tenants enable row level security, force row level security;
    create policy app on tenants to usher_app
      using (${isAll}
        or id = nullif(current_setting('usher.tenant', true), '')::uuid
        or (current_setting('usher.scope', true) = 'partner'
            and partner_id = nullif(current_setting('usher.partner', true), '')::uuid))
      with check (${isAll} or id = nullif(current_setting('usher.tenant', true), '')::uuid);
    create policy owner on tenants to usher_owner using (true) with check (true);

    -- The holder of a link has no tenant yet: this one look-up finds it, by the hash of the token only.
    create function find_invite_by_token(hash bytea)
      returns table (tenant_id uuid, invite_id uuid, invite_token_id uuid)
      language sql stable security definer set search_path = pg_catalog, public
      as 'select t.tenant_id, t.invite_id, t.id from public.invite_tokens t where t.token_hash = hash';
    revoke all on function find_invite_by_token(bytea) from public;
    grant execute on function find_invite_by_token(bytea) to usher_app;

    -- Roles and memberships of the person who is signing in; tenants are not known before.
    create function find_memberships(who uuid)
      returns table (id uuid, scope text, tenant_id uuid, tenant_slug text, tenant_status text, partner_id uuid,
        role text, origin text)
      language sql stable security definer set search_path = pg_catalog, public
      as 'select m.id, m.scope, m.tenant_id, t.slug, t.status, m.partner_id, m.role, m.origin
          from public.memberships m left join public.tenants t on t.id = m.tenant_id
          where m.user_id = who and m.withdrawn_at is null';
    revoke all on function find_memberships(uuid) from public;
    grant execute on function find_memberships(uuid) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function find_memberships(uuid);
    drop function find_invite_by_token(bytea);
    drop policy owner on tenants;
    drop policy app on tenants;
    alter table tenants no force row level security, disable row level security;
    ${tenantOwned
      .map(
        (table) => `
    drop policy owner on ${table};
    drop policy app on ${table};
    alter table ${table} no force row level security, disable row level security;`,
      )
      .join('\n')}
    revoke all on all tables in schema public from usher_app;
    revoke all on all sequences in schema public from usher_app;
    revoke usage on schema public from usher_app, usher_sequencer;
  `);
}
