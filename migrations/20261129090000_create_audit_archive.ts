import type { Knex } from 'knex';

/** Ranges of the log that are moved to the object store, the keys that their personal data is sealed under, and what was fetched back. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One range of the log on its way into the object store. n is its place in the chain of manifests; attempt grows
    -- when its objects have to be made anew under other names. Digests are written before anything is uploaded.
    create table audit_batches (
      id uuid primary key,
      n bigint not null unique check (n > 0),
      origin text not null,
      from_seq bigint not null check (from_seq > 0),
      to_seq bigint not null check (to_seq >= from_seq),
      state text not null default 'planned' check (state in ('planned', 'stored', 'confirmed', 'pruned')),
      requested_by text not null,
      planned_at timestamptz not null default clock_timestamp(),
      attempt int not null default 1 check (attempt > 0),
      locked_until timestamptz,
      leaves_key text,
      leaves_sha256 bytea check (octet_length(leaves_sha256) = 32),
      leaves_bytes bigint,
      personal_key text,
      personal_sha256 bytea check (octet_length(personal_sha256) = 32),
      personal_bytes bigint,
      manifest text,
      manifest_key text,
      manifest_sha256 bytea check (octet_length(manifest_sha256) = 32),
      replaced_manifests bytea[] not null default '{}',
      built_at timestamptz,
      stored_at timestamptz,
      confirmed_at timestamptz,
      prune_after timestamptz,
      verified_at timestamptz,
      pruned_at timestamptz,
      pruned_by uuid,
      tries int not null default 0,
      not_before timestamptz,
      problem text,
      problem_at timestamptz,
      -- Since when there has been a problem at every try.
      troubled_at timestamptz,
      driven_at timestamptz not null default clock_timestamp(),
      check (state = 'planned' or (leaves_sha256 is not null and personal_sha256 is not null and manifest_sha256 is not null)),
      check ((state in ('confirmed', 'pruned')) = (confirmed_at is not null and prune_after is not null)),
      check ((state = 'pruned') = (pruned_at is not null and pruned_by is not null)),
      -- No entry is ever in two ranges.
      constraint audit_batches_apart exclude using gist (int8range(from_seq, to_seq, '[]') with &&)
    );
    create index audit_batches_open on audit_batches (planned_at) where state <> 'pruned';

    -- The key of a subject's personal data in the archive is derived from this salt and one sealed secret. Whoever
    -- deletes the row erases that data in all objects; later entries of the subject get another row.
    create table audit_subject_keys (
      id uuid primary key,
      subject text not null unique,
      salt bytea not null check (octet_length(salt) = 32),
      created_at timestamptz not null default clock_timestamp()
    );

    -- What operators ask of the archive; carried out by a worker, since the API may not write the log.
    create table audit_archive_runs (
      id uuid primary key,
      requested_by text not null,
      requested_at timestamptz not null default clock_timestamp(),
      planned int,
      problem text,
      done_at timestamptz
    );
    create table audit_restores (
      id uuid primary key,
      batch_id uuid not null references audit_batches (id),
      requested_by text not null,
      requested_at timestamptz not null default clock_timestamp(),
      state text not null default 'requested' check (state in ('requested', 'restored', 'refused', 'ended')),
      entries bigint,
      erased bigint,
      problem text,
      restored_at timestamptz,
      expires_at timestamptz,
      ended_at timestamptz,
      tries int not null default 0,
      not_before timestamptz,
      driven_at timestamptz not null default clock_timestamp()
    );
    create unique index audit_restores_open on audit_restores (batch_id) where state in ('requested', 'restored');

    -- Entries that were fetched back: the same rows, beside the log and never in it.
    create table audit_restored (
      like audit_log including constraints including storage,
      restore_id uuid not null references audit_restores (id),
      primary key (seq)
    );
    create index audit_restored_tenant on audit_restored (tenant_id, seq);
    create index audit_restored_id on audit_restored (id);
    create table audit_restored_pii (
      like audit_pii including constraints including storage,
      restore_id uuid not null references audit_restores (id),
      primary key (seq, part)
    );
    create index audit_restored_pii_subjects on audit_restored_pii using gin (subjects);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table audit_restored_pii, audit_restored, audit_restores, audit_archive_runs, audit_subject_keys,
      audit_batches;
  `);
}
