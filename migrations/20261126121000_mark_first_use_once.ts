import type { Knex } from 'knex';

const locked = `
        perform 1 from api_keys as k
        where k.id = any(key_ids)
          or k.id in (select r.old_key_id from key_rotations as r where r.new_key_id = any(key_ids))
        order by k.id for no key update;`;

const signature = `mark_first_use(key_ids uuid[], used_at timestamptz[])
      returns table (key_id uuid, tenant_id uuid, rotation_id uuid)
      language plpgsql set search_path = pg_catalog, public`;

/**
 * Marks first uses by one update. A key that is used for the first time and is the old one of another in the same
 * batch was updated twice by one statement, of which Postgres carries out one: the end of its overlap could be lost.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace function ${signature} as $fn$
      begin
        ${locked}
        return query
          with used as (
            -- A clock of ours that is behind neither starts an overlap in the past nor ends one early.
            select k.id, k.tenant_id, greatest(u.at, now() - interval '10 seconds') as at
            from unnest(key_ids, used_at) as u (id, at) join api_keys as k on k.id = u.id
            where k.first_used_at is null
          ), rotation as (
            select r.id, r.old_key_id, used.id as new_key_id,
              used.at + r.overlap_seconds * interval '1 second' as ends_at
            from used join key_rotations as r on r.new_key_id = used.id and r.state = 'pending'
          ), touched as (
            select coalesce(used.id, rotation.old_key_id) as id, used.at, rotation.ends_at
            from used full join rotation on rotation.old_key_id = used.id
          ), marked as (
            update api_keys as k
            set first_used_at = coalesce(k.first_used_at, touched.at), ends_at = least(k.ends_at, touched.ends_at)
            from touched where touched.id = k.id
          )
          select used.id, used.tenant_id, rotation.id
          from used left join rotation on rotation.new_key_id = used.id;
      end $fn$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace function ${signature} as $fn$
      begin
        ${locked}
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
  `);
}
