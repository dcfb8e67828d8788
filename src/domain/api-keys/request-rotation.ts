import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { lockApiKey, takeExpired } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps } from './deps';
import { isOpen } from './key-rotations';
import { auditRotation } from './rotation-states';
import { auditKey, emitKeyEvent } from './records';
import { tellOwners } from './rotation-mails';
import { insertRequest, note } from './rotation-rows';
import { wakeKeyRotation } from './wake';

/**
 * Opens a rotation that mints nothing: its key's owner is told, and their own order mints, shows the key and starts
 * the clocks. Under the lock of the key's family; does nothing while another rotation of the key is open.
 * @returns the id of the rotation, or null when there was one
 */
export async function requestRotation(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'outbox'>,
  key: Pick<ApiKey, 'id' | 'tenantId' | 'familyId' | 'endsAt'>,
  reason: 'scheduled' | 'leaked',
): Promise<string | null> {
  const actorId = reason === 'leaked' ? 'system:leak-report' : 'system:schedule';
  const id = newId();
  const opened = await insertRequest(tx, {
    id,
    tenantId: key.tenantId,
    familyId: key.familyId,
    oldKeyId: key.id,
    reason,
    note: null,
    requestedBy: actorId,
    endsBefore: key.endsAt,
  });
  if (!opened) return null;
  await note(
    tx,
    { id, tenantId: key.tenantId, state: null },
    { transitionId: 'state:requested', type: 'requested', to: 'requested', actorId },
  );
  await auditRotation(
    tx,
    { id, oldKeyId: key.id, newKeyId: null },
    'requested',
    { actorId, reason: null },
    { reason },
  );
  await deps.outbox.wake(tx, wakeKeyRotation(id));
  return id;
}

type Deps = Pick<ApiKeyDeps, 'db' | 'ring' | 'outbox' | 'config'>;

/** Keys that one batch looks at. */
const batchSize = 100;

/**
 * Requests the rotation of keys that have passed the age at which their tenants want them rotated, each in a
 * transaction of its own.
 * @returns how many keys were due; fewer than a hundred means that none is left
 */
export async function requestDueRotations(deps: Deps): Promise<number> {
  const due = await withSystem(deps.db, 'schedule', (tx) => keysDue(tx, batchSize), {
    readOnly: true,
  });
  for (const { id } of due) {
    await withSystem(deps.db, 'schedule', async (tx) => {
      const key = await lockApiKey(tx, id);
      if (key.status !== 'active' || !(await requestRotation(tx, deps, key, 'scheduled'))) return;
      await tellOwners(tx, deps, id, 'key-rotation-requested', { reason: 'scheduled' });
    });
  }
  return due.length;
}

// One whose rotation was taken back is left alone for as long again.
function keysDue(tx: Tx, limit: number): Promise<{ id: string }[]> {
  return tx.rows<{ id: string }>(
    `select k.id
     from key_policies as p join tenants as t on t.id = p.tenant_id
       join api_keys as k on k.tenant_id = p.tenant_id
     where p.rotate_after_days is not null and t.status in ('trial', 'active')
       and k.revoked_at is null and k.blocked_at is null and k.ends_at is null
       and (k.expires_at is null or k.expires_at > now())
       and k.created_at < now() - p.rotate_after_days * interval '1 day'
       and not exists (select 1 from key_rotations as r
         where r.old_key_id = k.id and (${isOpen} or (r.state in ('cancelled', 'rolled_back')
           and r.ended_at > now() - p.rotate_after_days * interval '1 day')))
     order by k.created_at limit $1`,
    [limit],
  );
}

/** Tells readers of events of keys that have ended by their expiry, and audits them; returns how many have expired. */
export function tellExpired(deps: Pick<ApiKeyDeps, 'db'>): Promise<number> {
  return withSystem(deps.db, 'schedule', async (tx) => {
    const expired = await takeExpired(tx, batchSize);
    for (const key of expired.filter(({ ended }) => !ended)) {
      const metadata = { reason: 'expired', expires_at: key.expiresAt.toISOString() };
      await emitKeyEvent(tx, 'apikey.expired.v1', key, metadata);
      await auditKey(tx, 'apikey.expired', key, { actorId: 'system:clock', metadata });
    }
    return expired.length;
  });
}
