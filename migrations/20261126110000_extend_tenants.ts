import type { Knex } from 'knex';

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;
const isPartner = `(current_setting('usher.scope', true) = 'partner' and tenant_id in
  (select id from tenants where partner_id = nullif(current_setting('usher.partner', true), '')::uuid))`;

const membershipsWith = (status: string): string => `
  create or replace function find_memberships(who uuid)
    returns table (id uuid, scope text, tenant_id uuid, tenant_slug text, tenant_status text, partner_id uuid,
      role text, origin text)
    language sql stable security definer set search_path = pg_catalog, public
    as 'select m.id, m.scope, m.tenant_id, t.slug, ${status}, m.partner_id, m.role, m.origin
        from public.memberships m left join public.tenants t on t.id = m.tenant_id
        where m.user_id = who and m.withdrawn_at is null';`;

/** What the registry keeps of a tenant beyond its name: contract, billing, slugs of before, its way through the statuses. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table tenants
      add column erp_customer_id text,
      add column stripe_customer_id text,
      add column contract_start date,
      add column contract_end date,
      add column primary_domain text,
      add column seats int check (seats >= 1),
      add column billing jsonb not null default '{}',
      add column frozen_at timestamptz,
      add column frozen_reason text check (frozen_reason in ('cancelled', 'trial-ended')),
      add column archived_at timestamptz,
      -- former_status is what a suspension returns to, deleted_from what a restore returns to.
      add column deleted_from text,
      add column deleted_at timestamptz,
      add column deleted_by text,
      add column deleted_reason text,
      add column purge_at timestamptz,
      add column purging_at timestamptz,
      add column purging_by text,
      add column purging_reason text,
      add column purged_at timestamptz,
      add constraint tenants_contract check (contract_end >= contract_start);
    update tenants set deleted_from = former_status, former_status = null, deleted_at = updated_at,
      deleted_by = 'system:migration', purge_at = updated_at + interval '30 days'
      where status = 'deleted';
    create index tenants_list on tenants (created_at desc, id desc);
    create index tenants_trial on tenants (trial_ends_at) where status = 'trial';
    create index tenants_purge on tenants (purge_at) where status = 'deleted';

    -- A trial is over at its end, whether or not anybody has moved the row yet.
    create function effective_status(status text, trial_ends_at timestamptz) returns text
      language sql stable
      as $fn$ select case when status = 'trial' and trial_ends_at <= now() then 'frozen' else status end $fn$;
    revoke all on function effective_status(text, timestamptz) from public;
    grant execute on function effective_status(text, timestamptz) to usher_app, usher_sequencer;
    ${membershipsWith('public.effective_status(t.status, t.trial_ends_at)')}

    -- Every slug that a tenant has or had: old ones lead to the new one and are nobody else's.
    create table tenant_slugs (
      slug text primary key,
      tenant_id uuid not null references tenants,
      created_at timestamptz not null default now()
    );
    create index tenant_slugs_tenant on tenant_slugs (tenant_id);
    insert into tenant_slugs (slug, tenant_id) select slug, id from tenants;
    grant select, insert, update, delete on tenant_slugs to usher_app;
    alter table tenant_slugs enable row level security, force row level security;
    create policy app on tenant_slugs to usher_app
      using (${isAll} or ${isTenant} or ${isPartner}) with check (${isAll} or ${isTenant});
    create policy owner on tenant_slugs to usher_owner using (true) with check (true);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table tenant_slugs;
    ${membershipsWith('t.status')}
    drop function effective_status(text, timestamptz);
    drop index tenants_purge, tenants_trial, tenants_list;
    alter table tenants
      drop constraint tenants_contract,
      drop column purged_at, drop column purging_reason, drop column purging_by, drop column purging_at,
      drop column purge_at, drop column deleted_reason, drop column deleted_by, drop column deleted_at,
      drop column deleted_from, drop column archived_at, drop column frozen_reason, drop column frozen_at,
      drop column billing, drop column seats, drop column primary_domain, drop column contract_end,
      drop column contract_start, drop column stripe_customer_id, drop column erp_customer_id;
  `);
}
