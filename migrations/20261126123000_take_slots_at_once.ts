import type { Knex } from 'knex';

/**
 * Takes a slot of a backend's rate, or a place in line, in one statement: while it judges, the path is locked against
 * everybody else, and a wave of callers should wait for Postgres only, not for each other's round trips.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- When the place behind so many others is due, in milliseconds; writes it down.
    create function place_in_line(
      in_connector text, in_path text, in_caller text, in_calls int, in_window_ms int, in_ahead int, in_closed_ms float8
    ) returns float8 language plpgsql set search_path = pg_catalog, public as $fn$
      declare
        slot_ms float8;
        due_ms float8;
      begin
        -- A slot in use is expected back a window after it was taken; its pessimistic free_at is for lost answers only.
        select extract(epoch from due - clock_timestamp()) * 1000 into slot_ms from (
          select case when answered then free_at
                   else greatest(taken_at + in_window_ms * interval '1 millisecond', clock_timestamp()) end as due
          from connector_slots where connector = in_connector and path = in_path
          order by due offset in_ahead % in_calls limit 1
        ) as slot;
        due_ms := greatest(greatest(0, coalesce(slot_ms, 0)) + (in_ahead / in_calls) * in_window_ms, in_closed_ms) + 25;
        insert into connector_line (connector, path, caller, due_at)
        values (in_connector, in_path, in_caller, clock_timestamp() + due_ms * interval '1 millisecond')
        on conflict (connector, path, caller) do update set due_at = excluded.due_at;
        return due_ms;
      end
    $fn$;

    create function take_slot(
      in_connector text, in_path text, in_caller text, in_calls int, in_window_ms int, in_timeout_ms int,
      out slot int, out due_ms float8
    ) language plpgsql set search_path = pg_catalog, public as $fn$
      declare
        closed_ms float8;
        mine bigint;
        ahead int;
        free int;
      begin
        -- Waiters judge their place one after the other: each sees what the lock's last owner left.
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path for no key update;
        closed_ms := coalesce(closed_ms, 0);
        select place into mine from connector_line
        where connector = in_connector and path = in_path and caller = in_caller;
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and place < coalesce(mine, 9223372036854775807)
          and due_at > clock_timestamp() - 2 * in_window_ms * interval '1 millisecond';
        select count(*) into free from connector_slots
        where connector = in_connector and path = in_path and free_at <= clock_timestamp();
        if closed_ms <= 0 and ahead < free then
          update connector_slots set taken_at = clock_timestamp(), answered = false,
            free_at = clock_timestamp() + (in_timeout_ms + in_window_ms) * interval '1 millisecond'
          where (connector, path, n) = (
            select connector, path, n from connector_slots
            where connector = in_connector and path = in_path and free_at <= clock_timestamp()
            order by free_at limit 1 for update skip locked)
          returning n into slot;
          if slot is not null then
            if mine is not null then
              delete from connector_line where connector = in_connector and path = in_path and caller = in_caller;
            end if;
            return;
          end if;
        end if;
        due_ms := place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, closed_ms);
      end
    $fn$;

    -- A place in the line of a path that has just been closed.
    create function join_line(
      in_connector text, in_path text, in_caller text, in_calls int, in_window_ms int
    ) returns float8 language plpgsql set search_path = pg_catalog, public as $fn$
      declare
        closed_ms float8;
        ahead int;
      begin
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path;
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and caller <> in_caller;
        return place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, coalesce(closed_ms, 0));
      end
    $fn$;

    -- Puts a caller that does not call yet at the end of the line. Who has no slot waits for it; the others follow each
    -- other at two and a half times the pace that the backend bears for long, so that a crowd does not hold up who went first.
    create function queue_up(
      in_connector text, in_path text, in_caller text, in_calls int, in_window_ms int
    ) returns float8 language plpgsql set search_path = pg_catalog, public as $fn$
      declare
        closed_ms float8;
        ahead int;
        free int;
        due_ms float8;
      begin
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path;
        closed_ms := coalesce(closed_ms, 0);
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and caller <> in_caller
          and due_at > clock_timestamp() - 2 * in_window_ms * interval '1 millisecond';
        select count(*) into free from connector_slots
        where connector = in_connector and path = in_path and free_at <= clock_timestamp();
        if closed_ms > 0 or ahead >= free then
          return place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, closed_ms);
        end if;
        due_ms := ahead * in_window_ms / (2.5 * in_calls);
        insert into connector_line (connector, path, caller, due_at)
        values (in_connector, in_path, in_caller, clock_timestamp() + due_ms * interval '1 millisecond')
        on conflict (connector, path, caller) do update set due_at = excluded.due_at;
        return due_ms;
      end
    $fn$;

    revoke all on function place_in_line(text, text, text, int, int, int, float8),
      take_slot(text, text, text, int, int, int), join_line(text, text, text, int, int),
      queue_up(text, text, text, int, int) from public;
    grant execute on function place_in_line(text, text, text, int, int, int, float8),
      take_slot(text, text, text, int, int, int), join_line(text, text, text, int, int),
      queue_up(text, text, text, int, int) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function take_slot(text, text, text, int, int, int);
    drop function join_line(text, text, text, int, int);
    drop function queue_up(text, text, text, int, int);
    drop function place_in_line(text, text, text, int, int, int, float8);
  `);
}
