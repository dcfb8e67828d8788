import type { Knex } from 'knex';

/** What appending by API and reading need besides the log: deliveries told apart, and what waits to be in the log. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- What each caller has delivered, for ever: it outlives the entry's partition. The digest tells a repeated delivery
    -- from another one under the same name; without it, once a subject of the entry is erased, it counts as repeated.
    create table audit_dedupe (
      caller text not null,
      source text not null,
      external_id text not null,
      event_id uuid not null,
      content_hash bytea not null,
      salt bytea,
      digest bytea,
      primary key (caller, source, external_id)
    );
    create index audit_dedupe_event on audit_dedupe (event_id);
    grant insert on audit_dedupe to usher_app;

    create function audit_delivered(by_caller text, sources text[], external_ids text[])
      returns table (source text, external_id text, event_id uuid, content_hash bytea, salt bytea, digest bytea)
      language sql stable security definer set search_path = pg_catalog, public
      as 'select d.source, d.external_id, d.event_id, d.content_hash, d.salt, d.digest
          from unnest(sources, external_ids) as u(source, external_id)
          join public.audit_dedupe as d
            on d.caller = by_caller and d.source = u.source and d.external_id = u.external_id';
    revoke all on function audit_delivered(text, text[], text[]) from public;
    grant execute on function audit_delivered(text, text[], text[]) to usher_app;

    -- What a reader would miss: pending entries that it may see, by its own scope. Batches are taken lowest first and
    -- are much smaller than the cap, so that once the highest are gone all are. A reader need not see itself reading.
    create function audit_waiting(of_tenant uuid, out pids bigint[], out lag double precision, out silent boolean)
      language sql stable security definer set search_path = pg_catalog, public as $fn$
      select coalesce(array_agg(w.pid), '{}'),
        coalesce(extract(epoch from clock_timestamp() - min(w.appended_at)), 0)::double precision,
        (select p.at < clock_timestamp() - interval '1 second' from public.audit_pulse as p)
      from (
        select e.pid, e.appended_at from public.audit_pending as e
        where e.action <> 'audit.read' and (of_tenant is null or e.tenant_id = of_tenant)
          and (current_setting('usher.scope', true) = 'all'
            or e.tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid)
        order by e.pid desc limit 10000
      ) as w
    $fn$;
    create function audit_still_waiting(given bigint[]) returns bigint[]
      language sql stable security definer set search_path = pg_catalog, public
      as 'select coalesce(array_agg(e.pid), ''{}'') from public.audit_pending as e where e.pid = any(given)';

    -- The last entry that was sequenced by a time; 0 for none. What has the time of an entry has its number, too.
    create function audit_seq_at(moment timestamptz) returns bigint
      language sql stable security definer set search_path = pg_catalog, public as $fn$
      select coalesce((
        select l.seq from public.audit_log as l where l.sequenced_at <= moment
        order by l.sequenced_at desc, l.seq desc limit 1), 0)
    $fn$;
    revoke all on function audit_waiting(uuid), audit_still_waiting(bigint[]), audit_seq_at(timestamptz) from public;
    grant execute on function audit_waiting(uuid), audit_still_waiting(bigint[]), audit_seq_at(timestamptz) to usher_app;

    create index audit_actions_search on audit_actions using gin (lower(action) gin_trgm_ops);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index audit_actions_search;
    drop function audit_seq_at(timestamptz), audit_still_waiting(bigint[]), audit_waiting(uuid);
    drop function audit_delivered(text, text[], text[]);
    drop table audit_dedupe;
  `);
}
