import type { Knex } from 'knex';

/** Orders to bring a tenant's resource back to what it should be, and how far each has come. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table resource_repairs (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      resource_id uuid not null references tenant_resources,
      connector text not null,
      -- Whose inputs the steps of the connector are run with.
      onboarding_id uuid not null references onboardings,
      reason text not null,
      requested_by text not null,
      state text not null default 'open' check (state in ('open', 'done', 'failed')),
      -- Index of the present step; whether it is to be looked up before it is called, since it may stand; whether
      -- nobody knows how its last call ended.
      at_step int not null default 0,
      look_up boolean not null default true,
      in_doubt boolean not null default false,
      failures int not null default 0,
      next_attempt_at timestamptz,
      extract jsonb not null default '{}',
      attempts jsonb not null default '[]',
      problem text,
      driven_at timestamptz,
      request_id text,
      created_at timestamptz not null default now(),
      ended_at timestamptz
    );
    create unique index resource_repairs_open on resource_repairs (resource_id) where state = 'open';
    create index resource_repairs_tenant on resource_repairs (tenant_id, created_at);

    grant select, insert, update, delete on resource_repairs to usher_app;
    alter table resource_repairs enable row level security, force row level security;
    create policy app on resource_repairs to usher_app
      using (current_setting('usher.scope', true) = 'all'
        or tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid)
      with check (current_setting('usher.scope', true) = 'all'
        or tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid);
    create policy owner on resource_repairs to usher_owner using (true) with check (true);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table resource_repairs;');
}
