import type { Knex } from 'knex';

/**
 * Brings rows in line with what holds from now on: the end of a grace after a leak stands in the rotation that was open,
 * and the keys of a rotation family have one rate, that of the youngest.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    update key_rotations as r set ends_before = least(r.ends_before, k.ends_at), policy = 'expire'
    from api_keys as k
    where k.id = r.old_key_id and r.reason = 'leaked' and r.state in ('requested', 'pending', 'overlapping')
      and k.ends_at is not null;

    with youngest as (
      select distinct on (rotation_family_id) rotation_family_id, rate_limit, rate_window_seconds from api_keys
      where revoked_at is null and id <> rotation_family_id
      order by rotation_family_id, created_at desc, id desc
    )
    update api_keys as k set rate_limit = y.rate_limit, rate_window_seconds = y.rate_window_seconds,
      version = version + 1, updated_at = now()
    from youngest as y
    where k.rotation_family_id = y.rotation_family_id and k.revoked_at is null
      and k.rate_window_seconds is distinct from y.rate_window_seconds;
  `);
}

export async function down(): Promise<void> {
  // What was before is not known, and nothing depends on it.
}
