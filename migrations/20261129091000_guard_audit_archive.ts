import type { Knex } from 'knex';

const isTenant = `tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid`;
const isAll = `current_setting('usher.scope', true) = 'all'`;
const isPartner = `(current_setting('usher.scope', true) = 'partner' and tenant_id in
  (select id from tenants where partner_id = nullif(current_setting('usher.partner', true), '')::uuid))`;

const restored = ['audit_restored', 'audit_restored_pii'];
const readByApp = ['audit_batches', 'audit_archive_runs', 'audit_restores', 'audit_legal_holds'];

/**
 * Who may do what with the archive. The log can be shortened by one function only, which belongs to the owner of the
 * schema and believes nothing: not who calls it, nor what a batch says of itself without the times that only the
 * functions of this file write.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- While a hold stands, nothing it means is erased or dropped. Without tenant and subject it means everything.
    create table audit_legal_holds (
      id uuid primary key,
      tenant_id uuid,
      subject text,
      reason text not null,
      placed_by text not null,
      placed_at timestamptz not null default clock_timestamp(),
      lifted_by text,
      lifted_at timestamptz,
      check ((lifted_by is null) = (lifted_at is null))
    );

    create function audit_is_held(of_tenant uuid, of_subjects text[]) returns boolean
      language sql stable security definer set search_path = pg_catalog, public as $fn$
      select exists (
        select 1 from public.audit_legal_holds h where h.lifted_at is null
          and (h.tenant_id is null or h.tenant_id = of_tenant)
          and (h.subject is null or h.subject = any(of_subjects)))
    $fn$;

    -- Keys that stay what they are until the caller's transaction ends: whoever erases their subjects waits.
    create function audit_lock_keys(ids uuid[]) returns table (id uuid, subject text, salt bytea)
      language sql security definer set search_path = pg_catalog, public as $fn$
      select k.id, k.subject, k.salt from public.audit_subject_keys k where k.id = any(ids) order by k.id for key share
    $fn$;

    create function audit_confirm_batch(batch uuid, grace interval) returns boolean
      language sql security definer set search_path = pg_catalog, public as $fn$
      with confirmed as (
        update public.audit_batches set state = 'confirmed', confirmed_at = clock_timestamp(),
          prune_after = clock_timestamp() + greatest(grace, interval '0'), problem = null, problem_at = null,
          troubled_at = null, tries = 0,
          not_before = null
        where id = batch and state = 'stored' returning 1)
      select exists (select 1 from confirmed)
    $fn$;

    -- Its objects are not what they should be: they are made anew, under other names.
    create function audit_doubt_batch(batch uuid, why text) returns boolean
      language sql security definer set search_path = pg_catalog, public as $fn$
      with doubted as (
        update public.audit_batches set state = 'planned', attempt = attempt + 1,
          replaced_manifests = replaced_manifests || manifest_sha256, leaves_key = null, leaves_sha256 = null,
          leaves_bytes = null, personal_key = null, personal_sha256 = null, personal_bytes = null, manifest = null,
          manifest_key = null, manifest_sha256 = null, built_at = null, stored_at = null, confirmed_at = null,
          prune_after = null, verified_at = null, problem = why, problem_at = clock_timestamp()
        where id = batch and state in ('planned', 'stored', 'confirmed') and manifest_sha256 is not null returning 1)
      select exists (select 1 from doubted)
    $fn$;

    -- Says what the objects of a batch were found to be, just now.
    create function audit_verify_batch(batch uuid, found_leaves bytea, found_personal bytea, found_manifest bytea) returns boolean
      language sql security definer set search_path = pg_catalog, public as $fn$
      with verified as (
        update public.audit_batches set verified_at = clock_timestamp()
        where id = batch and state = 'confirmed' and leaves_sha256 = found_leaves
          and personal_sha256 = found_personal and manifest_sha256 = found_manifest returning 1)
      select exists (select 1 from verified)
    $fn$;

    -- Drops one partition of the log, and of the personal data beside it, when all of it is provably in the store.
    -- Returns how many entries that were; 0 when it was dropped before.
    create function audit_prune(first bigint, entry uuid) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public set lock_timeout = '2s' as $fn$
    declare
      part record;
      batch record;
      next_seq bigint;
      entries bigint;
      manifests text := '';
      moment text := to_json(to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
    begin
      select p.from_seq, p.to_seq, p.pruned_at into part
        from public.audit_partitions p where p.from_seq = first for update;
      if not found then raise exception 'There is no such partition' using errcode = 'UA001'; end if;
      if part.pruned_at is not null then return 0; end if;
      next_seq := part.from_seq;
      for batch in
        select b.id, b.from_seq, b.to_seq, b.state, b.prune_after, b.verified_at, b.manifest_sha256
        from public.audit_batches b where b.from_seq >= part.from_seq and b.from_seq < part.to_seq
        order by b.from_seq for update
      loop
        if batch.from_seq <> next_seq or batch.to_seq >= part.to_seq then
          raise exception 'The batches leave a gap' using errcode = 'UA001';
        end if;
        if batch.state <> 'confirmed' then
          raise exception 'A batch is not confirmed' using errcode = 'UA001';
        end if;
        if batch.prune_after > clock_timestamp() then
          raise exception 'The grace period is not over' using errcode = 'UA001';
        end if;
        if batch.verified_at is null or batch.verified_at < clock_timestamp() - interval '10 minutes' then
          raise exception 'A batch was not verified within 10 minutes' using errcode = 'UA001';
        end if;
        manifests := manifests || case when manifests = '' then '' else ',' end
          || '"' || encode(batch.manifest_sha256, 'hex') || '"';
        next_seq := batch.to_seq + 1;
      end loop;
      if next_seq <> part.to_seq then
        raise exception 'The partition is not wholly in batches' using errcode = 'UA001';
      end if;
      -- Whoever places a hold waits for this drop, or this one sees the hold.
      lock table public.audit_legal_holds in share mode;
      if exists (select 1 from public.audit_legal_holds h where h.lifted_at is null)
        and exists (select 1 from public.audit_log l where l.seq >= part.from_seq and l.seq < part.to_seq
          and audit_is_held(l.tenant_id, l.subjects)) then
        raise exception 'A legal hold stands' using errcode = 'UA002';
      end if;
      select count(*) into entries from public.audit_log l where l.seq >= part.from_seq and l.seq < part.to_seq;
      if entries <> part.to_seq - part.from_seq then
        raise exception 'The partition lacks entries' using errcode = 'UA001';
      end if;

      execute format('drop table public.%I', 'audit_pii_' || part.from_seq);
      execute format('drop table public.%I', 'audit_log_' || part.from_seq);
      update public.audit_partitions set pruned_at = clock_timestamp() where from_seq = part.from_seq;
      update public.audit_batches set state = 'pruned', pruned_at = clock_timestamp(), pruned_by = entry,
        problem = null, problem_at = null, troubled_at = null
        where from_seq >= part.from_seq and from_seq < part.to_seq;
      insert into public.audit_pending (id, kind, action, outcome, actor_id, target_ids, subjects, at, core, parts,
        part_subjects, part_salts, part_bodies, part_searches)
      values (entry, 'control', 'audit.pruned', 'success', 'system:audit', '{}', '{}', clock_timestamp(),
        '{"action":"audit.pruned","actor":{"id":"system:audit","type":"system"},"at":' || moment || ',"crud":"d","id":"'
          || entry || '","metadata":{"from_seq":' || part.from_seq || ',"manifests":[' || manifests || '],"to_seq":'
          || (part.to_seq - 1) || '},"outcome":"success","pii":[],"received_at":' || moment || ',"targets":[],"via":"usher"}',
        '{}', '{}', '{}', '{}', '{}');
      return entries;
    end $fn$;

    ${[
      'audit_is_held(uuid, text[])',
      'audit_lock_keys(uuid[])',
      'audit_confirm_batch(uuid, interval)',
      'audit_doubt_batch(uuid, text)',
      'audit_verify_batch(uuid, bytea, bytea, bytea)',
      'audit_prune(bigint, uuid)',
    ]
      .map(
        (name) => `
    revoke all on function ${name} from public;
    grant execute on function ${name} to usher_sequencer;`,
      )
      .join('\n')}

    alter table audit_legal_holds enable row level security, force row level security;
    create policy owner on audit_legal_holds to usher_owner using (true) with check (true);
    create policy app on audit_legal_holds to usher_app using (${isAll}) with check (${isAll});
    create policy sequencer on audit_legal_holds for select to usher_sequencer using (true);
    ${restored
      .map(
        (table) => `
    alter table ${table} enable row level security, force row level security;
    create policy owner on ${table} to usher_owner using (true) with check (true);
    create policy app on ${table} for select to usher_app using (${isAll} or ${isTenant} or ${isPartner});
    create policy sequencer on ${table} to usher_sequencer using (true) with check (true);`,
      )
      .join('\n')}

    grant select on ${[...restored, ...readByApp].join(', ')} to usher_app;
    grant insert (id, tenant_id, subject, reason, placed_by), update (lifted_by, lifted_at) on audit_legal_holds to usher_app;
    grant insert (id, requested_by) on audit_archive_runs to usher_app;
    grant insert (id, batch_id, requested_by) on audit_restores to usher_app;

    grant select on ${[...restored, ...readByApp].join(', ')}, audit_subject_keys to usher_sequencer;
    grant insert (id, n, origin, from_seq, to_seq, requested_by) on audit_batches to usher_sequencer;
    grant update (state, locked_until, leaves_key, leaves_sha256, leaves_bytes, personal_key, personal_sha256,
      personal_bytes, manifest, manifest_key, manifest_sha256, built_at, stored_at, tries, not_before, problem,
      problem_at, troubled_at, driven_at) on audit_batches to usher_sequencer;
    grant update (planned, problem, done_at) on audit_archive_runs to usher_sequencer;
    grant update (state, entries, erased, problem, restored_at, expires_at, ended_at, tries, not_before, driven_at)
      on audit_restores to usher_sequencer;
    grant insert, delete on audit_restored, audit_restored_pii to usher_sequencer;
    grant insert on audit_subject_keys to usher_sequencer;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    revoke all on ${[...restored, ...readByApp].join(', ')} from usher_app, usher_sequencer;
    revoke all on audit_subject_keys from usher_sequencer;
    ${restored
      .map(
        (table) => `
    drop policy sequencer on ${table};
    drop policy app on ${table};
    drop policy owner on ${table};
    alter table ${table} no force row level security, disable row level security;`,
      )
      .join('\n')}
    drop function audit_prune(bigint, uuid);
    drop function audit_verify_batch(uuid, bytea, bytea, bytea);
    drop function audit_doubt_batch(uuid, text);
    drop function audit_confirm_batch(uuid, interval);
    drop function audit_lock_keys(uuid[]);
    drop function audit_is_held(uuid, text[]);
    drop table audit_legal_holds;
  `);
}
