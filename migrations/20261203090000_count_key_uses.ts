import type { Knex } from 'knex';

const oldArguments =
  'uuid[], uuid[], bigint[], bigint[], float8[], text[], bigint[], float8[], int[], bigint[], boolean';
const newArguments =
  'uuid[], bigint[], bigint[], float8[], text[], bigint[], float8[], int[], bigint[], bigint[], boolean';

/**
 * Counts into rows that are there: an insert that may turn out to be an update locks each row first, and writes that
 * into the log as well. Of what all processes have counted it tells only what the caller does not expect.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function add_api_key_usage(${oldArguments});

    create function count_key_uses(keys uuid[], requests_of bigint[], costs bigint[], used_ms float8[], ips text[],
        charges bigint[], starts_ms float8[], window_lengths int[], window_charges bigint[], expected_costs bigint[],
        is_new boolean)
      returns table (rows_counted bigint, others text)
      language sql set search_path = pg_catalog, public set plan_cache_mode = force_generic_plan
      -- One plan for good, made while the table may still be empty: each key by the index, in the order given.
      set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
      as $fn$
        with g as not materialized (
          select n, key, requests, cost, least(to_timestamp(used_ms / 1000), now()) as used_at, ip::inet as ip, charge,
            to_timestamp(start_ms / 1000) as start, seconds, window_charge, expected
          from unnest(keys, requests_of, costs, used_ms, ips, charges, starts_ms, window_lengths, window_charges,
            expected_costs) with ordinality
            as g (key, requests, cost, used_ms, ip, charge, start_ms, seconds, window_charge, expected, n)
          -- Never false: it is a value of the claim on a flush, and nothing is counted without one.
          where is_new
        ), written as (
          update api_key_usage as u set
            requests = u.requests + g.requests,
            last_used_at = greatest(u.last_used_at, g.used_at),
            last_ip = coalesce(g.ip, u.last_ip),
            cost = u.cost + g.charge,
            -- A window that began before the one that is counted is over: a flush that comes late.
            window_start = case
              when g.start is null or g.seconds = u.window_seconds and g.start < u.window_start
              then u.window_start else g.start end,
            window_seconds = coalesce(g.seconds, u.window_seconds),
            window_cost = case
              when g.start is null then u.window_cost
              when g.start = u.window_start and g.seconds = u.window_seconds then u.window_cost + g.window_charge
              when g.seconds = u.window_seconds and g.start < u.window_start then u.window_cost
              else g.window_charge end,
            day = (now() at time zone 'utc')::date,
            day_requests = g.requests
              + case when u.day = (now() at time zone 'utc')::date then u.day_requests else 0 end,
            day_cost = g.cost + case when u.day = (now() at time zone 'utc')::date then u.day_cost else 0 end
          from g where u.key_id = g.key
          returning g.n, g.expected, new.key_id, new.tenant_id, new.day, old.day as old_day,
            old.day_requests as old_requests, old.day_cost as old_cost, new.cost, new.window_start,
            new.window_seconds, new.window_cost
        ), moved as (
          insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests, cost)
          select w.key_id, w.old_day, 'VALID', w.tenant_id, w.old_requests, w.old_cost
          from written as w where w.old_day < w.day and w.old_requests > 0
          on conflict on constraint api_key_usage_days_pkey do update
            set requests = d.requests + excluded.requests, cost = d.cost + excluded.cost
        )
        -- Which of the keys, counted from 1, then its count as in find_api_keys.
        select count(*), string_agg(concat(w.n, ' ', w.cost, ' ', date_part('epoch', w.window_start) * 1000, ' ',
          w.window_seconds, ' ', w.window_cost), ',') filter (where w.cost <> w.expected)
        from written as w
      $fn$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function count_key_uses(${newArguments});

    create function add_api_key_usage(keys uuid[], tenants uuid[], requests_of bigint[], costs bigint[],
        used_ms float8[], ips text[], charges bigint[], starts_ms float8[], window_lengths int[],
        window_charges bigint[], read_back boolean)
      returns table (key_id uuid, counted text)
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
            old.day_cost as old_cost, new.cost, new.window_start, new.window_seconds, new.window_cost
        ), moved as (
        insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests, cost)
        select w.key_id, w.old_day, 'VALID', w.tenant_id, w.old_requests, w.old_cost
        from written as w where w.old_day < w.day and w.old_requests > 0
        on conflict on constraint api_key_usage_days_pkey do update
          set requests = d.requests + excluded.requests, cost = d.cost + excluded.cost
        )
        -- The clock first, as in find_api_keys.
        select w.key_id, concat(date_part('epoch', now()) * 1000, ' ', w.cost, ' ',
          date_part('epoch', w.window_start) * 1000, ' ', w.window_seconds, ' ', w.window_cost)
        from written as w where read_back
      $fn$;
  `);
}
