import type { Knex } from 'knex';

/**
 * Finding entries by what they are about and by text. Behind row-level security an index serves only operators that are
 * leakproof, which neither `@>` nor `like` is: so the application read the whole log instead of the indexes that stood
 * here for it. Targets are compared one by one, by equality, which is leakproof; a text is looked up by a function that
 * holds back by itself what its caller may not see.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index audit_log_targets;
    create index audit_log_target_1 on audit_log ((target_ids[1]), seq);
    create index audit_log_target_2 on audit_log ((target_ids[2]), seq) where target_ids[2] is not null;
    create index audit_log_target_3 on audit_log ((target_ids[3]), seq) where target_ids[3] is not null;
    create index audit_log_target_more on audit_log (seq) where target_ids[4] is not null;

    -- The entries in which personal data has a text, at most so many, in no order. The text is part of the statement,
    -- so that the plan suits how frequent it is.
    create function audit_text_hits(pattern text, most integer) returns bigint[]
      language plpgsql stable security definer set search_path = pg_catalog, public
      set enable_bitmapscan = on set enable_seqscan = on as $fn$
    declare
      scope text := current_setting('usher.scope', true);
      visible text := case
        when scope = 'all' then 'true'
        when scope = 'partner' then 'public.partner_sees(p.tenant_id)'
        else format('p.tenant_id = %L::uuid', nullif(current_setting('usher.tenant', true), ''))
      end;
      found bigint[];
    begin
      execute format(
        'select array_agg(h.seq) from (select p.seq from public.audit_pii as p where p.search like %L and %s limit %s) as h',
        pattern, visible, most) into found;
      return coalesce(found, '{}');
    end $fn$;
    revoke all on function audit_text_hits(text, integer) from public;
    grant execute on function audit_text_hits(text, integer) to usher_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function audit_text_hits(text, integer);
    drop index audit_log_target_1, audit_log_target_2, audit_log_target_3, audit_log_target_more;
    create index audit_log_targets on audit_log using gin (target_ids);
  `);
}
