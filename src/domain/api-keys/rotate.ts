import type { KeyRotationPolicy, KeyRotationReason } from '../../contracts/key-rotations';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { RequestSource } from '../identity/callers';
import { checkVersion, insertApiKey, lockApiKey, setEnd } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps, ApiKeyMaterial } from './deps';
import { isAlive } from './edit';
import type { KeyRef } from './end-key';
import { mint } from './issue';
import type { IssuedKey } from './issue';
import type { Issuer } from './issuers.rules';
import { getRotation, openRotationOf, openRotationTo } from './key-rotations';
import type { KeyRotation } from './key-rotations';
import { lockIssuingTenant, requireHeld, requireRoom } from './reach';
import { emitKeyEvent } from './records';
import { insertRequest, note, startClocks } from './rotation-rows';
import { auditRotation, move, tellOldKeyEnded, upToDate } from './rotation-states';
import { endOfOldKey, hasPassed, isUnsafe } from './rotation.rules';
import { wakeKeyRotation } from './wake';

/** How somebody wants a key rotated; durations in seconds. */
export interface WantedRotation {
  readonly reason: 'routine' | 'compromised';
  readonly note: string | null;
  readonly policy: KeyRotationPolicy;
  readonly overlapSeconds: number;
  readonly deadlineSeconds: number;
  readonly extendSeconds: number;
  readonly maxExtensions: number;
  readonly quietSeconds: number | null;
}

/** A successor with its plaintext, and the rotation that leads to it. */
export interface RotatedKey extends IssuedKey {
  readonly rotation: KeyRotation;
}

/**
 * Mints the successor of a key and starts the clocks of its rotation, or answers a rotation that was requested. A
 * compromised key ends in this very transaction, whose barrier the caller holds.
 * @throws DomainError `api-key-not-found`, `version-stale`, `api-key-dead`, `api-key-blocked`, `key-rotation-open`,
 *   `tenant-without-keys`, `plan-limit-reached`, `role-too-high`, `scope-too-high`
 */
export async function rotateKey(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'apiKeys' | 'outbox'>,
  issuer: Issuer,
  ref: KeyRef,
  wanted: WantedRotation,
  source: RequestSource,
): Promise<RotatedKey> {
  const old = await lockApiKey(tx, ref.id);
  checkVersion(old, ref.version);
  const request = await requestFor(tx, old);
  const dead = !isAlive(old);
  if (dead && !isLeak(request)) {
    throw new DomainError('api-key-dead', { extra: { status: old.status } });
  }
  if (old.status === 'blocked') throw new DomainError('api-key-blocked');
  requireHeld(issuer, old);
  const { plan } = await lockIssuingTenant(tx, old.tenantId);
  // While the old key lives both are one; after a leak the successor takes a place of its own.
  if (dead) await requireRoom(tx, plan, old.tenantId);

  const rotationId = request?.id ?? (await openRequest(tx, old, wanted, issuer));
  const successor = await insertSuccessor(tx, deps.apiKeys, old, issuer);
  const compromised = dead || wanted.reason === 'compromised';
  const reason: KeyRotationReason =
    wanted.reason === 'compromised' ? 'compromised' : reasonOf(old, request);
  await startClocks(tx, rotationId, {
    ...wanted,
    newKeyId: successor.key.id,
    state: compromised ? 'compromised' : 'pending',
    reason,
    overlapSeconds: compromised ? 0 : wanted.overlapSeconds,
    policy: isUnsafe(reason) ? 'expire' : wanted.policy,
  });
  const started = await getRotation(tx, rotationId);
  if (!dead) {
    await setEnd(
      tx,
      old.id,
      compromised ? 'now' : endOfOldKey({ ...started, ...started.old, expiresAt: null }),
    );
  }
  await record(tx, started, { issuer, source, note: wanted.note });
  if (compromised && !dead) await tellOldKeyEnded(tx, started);
  await deps.outbox.wake(tx, wakeKeyRotation(rotationId));
  return { ...successor, rotation: await getRotation(tx, rotationId) };
}

/** Whether a request answers a leak, of a key whose successor would not be past the expiry that it inherits. */
const isLeak = (request: KeyRotation | undefined): boolean =>
  request?.reason === 'leaked' && !hasPassed(request.old.expiresAt, request.now);

// Without a rotation that has minted, only a leak gives a key an end: its request may have been cancelled since.
const reasonOf = (old: ApiKey, request: KeyRotation | undefined): KeyRotationReason =>
  old.endsAt === null ? (request?.reason ?? 'routine') : 'leaked';

/** The rotation that was requested of a key, if there is one; refuses while another one runs. */
async function requestFor(tx: Tx, old: ApiKey): Promise<KeyRotation | undefined> {
  const replacing = await openRotationOf(tx, old.id);
  if (replacing && replacing.state !== 'requested') throw stillOpen(replacing);
  const before = await openRotationTo(tx, old.id);
  if (before) {
    const rotation = await upToDate(tx, before);
    if (rotation.state === 'pending' || rotation.state === 'overlapping') throw stillOpen(rotation);
    // Its successor is replaced in turn, so that there is nothing to go back to any more.
    if (rotation.state === 'draining') {
      await move(tx, rotation, 'completed', { actorId: 'system:rotation', reason: null });
    }
  }
  return replacing;
}

const stillOpen = ({ id, state }: KeyRotation): DomainError =>
  new DomainError('key-rotation-open', { extra: { rotation_id: id, state } });

async function openRequest(
  tx: Tx,
  old: ApiKey,
  wanted: WantedRotation,
  issuer: Issuer,
): Promise<string> {
  const id = newId();
  const opened = await insertRequest(tx, {
    id,
    tenantId: old.tenantId,
    familyId: old.familyId,
    oldKeyId: old.id,
    reason: wanted.reason,
    note: wanted.note,
    requestedBy: issuer.actorId,
    endsBefore: old.endsAt,
  });
  if (!opened) throw new DomainError('key-rotation-open');
  return id;
}

async function insertSuccessor(
  tx: Tx,
  keys: ApiKeyMaterial,
  old: ApiKey,
  issuer: Issuer,
): Promise<IssuedKey> {
  const minted = await mint(tx, keys, old.environment, true);
  const key = await insertApiKey(tx, {
    id: newId(),
    tenantId: old.tenantId,
    name: old.name,
    prefix: minted.prefix,
    digest: minted.digest,
    environment: old.environment,
    product: old.product,
    scopes: old.scopes,
    role: old.role,
    allowedCidrs: old.allowedCidrs,
    rate: old.rate,
    usageLimit: old.usageLimit,
    usageLimitStrict: old.usageLimitStrict,
    expiresAt: old.expiresAt,
    familyId: old.familyId,
    imported: false,
    createdBy: issuer.actorId,
    createdByAdmin: issuer.staff,
  });
  return { key, plaintext: minted.plaintext };
}

async function record(
  tx: Tx,
  rotation: KeyRotation,
  by: { readonly issuer: Issuer; readonly source: RequestSource; readonly note: string | null },
): Promise<void> {
  const { issuer, source } = by;
  await note(
    tx,
    { ...rotation, state: 'requested' },
    {
      transitionId: `state:${rotation.state}`,
      type: 'started',
      to: rotation.state,
      actorId: issuer.actorId,
      reason: by.note,
      data: { overlap_seconds: rotation.overlapMs / 1000, policy: rotation.policy },
    },
  );
  const old = { id: rotation.oldKeyId, tenantId: rotation.tenantId };
  await emitKeyEvent(tx, 'cabinet.apikey.rotated.v1', old, {
    successor_id: rotation.newKeyId,
    rotation_id: rotation.id,
    reason: rotation.reason,
  });
  await auditRotation(
    tx,
    rotation,
    'started',
    { actorId: issuer.actorId, reason: by.note },
    { reason: rotation.reason, overlap_seconds: rotation.overlapMs / 1000 },
    source,
  );
}
