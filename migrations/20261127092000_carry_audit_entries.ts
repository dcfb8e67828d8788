import type { Knex } from 'knex';

/**
 * Carries the entries of the plain table over into the log, and those that processes of the release before still
 * write: its rows become pending entries, and the table stays empty. It can be dropped in the next release.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function audit_hmac(key bytea, message text) returns bytea
      language plpgsql immutable set search_path = pg_catalog as $fn$
    declare
      inner_pad bytea := decode(repeat('36', 64), 'hex');
      outer_pad bytea := decode(repeat('5c', 64), 'hex');
    begin
      for at in 0 .. length(key) - 1 loop
        inner_pad := set_byte(inner_pad, at, get_byte(key, at) # 54);
        outer_pad := set_byte(outer_pad, at, get_byte(key, at) # 92);
      end loop;
      return sha256(outer_pad || sha256(inner_pad || convert_to(message, 'UTF8')));
    end $fn$;

    create function audit_subject(tenant uuid, of_type text, of_id text) returns text
      language sql immutable set search_path = pg_catalog as $fn$
      select case
        when of_id ~ '^(anonymous|system(:|$))' then null
        when of_id ~* '^([a-z_]+:){0,1}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
          then coalesce(nullif(split_part(of_id, ':', -2), ''), of_type) || ':' || lower(split_part(of_id, ':', -1))
        else coalesce(tenant::text, '-') || '/' || of_type || ':' || of_id end
    $fn$;

    create function audit_carry(e audit_entries) returns void
      language plpgsql security definer set search_path = pg_catalog, public as $fn$
    declare
      moment text := to_json(to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
      actor text := audit_subject(e.tenant_id, e.actor_type, e.actor_id);
      everybody text[];
      target_ids text[];
      targets text;
      metadata text;
      core text;
      parts text[] := '{}';
      part_subjects text[] := '{}';
      part_salts bytea[] := '{}';
      part_bodies text[] := '{}';
      part_searches text[] := '{}';
      commitments text := '';
      piece record;
      salt bytea;
    begin
      select coalesce(array_agg(t ->> 'id' order by n), '{}'),
        coalesce(string_agg('{"id":' || (t -> 'id')::text || ',"type":' || (t -> 'type')::text || '}', ',' order by n), ''),
        array_remove(array_agg(distinct audit_subject(e.tenant_id, t ->> 'type', t ->> 'id')) || actor, null)
        into target_ids, targets, everybody
        from jsonb_array_elements(e.targets) with ordinality as u(t, n);
      everybody := coalesce((select array_agg(distinct s) from unnest(everybody || actor) as s where s is not null), '{}');
      select string_agg(to_json(key)::text || ':' || value::text, ',' order by key collate "C")
        into metadata from jsonb_each(e.metadata);

      for piece in
        select p.part, p.body, p.search, p.subjects from (
          select 1 as place, 0::bigint as n, 'context' as part,
            nullif('{' || concat_ws(',',
              '"client_request_id":' || to_json(e.client_request_id)::text,
              '"ip":' || to_json(host(e.source_ip))::text,
              '"ua":' || to_json(e.user_agent)::text) || '}', '{}') as body,
            null as search, case when actor is null then everybody else array[actor] end as subjects
          union all
          select 2, n, 'targets.' || (n - 1), '{"name":' || (t -> 'name')::text || '}', lower(t ->> 'name'),
            array_remove(array[audit_subject(e.tenant_id, t ->> 'type', t ->> 'id')], null)
          from jsonb_array_elements(e.targets) with ordinality as u(t, n) where t -> 'name' is not null
          union all
          select 3, 0, 'free', '{"description":' || to_json(e.description)::text || '}', lower(e.description), everybody
        ) as p where p.body is not null order by p.place, p.n
      loop
        salt := decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
        parts := parts || piece.part;
        part_subjects := part_subjects || array_to_string(piece.subjects, E'\\n');
        part_salts := part_salts || salt;
        part_bodies := part_bodies || piece.body;
        part_searches := part_searches || piece.search;
        commitments := commitments || case when commitments = '' then '' else ',' end || '{"c":"' || encode(
          audit_hmac(salt, E'usher/audit/pii/v1\\n' || e.id || E'\\n' || piece.part || E'\\n' || piece.body), 'hex')
          || '","part":"' || piece.part || '"}';
      end loop;

      core := '{"action":' || to_json(e.action)::text
        || ',"actor":{"id":' || to_json(e.actor_id)::text || ',"type":' || to_json(e.actor_type)::text || '}'
        || ',"at":' || moment || ',"component":' || to_json(e.component)::text || ',"crud":' || to_json(e.crud)::text
        || ',"id":"' || e.id || '"' || coalesce(',"metadata":{' || metadata || '}', '')
        || ',"outcome":' || to_json(e.outcome)::text || coalesce(',"partner_id":"' || e.partner_id || '"', '')
        || ',"pii":[' || commitments || '],"received_at":' || moment
        || coalesce(',"request_id":' || to_json(e.request_id)::text, '') || ',"targets":[' || targets || ']'
        || coalesce(',"tenant_id":"' || e.tenant_id || '"', '') || ',"via":"usher"}';
      insert into audit_pending (id, kind, tenant_id, partner_id, action, outcome, actor_id, request_id, target_ids,
        subjects, at, core, parts, part_subjects, part_salts, part_bodies, part_searches)
      values (e.id, 'own', e.tenant_id, e.partner_id, e.action, e.outcome, e.actor_id, e.request_id, target_ids,
        everybody, e.at, core, parts, part_subjects, part_salts, part_bodies, part_searches);
    end $fn$;
    revoke all on function audit_carry(audit_entries) from public;

    create function audit_carry_new() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public as $fn$
    begin
      perform audit_carry(new);
      return null;
    end $fn$;
    revoke all on function audit_carry_new() from public;

    do $do$
    declare
      e audit_entries;
    begin
      for e in select (a).* from (select a from audit_entries as a order by seq) as entries loop
        perform audit_carry(e);
      end loop;
    end $do$;
    truncate audit_entries;
    create trigger carry before insert on audit_entries for each row execute function audit_carry_new();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger carry on audit_entries;
    drop function audit_carry_new();
    drop function audit_carry(audit_entries);
    drop function audit_subject(uuid, text, text);
    drop function audit_hmac(bytea, text);

    -- Only Usher's own entries had a place in the plain table.
    with entries as (
      select l.seq as place, 0::bigint as pid, l.id, l.leaf::jsonb -> 'core' as core,
        (select jsonb_object_agg(p.part, p.body::jsonb) from audit_pii as p where p.seq = l.seq) as parts
      from audit_log as l where l.kind = 'own'
      union all
      select 9007199254740991, pid, id, core::jsonb,
        (select jsonb_object_agg(u.part, u.body::jsonb) from unnest(parts, part_bodies) as u(part, body))
      from audit_pending where kind = 'own'
    )
    insert into audit_entries (id, action, crud, outcome, tenant_id, partner_id, actor_type, actor_id, targets,
      description, metadata, source_ip, user_agent, component, request_id, client_request_id, at)
    select id, core ->> 'action', core ->> 'crud', core ->> 'outcome', (core ->> 'tenant_id')::uuid,
      (core ->> 'partner_id')::uuid, core #>> '{actor,type}', core #>> '{actor,id}',
      coalesce((select jsonb_agg(t || coalesce(parts -> ('targets.' || n - 1), '{}') order by n)
        from jsonb_array_elements(core -> 'targets') with ordinality as u(t, n)), '[]'),
      parts #>> '{free,description}', coalesce(core -> 'metadata', '{}') || coalesce(parts #> '{free,metadata}', '{}'),
      (parts #>> '{context,ip}')::inet, parts #>> '{context,ua}', core ->> 'component', core ->> 'request_id',
      parts #>> '{context,client_request_id}', (core ->> 'at')::timestamptz
    from entries order by place, pid;
  `);
}
