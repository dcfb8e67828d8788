import type { Knex } from 'knex';

/** What is watched: table, columns, events, and of whom a change is told: a key, a tenant or everybody. */
const watched = [
  {
    table: 'api_keys',
    // A key that is new is in no cache.
    events: 'update or delete',
    about: `'k', 'id'`,
    columns: `id, tenant_id, digest, pepper_id, environment, scopes, role, product, allowed_cidrs, rate_limit,
      rate_window_seconds, usage_limit, usage_limit_strict, expires_at, ends_at, rotation_family_id, first_used_at,
      revoked_at, blocked_at`,
  },
  {
    table: 'tenants',
    events: 'update or delete',
    about: `'t', 'id'`,
    columns: 'id, slug, status, trial_ends_at',
  },
  {
    table: 'entitlements',
    events: 'insert or update or delete',
    about: `'t', 'tenant_id'`,
    columns: 'tenant_id, product, status, expires_at',
  },
  {
    table: 'products',
    events: 'insert or update or delete',
    about: `'*'`,
    columns: 'product',
  },
  {
    table: 'key_rotations',
    events: 'insert or update or delete',
    about: `'k', 'old_key_id'`,
    columns: 'old_key_id, new_key_id, state',
  },
  {
    // While nothing was watched epochs stood still.
    table: 'verification_settings',
    events: 'update',
    about: `'*'`,
    columns: 'max_lease_ms',
  },
] as const;

const usage = (readsBack: boolean): string => `
    create function add_api_key_usage(keys uuid[], tenants uuid[], requests_of bigint[], costs bigint[],
        used_ms float8[], ips text[], charges bigint[], starts_ms float8[], window_lengths int[],
        window_charges bigint[]${readsBack ? ', read_back boolean' : ''})
      returns ${readsBack ? 'table (key_id uuid, counted text)' : 'void'}
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
            old.day_cost as old_cost${readsBack ? ', new.cost, new.window_start, new.window_seconds, new.window_cost' : ''}
        )${readsBack ? ', moved as (' : ''}
        insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests, cost)
        select w.key_id, w.old_day, 'VALID', w.tenant_id, w.old_requests, w.old_cost
        from written as w where w.old_day < w.day and w.old_requests > 0
        on conflict on constraint api_key_usage_days_pkey do update
          set requests = d.requests + excluded.requests, cost = d.cost + excluded.cost${
            readsBack
              ? `
        )
        -- The clock first, as in find_api_keys.
        select w.key_id, concat(date_part('epoch', now()) * 1000, ' ', w.cost, ' ',
          date_part('epoch', w.window_start) * 1000, ' ', w.window_seconds, ' ', w.window_cost)
        from written as w where read_back`
              : ''
          }
      $fn$;`;

const usageArguments =
  'uuid[], uuid[], bigint[], bigint[], float8[], text[], bigint[], float8[], int[], bigint[]';

/**
 * What cached verifiers watch: an epoch that moves with every change of what they read, and a notification that says
 * whom it is about. The flush tells them what all processes have counted.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Runs at the commit, last of all: the order of epochs is the order of commits, and nothing that is still to be
    -- locked can wait for whoever waits for it. While all verifiers run strict nobody watches and nothing is written;
    -- the shared lock makes one who raises the longest lease wait for commits that did not know of it.
    create function move_verification_epoch() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public
      as $fn$
      declare
        about text := tg_argv[0];
        moved text := current_setting('usher.epoch', true);
        epoch bigint;
        told int := 0;
      begin
        if (select max_lease_ms from verification_settings for share) = 0 then return null; end if;
        if moved is null or moved = '' then
          update verification_epoch set n = n + 1 returning n into epoch;
        else
          epoch := split_part(moved, ' ', 1);
          told := split_part(moved, ' ', 2);
        end if;
        perform set_config('usher.epoch', concat(epoch, ' ', told + 1), true);
        if about <> '*' then
          about := about || (case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> tg_argv[1]);
        end if;
        -- Many at a time are told as all of them: equal notifications of a transaction are one.
        perform pg_notify('usher_verification', concat(epoch, ' ', case when told < 100 then about else '*' end));
        return null;
      end $fn$;
    revoke all on function move_verification_epoch() from public;

    ${watched
      .map(
        ({ table, events, about, columns }) => `
    create constraint trigger verification_epoch after ${events.replace('update', `update of ${columns}`)} on ${table}
      deferrable initially deferred for each row execute function move_verification_epoch(${about});`,
      )
      .join('\n')}

    drop function add_api_key_usage(${usageArguments});
    ${usage(true)}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function add_api_key_usage(${usageArguments}, boolean);
    ${usage(false)}
    ${watched.map(({ table }) => `drop trigger verification_epoch on ${table};`).join('\n')}
    drop function move_verification_epoch();
  `);
}
