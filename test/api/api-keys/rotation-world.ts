import type { TestAnswer, TestApp } from '../../support/test-app';
import { sql } from '../rows';
import { issued, rotate } from './key-world';

/** A rotation with both keys as they were shown. */
export interface Rotated {
  readonly id: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly old: any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly successor: any;
}

/** Issues a key and rotates it. */
export async function rotated(
  app: TestApp,
  tenantId: string,
  body: Record<string, unknown> = {},
  keyBody: Record<string, unknown> = {},
): Promise<Rotated> {
  const old = await issued(app, tenantId, keyBody);
  const answer = await rotate(app, old.id, body);
  if (answer.status !== 201)
    throw new Error(`${String(answer.status)} ${JSON.stringify(answer.body)}`);
  return { id: answer.body.rotation.id, old, successor: answer.body };
}

/** Gives an order to a rotation. */
export function order(
  app: TestApp,
  rotation: Rotated,
  kind: 'complete' | 'extend' | 'cancel' | 'rollback',
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<TestAnswer> {
  return app.call('POST', `/v1/api-keys/${rotation.old.id}/rotations/${rotation.id}/${kind}`, {
    body,
    headers,
  });
}

/** A rotation as the API shows it, with its history. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
export async function shown(app: TestApp, rotation: Rotated): Promise<any> {
  const { body } = await app.call(
    'GET',
    `/v1/api-keys/${rotation.old.id}/rotations/${rotation.id}`,
  );
  return body;
}

/** Uses a key for the first time, by the statement with which the flush of usage notes it. */
export async function firstUse(app: TestApp, keyId: string): Promise<void> {
  await sql(app, `select key_id from mark_first_use(array[$1::uuid], array[now()])`, [keyId]);
}

/** Uses a key, so many seconds ago. */
export async function use(app: TestApp, keyId: string, secondsAgo = 0): Promise<void> {
  await sql(
    app,
    `insert into api_key_usage (key_id, tenant_id, requests, last_used_at)
     select id, tenant_id, 1, now() - $2 * interval '1 second' from api_keys where id = $1
     on conflict (key_id) do update set last_used_at = excluded.last_used_at`,
    [keyId, secondsAgo],
  );
}

/**
 * Lets time go by for a rotation and both its keys, as their rows see it: every time is moved back, none is compared
 * with a clock of this process.
 */
export async function passHours(
  app: TestApp,
  rotation: { id: string },
  hours: number,
): Promise<void> {
  const by = [rotation.id, hours];
  await sql(
    app,
    `update key_rotations set created_at = created_at - $2 * interval '1 hour',
       started_at = started_at - $2 * interval '1 hour', deadline_at = deadline_at - $2 * interval '1 hour',
       end_fixed_at = end_fixed_at - $2 * interval '1 hour', ends_before = ends_before - $2 * interval '1 hour'
     where id = $1`,
    by,
  );
  await sql(
    app,
    `update api_keys set created_at = created_at - $2 * interval '1 hour',
       ends_at = ends_at - $2 * interval '1 hour', expires_at = expires_at - $2 * interval '1 hour',
       first_used_at = first_used_at - $2 * interval '1 hour'
     where id in (select unnest(array[old_key_id, new_key_id]) from key_rotations where id = $1)`,
    by,
  );
  await sql(
    app,
    `update api_key_usage set last_used_at = last_used_at - $2 * interval '1 hour'
     where key_id in (select unnest(array[old_key_id, new_key_id]) from key_rotations where id = $1)`,
    by,
  );
}
