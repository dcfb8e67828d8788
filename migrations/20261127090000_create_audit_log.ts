import type { Knex } from 'knex';

/** Entries on their way into the log, the log by ranges of seq, personal data beside it, and the tree over it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create extension if not exists pg_trgm;

    -- Written in the transaction of the deed, without lock or read. The arrays hold the parts of personal data, one
    -- element a part; the columns beside core repeat it for queries.
    create table audit_pending (
      pid bigint generated always as identity primary key,
      id uuid not null,
      kind text not null check (kind in ('control', 'own', 'foreign')),
      tenant_id uuid,
      partner_id uuid,
      action text not null,
      outcome text not null check (outcome in ('success', 'failure', 'denied')),
      actor_id text,
      product text,
      source text,
      request_id text,
      target_ids text[] not null,
      subjects text[] not null,
      at timestamptz not null,
      core text not null check (octet_length(core) <= 32768),
      parts text[] not null,
      part_subjects text[] not null,
      part_salts bytea[] not null,
      part_bodies text[] not null,
      part_searches text[] not null,
      appended_at timestamptz not null default clock_timestamp(),
      check (cardinality(parts) = cardinality(part_subjects) and cardinality(parts) = cardinality(part_salts)
        and cardinality(parts) = cardinality(part_bodies) and cardinality(parts) = cardinality(part_searches))
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);

    -- The leaf is what is hashed, byte for byte. No foreign keys: entries outlive what they speak of.
    create table audit_log (
      seq bigint not null,
      id uuid not null,
      kind text not null,
      tenant_id uuid,
      tenant_seq bigint,
      partner_id uuid,
      action text not null,
      outcome text not null,
      actor_id text,
      product text,
      source text,
      request_id text,
      target_ids text[] not null,
      subjects text[] not null,
      at timestamptz not null,
      sequenced_at timestamptz not null,
      late boolean not null,
      leaf text not null,
      hash bytea not null check (octet_length(hash) = 32),
      primary key (seq),
      check ((tenant_id is null) = (tenant_seq is null))
    ) partition by range (seq);
    create index audit_log_id on audit_log (id);
    create index audit_log_tenant on audit_log (tenant_id, seq);
    create index audit_log_actor on audit_log (actor_id, seq);
    create index audit_log_action on audit_log (action, seq);
    create index audit_log_targets on audit_log using gin (target_ids);
    create index audit_log_request on audit_log (request_id) where request_id is not null;
    create index audit_log_sequenced on audit_log (sequenced_at, seq);
    create index audit_log_trouble on audit_log (seq) where outcome <> 'success';
    create index audit_log_late on audit_log (seq) where late;

    create table audit_pii (
      seq bigint not null,
      part text not null,
      tenant_id uuid,
      event_id uuid not null,
      subjects text[] not null,
      salt bytea not null check (octet_length(salt) = 32),
      body text not null,
      search text,
      primary key (seq, part)
    ) partition by range (seq);
    create index audit_pii_search on audit_pii using gin (search gin_trgm_ops) where search is not null;

    -- Tiles of C2SP tlog-tiles: at most 256 hashes each, appended only.
    create table audit_tiles (
      level smallint not null,
      idx bigint not null,
      hashes bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
      primary key (level, idx)
    );
    alter table audit_tiles alter column hashes set storage external;

    -- One row; its lock is the only thing that keeps two sequencers apart. origin is set at the first start.
    create table audit_head (
      one boolean primary key default true check (one),
      origin text,
      size bigint not null default 0,
      last_hash bytea not null default decode(repeat('00', 32), 'hex'),
      frontier bytea not null default '',
      system_identifier text,
      database_oid bigint,
      updated_at timestamptz not null default now()
    );
    insert into audit_head default values;
    -- When a sequencer was last heard of; not in the head, whose lock is held for whole batches.
    create table audit_pulse (
      one boolean primary key default true check (one),
      at timestamptz not null
    );
    insert into audit_pulse (at) values ('-infinity');

    create table audit_tenant_heads (
      tenant_id uuid primary key,
      tenant_seq bigint not null,
      hash bytea not null,
      last_seq bigint not null
    ) with (fillfactor = 70);

    -- Every action there ever was, so that a part of a name finds its actions without reading the log.
    create table audit_actions (
      action text primary key
    );

    create table audit_partitions (
      from_seq bigint primary key,
      to_seq bigint not null check (to_seq > from_seq),
      made_at timestamptz not null default now()
    );

    -- Makes partitions of log and personal data until there is one for a seq; returns the first seq without one.
    -- A partition holds about a week, so that what is over its time can be dropped, within bounds of whole tiles.
    create function audit_prepare_partitions(up_to bigint) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public as $fn$
    declare
      last record;
      upper bigint := 1;
      span bigint := 8192;
    begin
      select p.from_seq, p.to_seq, extract(epoch from clock_timestamp() - p.made_at) / 86400 as days
        into last from public.audit_partitions p order by p.from_seq desc limit 1;
      if found then
        upper := last.to_seq;
        while span < 262144 and span < (last.to_seq - last.from_seq) * 7 / greatest(last.days, 0.01) loop
          span := span * 2;
        end loop;
      end if;
      while upper <= up_to loop
        execute format('create table public.%I (like public.audit_log including constraints including storage)',
          'audit_log_' || upper);
        execute format('alter table public.audit_log attach partition public.%I for values from (%s) to (%s)',
          'audit_log_' || upper, upper, upper + span);
        execute format('create table public.%I (like public.audit_pii including constraints including storage)',
          'audit_pii_' || upper);
        execute format('alter table public.audit_pii attach partition public.%I for values from (%s) to (%s)',
          'audit_pii_' || upper, upper, upper + span);
        insert into public.audit_partitions (from_seq, to_seq, made_at) values (upper, upper + span, clock_timestamp());
        upper := upper + span;
      end loop;
      return upper;
    end $fn$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function audit_prepare_partitions(bigint);
    drop table audit_pending, audit_log, audit_pii, audit_tiles, audit_head, audit_pulse, audit_tenant_heads,
      audit_actions, audit_partitions;
    drop extension pg_trgm;
  `);
}
