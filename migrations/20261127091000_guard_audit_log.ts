import type { Knex } from 'knex';

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;
const isPartner = `(current_setting('usher.scope', true) = 'partner' and tenant_id in
  (select id from tenants where partner_id = nullif(current_setting('usher.partner', true), '')::uuid))`;

const readByTenant = ['audit_log', 'audit_pii', 'audit_tenant_heads'];
const guarded = ['audit_pending', ...readByTenant];
const readByAll = ['audit_tiles', 'audit_head', 'audit_pulse', 'audit_actions', 'audit_partitions'];

/**
 * Append-only by grants: the application inserts pending entries and reads the log, the sequencer moves them, and
 * nobody may update or delete an entry. Nobody has a grant on a partition.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ${guarded
      .map(
        (table) => `
    alter table ${table} enable row level security, force row level security;
    create policy owner on ${table} to usher_owner using (true) with check (true);`,
      )
      .join('\n')}

    -- Entries of the log's own machinery are not the application's to write.
    create policy app on audit_pending for insert to usher_app
      with check ((${isAll} or ${isTenant}) and kind in ('own', 'foreign'));
    create policy sequencer_takes on audit_pending for select to usher_sequencer using (true);
    create policy sequencer_moves on audit_pending for delete to usher_sequencer using (true);
    create policy sequencer_tells on audit_pending for insert to usher_sequencer with check (kind = 'control');
    ${readByTenant
      .map(
        (table) => `
    create policy app on ${table} for select to usher_app using (${isAll} or ${isTenant} or ${isPartner});
    create policy sequencer on ${table} to usher_sequencer using (true) with check (true);`,
      )
      .join('\n')}

    grant insert on audit_pending to usher_app;
    grant select on ${[...readByTenant, ...readByAll].join(', ')} to usher_app;

    grant select, insert, delete on audit_pending to usher_sequencer;
    grant select, insert on audit_log, audit_pii, audit_actions to usher_sequencer;
    grant select, insert, update on audit_tiles, audit_tenant_heads to usher_sequencer;
    grant select, update on audit_head, audit_pulse to usher_sequencer;
    grant select on audit_partitions to usher_sequencer;

    revoke all on function audit_prepare_partitions(bigint) from public;
    grant execute on function audit_prepare_partitions(bigint) to usher_sequencer;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    revoke execute on function audit_prepare_partitions(bigint) from usher_sequencer;
    revoke all on audit_pending, ${[...readByTenant, ...readByAll].join(', ')} from usher_app, usher_sequencer;
    ${readByTenant.map((table) => `drop policy sequencer on ${table}; drop policy app on ${table};`).join('\n')}
    drop policy sequencer_tells on audit_pending;
    drop policy sequencer_moves on audit_pending;
    drop policy sequencer_takes on audit_pending;
    drop policy app on audit_pending;
    ${guarded
      .map(
        (table) => `
    drop policy owner on ${table};
    alter table ${table} no force row level security, disable row level security;`,
      )
      .join('\n')}
  `);
}
