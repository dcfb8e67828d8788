import type { Knex } from 'knex';

const tables = [
  'audit_entries',
  'audit_log',
  'audit_pii',
  'audit_restored',
  'audit_restored_pii',
  'audit_tenant_heads',
  'invite_tokens',
  'invites',
  'mails',
  'memberships',
  'onboarding_events',
  'onboarding_inputs',
  'onboarding_steps',
  'onboardings',
  'orders',
  'secret_accesses',
  'secrets',
  'step_attempts',
  'tenant_resources',
  'tenant_slugs',
  'token_rotations',
  'user_workspaces',
];

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;
const isPartner = `current_setting('usher.scope', true) = 'partner'`;
const isOfPartner = `partner_id = nullif(current_setting('usher.partner', true), '')::uuid`;

/**
 * Whether a tenant is of the partner that asks becomes a function. As a subquery it was made ready, row-level security
 * of `tenants` included, for each table of each statement, whoever asked: a fifth of what reading an onboarding cost.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function partner_sees(tenant uuid) returns boolean
      language plpgsql stable security definer set search_path = pg_catalog, public
      as $$
      begin
        return exists (select 1 from public.tenants where id = tenant and ${isOfPartner});
      end
      $$;
    revoke all on function partner_sees(uuid) from public;
    grant execute on function partner_sees(uuid) to usher_app;
    ${tables
      .map(
        (table) => `alter policy app on ${table}
      using (${isAll} or ${isTenant} or (${isPartner} and partner_sees(tenant_id)));`,
      )
      .join('\n')}
  `);
}

/** Back to the subquery. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ${tables
      .map(
        (table) => `alter policy app on ${table}
      using (${isAll} or ${isTenant} or (${isPartner} and tenant_id in (select id from tenants where ${isOfPartner})));`,
      )
      .join('\n')}
    drop function partner_sees(uuid);
  `);
}
