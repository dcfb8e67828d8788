import type { Knex } from 'knex';

/** The statements of the hot path: look-up, charges near a limit, the flush of what was counted. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table api_key_usage add column window_seconds int;

    -- What a verifier has to know of a key and only a change of its row can change, as one text: it is written once
    -- and read hundreds of times a second. Immutable, since none of these outputs hangs on a setting.
    create function api_key_facts(id uuid, tenant_id uuid, environment text, scopes text[], role text, product text,
        allowed_cidrs cidr[], rate_limit int, rate_window_seconds int, usage_limit bigint, usage_limit_strict boolean,
        expires_at timestamptz, rotation_family_id uuid, pepper_id text)
      returns text language sql immutable parallel safe
      as $fn$
        select concat(id, E'\x1f', tenant_id, E'\x1f', environment, E'\x1f', array_to_string(scopes, ' '), E'\x1f',
          role, E'\x1f', product, E'\x1f', array_to_string(allowed_cidrs, ' '), E'\x1f',
          rate_limit, E'\x1f', rate_window_seconds, E'\x1f', usage_limit, E'\x1f', usage_limit_strict, E'\x1f',
          date_part('epoch', expires_at) * 1000, E'\x1f', rotation_family_id, E'\x1f', pepper_id)
      $fn$;
    alter table api_keys add column facts text generated always as (api_key_facts(id, tenant_id, environment, scopes,
      role, product, allowed_cidrs, rate_limit, rate_window_seconds, usage_limit, usage_limit_strict, expires_at,
      rotation_family_id, pepper_id)) stored;

    -- Read with every verification, from the index alone.
    create index entitlements_live on entitlements (tenant_id) include (product, expires_at)
      where status in ('trial', 'active');

    -- What the answer for a key says of its rotation. A function, so that keys without one do not pay for its plan.
    create function key_rotation_facts(key uuid, ends_at timestamptz) returns text
      language sql stable set search_path = pg_catalog, public
      as $fn$
        select concat(r.state, ' ', r.new_key_id, ' ', date_part('epoch', ends_at) * 1000)
        from public.key_rotations as r
        where r.old_key_id = key and r.state in ('requested', 'pending', 'overlapping', 'draining')
      $fn$;

    -- What the verifiers read, one row a known digest. The facts stand in one text, so that equal facts are equal
    -- texts; everything that time decides is decided here, on this clock. Reads no column that is not listed in
    -- src/domain/api-keys/key-facts.ts. Few digests at a time make a plan that is made anew each time look cheaper;
    -- making it costs more than running it.
    create function find_api_keys(wanted bytea[])
      returns table (digest bytea, facts text, counted text)
      language sql stable security definer set search_path = pg_catalog, public
      set plan_cache_mode = force_generic_plan
      as $fn$
        select k.digest,
          concat(k.facts, E'\x1f', t.slug, E'\x1f',
            case when t.status = 'active' or t.status = 'trial' and coalesce(t.trial_ends_at > now(), true)
              then 0 else 1 end
              + case when k.revoked_at is null then 0 else 2 end
              + case when k.blocked_at is null then 0 else 4 end
              + case when k.expires_at <= now() then 8 else 0 end
              + case when k.ends_at <= now() then 16 else 0 end
              + case when k.first_used_at is null then 32 else 0 end, E'\x1f',
            e.live, E'\x1f', (select string_agg(p.product, ' ') from public.products as p), E'\x1f',
            date_part('epoch', least(case when t.status = 'trial' then t.trial_ends_at end, k.expires_at, k.ends_at,
              e.until)) * 1000, E'\x1f',
            case when k.ends_at is not null then public.key_rotation_facts(k.id, k.ends_at) end
          ),
          concat(date_part('epoch', now()) * 1000, ' ', u.cost, ' ', date_part('epoch', u.window_start) * 1000, ' ',
            u.window_seconds, ' ', u.window_cost)
        from public.api_keys as k
        join public.tenants as t on t.id = k.tenant_id
        left join lateral (
          select string_agg(e.product, ' ') as live, min(e.expires_at) as until
          from public.entitlements as e
          where e.tenant_id = k.tenant_id and e.status in ('trial', 'active')
            and (e.expires_at is null or e.expires_at > now())
        ) as e on true
        -- What is counted moves all the time and is none of the facts.
        left join public.api_key_usage as u on u.key_id = k.rotation_family_id
          and (k.rate_limit is not null or k.usage_limit is not null)
        where k.digest = any(wanted)
      $fn$;
    revoke all on function find_api_keys(bytea[]) from public;
    grant execute on function find_api_keys(bytea[]) to usher_app;

    -- Imported slow hashes of some prefixes, at most 8 of each; the holder has no tenant yet.
    create function find_foreign_hashes(prefixes text[])
      returns table (prefix text, key_id uuid, salt bytea, hash bytea)
      language sql stable security definer set search_path = pg_catalog, public
      as $fn$
        select f.prefix, f.key_id, f.salt, f.hash
        from unnest(prefixes) as wanted (prefix)
        cross join lateral (
          select h.prefix, h.key_id, h.salt, h.hash from public.api_key_foreign_hashes as h
          where h.prefix = wanted.prefix order by h.key_id limit 8
        ) as f
      $fn$;
    revoke all on function find_foreign_hashes(text[]) from public;
    grant execute on function find_foreign_hashes(text[]) to usher_app;

    -- The first good use of an imported key: its slow hash gives way to a digest. Whoever comes second changes nothing.
    create function adopt_foreign_key(key uuid, to_digest bytea, to_pepper text) returns boolean
      language plpgsql set search_path = pg_catalog, public
      as $fn$
      begin
        delete from api_key_foreign_hashes where key_id = key;
        if not found then return false; end if;
        update api_keys set digest = to_digest, pepper_id = to_pepper where id = key and digest is null;
        return found;
      end $fn$;

    -- Moves a digest to another pepper. Compares the old one, so that nothing that came in between is undone.
    create function move_api_key_digest(key uuid, from_digest bytea, to_digest bytea, to_pepper text) returns boolean
      language plpgsql set search_path = pg_catalog, public
      as $fn$
      begin
        update api_keys set digest = to_digest, pepper_id = to_pepper where id = key and digest = from_digest;
        return found;
      end $fn$;

    -- Marks the first use of keys. The use of a successor fixes the end of the key that it takes the place of, in the
    -- same statement, so that no dead worker can lengthen or shorten an overlap.
    create function mark_first_use(key_ids uuid[], used_at timestamptz[])
      returns table (key_id uuid, tenant_id uuid, rotation_id uuid)
      language plpgsql set search_path = pg_catalog, public
      as $fn$
      begin
        perform 1 from api_keys as k
        where k.id = any(key_ids)
          or k.id in (select r.old_key_id from key_rotations as r where r.new_key_id = any(key_ids))
        order by k.id for no key update;
        return query
          with used as (
            update api_keys as k set first_used_at = u.at
            from unnest(key_ids, used_at) as u (id, at)
            where k.id = u.id and k.first_used_at is null
            returning k.id, k.tenant_id, k.first_used_at
          ), rotation as (
            select r.id, r.old_key_id, used.id as new_key_id,
              used.first_used_at + r.overlap_seconds * interval '1 second' as ends_at
            from used join key_rotations as r on r.new_key_id = used.id and r.state = 'pending'
          ), ended as (
            update api_keys as k set ends_at = least(k.ends_at, rotation.ends_at)
            from rotation where k.id = rotation.old_key_id
          )
          select used.id, used.tenant_id, rotation.id
          from used left join rotation on rotation.new_key_id = used.id;
      end $fn$;

    -- Charges near a limit, and those of a process that lost touch: in the order of their arrival, keys in the order
    -- of their ids. All arrays are of one length, sorted by family. The key was just found by its digest; there is no tenant.
    create function charge_api_keys(families uuid[], tenants uuid[], costs bigint[], rate_limits bigint[],
        window_lengths int[], usage_limits bigint[])
      returns table (n int, verdict text, cost bigint, window_start_ms float8, window_cost bigint)
      language plpgsql security definer set search_path = pg_catalog, public
      as $fn$
      declare
        counter record;
        started timestamptz;
      begin
        insert into api_key_usage (key_id, tenant_id)
        select distinct on (g.family) g.family, g.tenant from unnest(families, tenants) as g (family, tenant)
        where not exists (select 1 from api_key_usage as u where u.key_id = g.family)
          and exists (select 1 from api_keys as k where k.id = g.family)
        order by g.family
        on conflict do nothing;
        for i in 1 .. cardinality(families) loop
          if i = 1 or families[i] <> families[i - 1] then
            select u.cost, u.window_start, u.window_seconds, u.window_cost into counter
            from api_key_usage as u where u.key_id = families[i] for no key update;
          end if;
          started := case when window_lengths[i] is not null then
            to_timestamp(floor(extract(epoch from now()) / window_lengths[i]) * window_lengths[i]) end;
          if started is not null
            and (started, window_lengths[i]) is distinct from (counter.window_start, counter.window_seconds) then
            counter.window_start := started;
            counter.window_seconds := window_lengths[i];
            counter.window_cost := 0;
          end if;
          verdict := case
            when started is not null and counter.window_cost + costs[i] > rate_limits[i] then 'RATE_LIMITED'
            when counter.cost + costs[i] > usage_limits[i] then 'USAGE_EXCEEDED'
            else 'VALID' end;
          if verdict = 'VALID' then
            counter.cost := counter.cost + costs[i];
            if started is not null then counter.window_cost := counter.window_cost + costs[i]; end if;
          end if;
          if i = cardinality(families) or families[i] <> families[i + 1] then
            update api_key_usage as u set cost = counter.cost, window_start = counter.window_start,
              window_seconds = counter.window_seconds, window_cost = counter.window_cost
            where u.key_id = families[i];
          end if;
          n := i;
          cost := counter.cost;
          window_start_ms := extract(epoch from counter.window_start) * 1000;
          window_cost := counter.window_cost;
          return next;
        end loop;
      end $fn$;

    revoke all on function charge_api_keys(uuid[], uuid[], bigint[], bigint[], int[], bigint[]) from public;
    grant execute on function charge_api_keys(uuid[], uuid[], bigint[], bigint[], int[], bigint[]) to usher_app;

    -- Adds what one process has counted; the keys come once each and in the order of their ids. The running day
    -- stands in the row; whoever counts first on the next one moves it to where days are kept.
    create function add_api_key_usage(keys uuid[], tenants uuid[], requests_of bigint[], costs bigint[],
        used_ms float8[], ips text[], charges bigint[], starts_ms float8[], window_lengths int[],
        window_charges bigint[])
      returns void
      language sql set search_path = pg_catalog, public set plan_cache_mode = force_generic_plan
      as $fn$
        with written as (
          insert into api_key_usage as u (key_id, tenant_id, requests, last_used_at, last_ip, cost, window_start,
            window_seconds, window_cost, day, day_requests, day_cost)
          select g.key, g.tenant, g.requests, least(to_timestamp(g.used_ms / 1000), now()), g.ip::inet, g.charge,
            to_timestamp(g.start_ms / 1000), g.seconds, g.window_charge, (now() at time zone 'utc')::date, g.requests,
            g.cost
          from unnest(keys, tenants, requests_of, costs, used_ms, ips, charges, starts_ms, window_lengths,
            window_charges) as g (key, tenant, requests, cost, used_ms, ip, charge, start_ms, seconds, window_charge)
          on conflict on constraint api_key_usage_pkey do update set
            requests = u.requests + excluded.requests,
            last_used_at = greatest(u.last_used_at, excluded.last_used_at),
            last_ip = coalesce(excluded.last_ip, u.last_ip),
            cost = u.cost + excluded.cost,
            -- A window that began before the one that is counted is over: a flush that comes late.
            window_start = case
              when excluded.window_start is null
                or excluded.window_seconds = u.window_seconds and excluded.window_start < u.window_start
              then u.window_start else excluded.window_start end,
            window_seconds = coalesce(excluded.window_seconds, u.window_seconds),
            window_cost = case
              when excluded.window_start is null then u.window_cost
              when excluded.window_start = u.window_start and excluded.window_seconds = u.window_seconds
              then u.window_cost + excluded.window_cost
              when excluded.window_seconds = u.window_seconds and excluded.window_start < u.window_start
              then u.window_cost
              else excluded.window_cost end,
            day = excluded.day,
            day_requests = case when u.day = excluded.day then u.day_requests else 0 end + excluded.day_requests,
            day_cost = case when u.day = excluded.day then u.day_cost else 0 end + excluded.day_cost
          returning new.key_id, new.tenant_id, new.day, old.day as old_day, old.day_requests as old_requests,
            old.day_cost as old_cost
        )
        insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests, cost)
        select w.key_id, w.old_day, 'VALID', w.tenant_id, w.old_requests, w.old_cost
        from written as w where w.old_day < w.day and w.old_requests > 0
        on conflict on constraint api_key_usage_days_pkey do update
          set requests = d.requests + excluded.requests, cost = d.cost + excluded.cost
      $fn$;

    -- Refusals of known keys, by day and code.
    create function count_refusals(keys uuid[], tenants uuid[], codes text[], counts bigint[]) returns void
      language sql set search_path = pg_catalog, public
      as $fn$
        insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests)
        select g.key, (now() at time zone 'utc')::date, g.code, g.tenant, g.count
        from unnest(keys, tenants, codes, counts) as g (key, tenant, code, count)
        join api_keys as k on k.id = g.key
        order by g.key, g.code
        on conflict on constraint api_key_usage_days_pkey do update set requests = d.requests + excluded.requests
      $fn$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function count_refusals(uuid[], uuid[], text[], bigint[]);
    drop function add_api_key_usage(uuid[], uuid[], bigint[], bigint[], float8[], text[], bigint[], float8[], int[],
      bigint[]);
    drop function charge_api_keys(uuid[], uuid[], bigint[], bigint[], int[], bigint[]);
    drop function mark_first_use(uuid[], timestamptz[]);
    drop function move_api_key_digest(uuid, bytea, bytea, text);
    drop function adopt_foreign_key(uuid, bytea, text);
    drop function find_foreign_hashes(text[]);
    drop function find_api_keys(bytea[]);
    drop function key_rotation_facts(uuid, timestamptz);
    drop index entitlements_live;
    alter table api_keys drop column facts;
    drop function api_key_facts(uuid, uuid, text, text[], text, text, cidr[], int, int, bigint, boolean, timestamptz,
      uuid, text);
    alter table api_key_usage drop column window_seconds;
  `);
}
