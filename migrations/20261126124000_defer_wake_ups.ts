import type { Knex } from 'knex';

const old = `enqueue_wake(row_id uuid, of_type text, of_workflow text, with_input jsonb, for_request text,
      by_claimant text)`;

const signature = `enqueue_wake(row_id uuid, of_type text, of_workflow text, with_input jsonb, for_request text,
      by_claimant text, after_ms float8 default 0)`;

/** Lets a wake-up wait for a time of its own, until another one of its workflow comes that does not wait. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function enqueue_wake(uuid, text, text, jsonb, text, text);

    create function ${signature}
      returns boolean language plpgsql set search_path = pg_catalog, public as $fn$
    declare
      number bigint;
      free boolean;
    begin
      insert into outbox_aggregates as a (aggregate, last_n) values (of_workflow, 1)
      on conflict (aggregate) do update set last_n = a.last_n + 1
      returning last_n into number;
      if after_ms <= 0 then
        update outbox set available_at = now()
        where aggregate = of_workflow and delivered_at is null and dead_at is null and attempts = 0
          and available_at > now();
      end if;
      select by_claimant is not null and after_ms <= 0 and not exists (
        select 1 from outbox where aggregate = of_workflow and delivered_at is null and dead_at is null
      ) into free;
      insert into outbox
        (id, aggregate, n, workflow_type, workflow_id, input, request_id, claimed_by, claimed_until, available_at)
      values (row_id, of_workflow, number, of_type, of_workflow, with_input, for_request,
        case when free then by_claimant end, case when free then now() + interval '3 seconds' end,
        now() + greatest(0, after_ms) * interval '1 millisecond');
      return free;
    end $fn$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function enqueue_wake(uuid, text, text, jsonb, text, text, float8);

    create function ${old}
      returns boolean language plpgsql set search_path = pg_catalog, public as $fn$
    declare
      number bigint;
      free boolean;
    begin
      insert into outbox_aggregates as a (aggregate, last_n) values (of_workflow, 1)
      on conflict (aggregate) do update set last_n = a.last_n + 1
      returning last_n into number;
      select by_claimant is not null and not exists (
        select 1 from outbox where aggregate = of_workflow and delivered_at is null and dead_at is null
      ) into free;
      insert into outbox
        (id, aggregate, n, workflow_type, workflow_id, input, request_id, claimed_by, claimed_until)
      values (row_id, of_workflow, number, of_type, of_workflow, with_input, for_request,
        case when free then by_claimant end, case when free then now() + interval '3 seconds' end);
      return free;
    end $fn$;
  `);
}
