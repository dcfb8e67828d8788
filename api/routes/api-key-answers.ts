import type { z } from 'zod';
import type { ApiKey as KeyAnswer } from '../../src/contracts/api-keys';
import type { KeyRotation as RotationAnswer } from '../../src/contracts/key-rotations';
import type { ApiKey } from '../../src/domain/api-keys/api-keys';
import type { KeyRotation } from '../../src/domain/api-keys/key-rotations';
import {
  enforcedEnd,
  possibleOrders,
  rollbackUntil,
  stateNow,
} from '../../src/domain/api-keys/rotation.rules';

const hour = 3_600_000;
const time = (at: Date | null): string | null => at?.toISOString() ?? null;

/** An API key as it is shown, with the rotation that is open. */
export function keyAnswer(
  key: ApiKey,
  rotation: KeyRotation | undefined,
): z.input<typeof KeyAnswer> {
  return {
    id: key.id,
    tenant_id: key.tenantId,
    name: key.name,
    prefix: key.prefix,
    environment: key.environment,
    status: key.status,
    product: key.product,
    scopes: [...key.scopes],
    role: key.role,
    allowed_cidrs: [...key.allowedCidrs],
    rate_limit: key.rate && { limit: key.rate.limit, window_seconds: key.rate.windowSeconds },
    usage_limit: key.usageLimit,
    usage_limit_strict: key.usageLimitStrict,
    expires_at: time(key.expiresAt),
    ends_at: time(key.endsAt),
    first_used_at: time(key.firstUsedAt),
    last_used_at: time(key.lastUsedAt),
    revoked_at: time(key.revokedAt),
    revoked_reason: key.revokedReason,
    blocked_at: time(key.blockedAt),
    blocked_reason: key.blockedReason,
    rotation_family_id: key.familyId,
    rotation: rotation ? rotationAnswer(rotation) : null,
    imported: key.imported,
    created_by: key.createdBy,
    created_by_admin: key.createdByAdmin,
    created_at: key.createdAt.toISOString(),
    updated_at: key.updatedAt.toISOString(),
    version: key.version,
  };
}

/** A rotation as it is shown: what is true now, whatever a worker has written down so far. */
export function rotationAnswer(rotation: KeyRotation): z.input<typeof RotationAnswer> {
  const { now } = rotation;
  return {
    id: rotation.id,
    tenant_id: rotation.tenantId,
    key_id: rotation.oldKeyId,
    successor_id: rotation.newKeyId,
    state: stateNow(rotation, now),
    reason: rotation.reason,
    note: rotation.note,
    overlap_hours: rotation.overlapMs / hour,
    deadline_at: time(rotation.deadlineAt),
    old_key_ends_at: time(enforcedEnd(rotation)),
    at_deadline: rotation.policy,
    extend_hours: rotation.extendMs / hour,
    extensions: rotation.extensions,
    max_extensions: rotation.maxExtensions,
    finish_early_after_hours: rotation.quietMs === null ? null : rotation.quietMs / hour,
    first_used_at: time(rotation.firstUsedAt),
    rollback_until: time(rotation.state === 'compromised' ? null : rollbackUntil(rotation)),
    possible_orders: possibleOrders(rotation, now),
    requested_by: rotation.requestedBy,
    created_at: rotation.createdAt.toISOString(),
    started_at: time(rotation.startedAt),
    ended_at: time(rotation.endedAt),
    version: rotation.version,
  };
}
