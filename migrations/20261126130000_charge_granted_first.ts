import type { Knex } from 'knex';

const before = 'charge_api_keys(uuid[], uuid[], bigint[], bigint[], int[], bigint[])';
const after =
  'charge_api_keys(uuid[], uuid[], bigint[], bigint[], int[], bigint[], bigint[], float8[], bigint[])';

/** The charges of one batch, with or without what its process has granted on its own. */
const chargeApiKeys = (granted: boolean): string => `
    create function charge_api_keys(families uuid[], tenants uuid[], costs bigint[], rate_limits bigint[],
        window_lengths int[], usage_limits bigint[]${granted ? ', granted bigint[], granted_starts_ms float8[],\n        granted_in_window bigint[]' : ''})
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
          end if;${
            granted
              ? `
          -- What its process has granted on its own comes first, so that it never stands beside the limit.
          counter.cost := counter.cost + granted[i];
          if started = to_timestamp(granted_starts_ms[i] / 1000) then
            counter.window_cost := counter.window_cost + granted_in_window[i];
          end if;`
              : ''
          }
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
      end $fn$;`;

const forTheAppOnly = (signature: string): string => `
    revoke all on function ${signature} from public;
    grant execute on function ${signature} to usher_app;`;

/** A charge near a limit counts first what its process has granted since its last flush. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`drop function ${before}; ${chargeApiKeys(true)} ${forTheAppOnly(after)}`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`drop function ${after}; ${chargeApiKeys(false)} ${forTheAppOnly(before)}`);
}
