import type { Knex } from 'knex';

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;

/** Signed heads of the log, the keys that sign them, and what the signing process is asked for. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_checkpoints (
      origin text not null,
      size bigint not null check (size > 0),
      root bytea not null check (octet_length(root) = 32),
      head_hash bytea not null check (octet_length(head_hash) = 32),
      note text not null,
      reason text not null check (reason in ('startup', 'interval', 'threshold', 'manual')),
      at timestamptz not null default clock_timestamp(),
      published_at timestamptz,
      primary key (origin, size)
    );
    create index audit_checkpoints_size on audit_checkpoints (size);
    create index audit_checkpoints_unpublished on audit_checkpoints (size) where published_at is null;

    -- Public keys only. A key signs checkpoints from since_size on, and up to until_size once it has a successor; both
    -- are null for one that waits for the checkpoint that both it and the key before it sign.
    create table audit_keys (
      vkey text primary key,
      origin text not null,
      n int not null,
      announced_by uuid,
      since_size bigint,
      until_size bigint,
      endorsement text,
      added_at timestamptz not null default clock_timestamp(),
      unique (origin, n)
    );

    -- What only a worker can sign, since the API has no keys: asked for by a row, answered in it.
    create table audit_signatures (
      id uuid primary key,
      kind text not null check (kind in ('checkpoint', 'tenant-head', 'export')),
      tenant_id uuid,
      claim jsonb not null default '{}',
      requested_by text not null,
      requested_at timestamptz not null default clock_timestamp(),
      note text,
      signed_at timestamptz
    );
    create index audit_signatures_open on audit_signatures (requested_at) where signed_at is null;
    alter table audit_signatures enable row level security, force row level security;
    create policy app on audit_signatures to usher_app using (${isAll} or ${isTenant}) with check (${isAll} or ${isTenant});
    create policy sequencer on audit_signatures to usher_sequencer using (true) with check (true);
    create policy owner on audit_signatures to usher_owner using (true) with check (true);

    alter table audit_head add column halted text;
    -- Set when the partition is dropped; its row stays, so that a reader knows what is only in the archive.
    alter table audit_partitions add column pruned_at timestamptz;

    grant select on audit_checkpoints, audit_keys to usher_app;
    grant select, insert on audit_signatures to usher_app;
    grant select, insert on audit_checkpoints, audit_keys to usher_sequencer;
    grant update (published_at) on audit_checkpoints to usher_sequencer;
    grant update (since_size, until_size, endorsement) on audit_keys to usher_sequencer;
    grant select, delete on audit_signatures to usher_sequencer;
    grant update (note, signed_at) on audit_signatures to usher_sequencer;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table audit_partitions drop column pruned_at;
    alter table audit_head drop column halted;
    drop table audit_signatures, audit_keys, audit_checkpoints;
  `);
}
