import type { Knex } from 'knex';

/** Erasing a person from the audit log: the one way besides the prune by which personal data of it goes away. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index audit_pii_subjects on audit_pii using gin (subjects);

    -- Erasures, for whoever carries them on outside of the database: a tombstone in the object store for each, so that
    -- a database that is restored from before can erase again.
    create table audit_erasures (
      id uuid primary key,
      subject text not null,
      at timestamptz not null default clock_timestamp(),
      parts bigint not null,
      tombstone_at timestamptz
    );
    create index audit_erasures_open on audit_erasures (at) where tombstone_at is null;
    grant select on audit_erasures to usher_app, usher_sequencer;
    grant update (tombstone_at) on audit_erasures to usher_sequencer;

    -- Deletes what the log holds of a subject, wherever it is, and tells of it in the log, in one transaction. The
    -- head is locked, so that nothing is moved meanwhile. Free text goes with any of its entry's subjects.
    create function audit_erase(whom text, entry uuid, by_actor text) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public as $fn$
    declare
      gone bigint := 0;
      n bigint;
      held boolean := false;
      events uuid[];
      more uuid[];
      moment text := to_json(to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
    begin
      if coalesce(whom, '') = '' or length(whom) > 500 or coalesce(by_actor, '') = '' then
        raise exception 'No subject, or nobody who erases it' using errcode = 'UA003';
      end if;
      perform 1 from public.audit_head for update;
      if to_regclass('public.audit_legal_holds') is not null then
        -- Whoever places a hold waits for this, or this one sees the hold.
        lock table public.audit_legal_holds in share mode;
        execute 'select exists (select 1 from public.audit_legal_holds h where h.lifted_at is null
            and (h.subject is null or h.subject = $1)
            and (h.tenant_id is null or exists (
              select 1 from public.audit_pii p where p.subjects && array[$1] and p.tenant_id = h.tenant_id)))'
          into held using whom;
        if held then raise exception 'A legal hold stands' using errcode = 'UA002'; end if;
      end if;

      with deleted as (delete from public.audit_pii where subjects && array[whom] returning event_id)
      select count(*), coalesce(array_agg(distinct event_id), '{}') into gone, events from deleted;

      -- Entries that have no place yet keep their commitments and lose their parts.
      with touched as (
        select e.pid, array_agg(u.part order by u.n) filter (where keep) as parts,
          array_agg(u.part_subjects order by u.n) filter (where keep) as part_subjects,
          array_agg(u.salt order by u.n) filter (where keep) as salts,
          array_agg(u.body order by u.n) filter (where keep) as bodies,
          array_agg(u.search order by u.n) filter (where keep) as searches,
          count(*) filter (where not keep) as lost
        from public.audit_pending e
        cross join lateral unnest(e.parts, e.part_subjects, e.part_salts, e.part_bodies, e.part_searches)
          with ordinality as u(part, part_subjects, salt, body, search, n)
        cross join lateral (select not (string_to_array(u.part_subjects, E'\\n') && array[whom]) as keep) as k
        where e.subjects && array[whom]
        group by e.pid
        having count(*) filter (where not keep) > 0
      ), changed as (
        update public.audit_pending e set parts = coalesce(t.parts, '{}'), part_subjects = coalesce(t.part_subjects, '{}'),
          part_salts = coalesce(t.salts, '{}'), part_bodies = coalesce(t.bodies, '{}'),
          part_searches = coalesce(t.searches, '{}')
        from touched t where e.pid = t.pid
        returning e.id, t.lost
      )
      select coalesce(sum(lost), 0), coalesce(array_agg(id), '{}') into n, more from changed;
      gone := gone + n;

      -- What was delivered under a name is remembered without what it said.
      update public.audit_dedupe set salt = null, digest = null where event_id = any(events || more);

      if to_regclass('public.audit_restored_pii') is not null then
        execute 'delete from public.audit_restored_pii where subjects && array[$1]' using whom;
        get diagnostics n = row_count;
        gone := gone + n;
      end if;
      if to_regclass('public.audit_subject_keys') is not null then
        execute 'delete from public.audit_subject_keys where subject = $1' using whom;
      end if;

      -- Made here from end to end: whoever may call this must not be able to write another control entry.
      insert into public.audit_pending (id, kind, action, outcome, actor_id, target_ids, subjects, at, core, parts,
        part_subjects, part_salts, part_bodies, part_searches)
      values (entry, 'control', 'audit.erased', 'success', by_actor, '{}', '{}', (moment::json #>> '{}')::timestamptz,
        '{"action":"audit.erased","actor":{"id":' || to_json(by_actor) || ',"type":' || to_json(split_part(by_actor, ':', 1))
          || '},"at":' || moment || ',"crud":"d","id":"' || entry || '","metadata":{"parts":' || gone || ',"subject":'
          || to_json(whom) || '},"outcome":"success","pii":[],"received_at":' || moment || ',"targets":[],"via":"usher"}',
        '{}', '{}', '{}', '{}', '{}');
      insert into public.audit_erasures (id, subject, parts) values (entry, whom, gone);
      return gone;
    end $fn$;
    revoke all on function audit_erase(text, uuid, text) from public;
    grant execute on function audit_erase(text, uuid, text) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function audit_erase(text, uuid, text);
    drop table audit_erasures;
    drop index audit_pii_subjects;
  `);
}
