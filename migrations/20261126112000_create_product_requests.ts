import type { Knex } from 'knex';

const tables = ['product_requests', 'product_trials'];
const isVisible = `current_setting('usher.scope', true) = 'all'
        or tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;

/** What tenants ask for from the catalogue, and the trials they have of it; a trial's end stands in its entitlement. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table product_requests (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      product text not null references products,
      note text,
      status text not null default 'open' check (status in ('open', 'granted', 'declined')),
      requested_by text not null,
      decided_by text,
      decided_reason text,
      created_at timestamptz not null default now(),
      decided_at timestamptz
    );
    create unique index product_requests_open on product_requests (tenant_id, product) where status = 'open';
    create index product_requests_list on product_requests (created_at desc, id desc);

    create table product_trials (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      product text not null references products,
      note text,
      requested_by text not null,
      started_at timestamptz not null default now(),
      -- Once: an operator may move the end out a single time.
      extended_at timestamptz,
      -- The end that was warned of; one that is moved is warned of anew.
      warned_for timestamptz,
      ended_at timestamptz,
      end_reason text check (end_reason in ('expired', 'granted', 'withdrawn')),
      driven_at timestamptz,
      unique (tenant_id, product)
    );
    create index product_trials_open on product_trials (driven_at nulls first) where ended_at is null;
    ${tables
      .map(
        (table) => `
    grant select, insert, update, delete on ${table} to usher_app;
    alter table ${table} enable row level security, force row level security;
    create policy app on ${table} to usher_app using (${isVisible}) with check (${isVisible});
    create policy owner on ${table} to usher_owner using (true) with check (true);`,
      )
      .join('\n')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table product_trials, product_requests;');
}
