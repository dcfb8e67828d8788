import type { Knex } from 'knex';

const keyRotationFacts = (state: string, end: string): string => `
  create or replace function key_rotation_facts(key uuid, ends_at timestamptz) returns text
    language sql stable set search_path = pg_catalog, public
    as $fn$
      select concat(${state}, ' ', r.new_key_id, ' ', date_part('epoch', ${end}) * 1000)
      from public.key_rotations as r
      where r.old_key_id = key and r.state in ('requested', 'pending', 'overlapping', 'draining')
    $fn$;
  -- Verifiers that remember a key read it anew.
  insert into verification_changes (about) values ('*');
`;

/**
 * Verification says of a rotation what its clocks say: the row stays `pending` after the first use of the successor
 * until a worker moves it, and the old key may expire by itself before its rotation ends it. That use writes the old
 * key's end as well, so that whoever remembers it reads it anew.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    keyRotationFacts(
      `case when r.state = 'pending'
          and exists (select 1 from public.api_keys as n where n.id = r.new_key_id and n.first_used_at is not null)
        then 'overlapping' else r.state end`,
      'least(ends_at, (select o.expires_at from public.api_keys as o where o.id = key))',
    ),
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(keyRotationFacts('r.state', 'ends_at'));
}
