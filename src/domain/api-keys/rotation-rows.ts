import type {
  KeyRotationPolicy,
  KeyRotationReason,
  KeyRotationState,
} from '../../contracts/key-rotations';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { requestContext } from '../../platform/request-context';
import type { KeyRotation } from './key-rotations';
import { isOver, mayFollow } from './rotation.rules';

/** A rotation to be opened. */
export interface NewRotation {
  readonly id: string;
  readonly tenantId: string;
  readonly familyId: string;
  readonly oldKeyId: string;
  readonly reason: KeyRotationReason;
  readonly note: string | null;
  readonly requestedBy: string;
  /** The end that the old key has already. */
  readonly endsBefore: Date | null;
}

/** Opens a rotation that mints nothing yet; false when the key has an open one. */
export async function insertRequest(tx: Tx, rotation: NewRotation): Promise<boolean> {
  const inserted = await tx.run(
    `insert into key_rotations
       (id, tenant_id, family_id, old_key_id, state, reason, note, requested_by, ends_before, request_id)
     values ($1, $2, $3, $4, 'requested', $5, $6, $7, $8, $9)
     on conflict (old_key_id) where state in ('requested', 'pending', 'overlapping', 'draining') do nothing`,
    [
      rotation.id,
      rotation.tenantId,
      rotation.familyId,
      rotation.oldKeyId,
      rotation.reason,
      rotation.note,
      rotation.requestedBy,
      rotation.endsBefore,
      requestContext()?.requestId ?? null,
    ],
  );
  return inserted > 0;
}

/** How a rotation runs once its successor is there; durations in seconds. */
export interface RotationClocks {
  readonly newKeyId: string;
  readonly state: 'pending' | 'compromised';
  readonly reason: KeyRotationReason;
  readonly note: string | null;
  readonly policy: KeyRotationPolicy;
  readonly overlapSeconds: number;
  readonly deadlineSeconds: number;
  readonly extendSeconds: number;
  readonly maxExtensions: number;
  readonly quietSeconds: number | null;
}

/** Starts the clocks of a requested rotation: its successor has been minted. */
export async function startClocks(tx: Tx, id: string, clocks: RotationClocks): Promise<void> {
  await tx.run(
    `update key_rotations set state = $2, new_key_id = $3, reason = $4, note = coalesce($5, note), policy = $6,
       overlap_seconds = $7, deadline_at = now() + $8 * interval '1 second', extend_seconds = $9,
       max_extensions = $10, quiet_seconds = $11, started_at = now(), end_fixed_at = now(),
       ended_at = case when $2 = 'compromised' then now() end, version = version + 1, updated_at = now()
     where id = $1`,
    [
      id,
      clocks.state,
      clocks.newKeyId,
      clocks.reason,
      clocks.note,
      clocks.policy,
      clocks.overlapSeconds,
      clocks.deadlineSeconds,
      clocks.extendSeconds,
      clocks.maxExtensions,
      clocks.quietSeconds,
    ],
  );
}

/** Writes the clocks of an extension, and whether the policy has given it. */
export async function moveClocks(
  tx: Tx,
  id: string,
  clocks: {
    readonly deadlineAt: Date;
    readonly overlapMs: number;
    readonly byPolicy: boolean;
  },
): Promise<void> {
  await tx.run(
    `update key_rotations set deadline_at = $2, overlap_seconds = $3, extensions = extensions + $4,
       end_fixed_at = clock_timestamp(), version = version + 1, updated_at = now()
     where id = $1`,
    [id, clocks.deadlineAt, Math.floor(clocks.overlapMs / 1000), clocks.byPolicy ? 1 : 0],
  );
}

/** Changes the reason of a rotation whose old key turned out to be in wrong hands. */
export async function setReason(tx: Tx, id: string, reason: KeyRotationReason): Promise<void> {
  await tx.run('update key_rotations set reason = $2, updated_at = now() where id = $1', [
    id,
    reason,
  ]);
}

/** Makes a rotation one of a key that leaked: however it goes on, the old key ends with its grace. */
export async function boundByLeak(tx: Tx, id: string, endsAt: Date | null): Promise<void> {
  await tx.run(
    `update key_rotations set reason = 'leaked', policy = 'expire', ends_before = least(ends_before, $2::timestamptz),
       version = version + 1, updated_at = now()
     where id = $1`,
    [id, endsAt],
  );
}

/** Notes that something was told for an end, so that it is told once. */
export async function noteTold(tx: Tx, id: string, name: string, end: string): Promise<void> {
  await tx.run(
    `update key_rotations set reminders = reminders || jsonb_build_object($2::text, $3::text) where id = $1`,
    [id, name, end],
  );
}

/** Notes that somebody drives a rotation. */
export async function noteDriven(tx: Tx, id: string): Promise<void> {
  await tx.run('update key_rotations set driven_at = now() where id = $1', [id]);
}

/** A change of a rotation, or something that happened to it without one. */
export interface RotationStep {
  /** Unique within the rotation: a step that is repeated is written once. */
  readonly transitionId: string;
  readonly type: string;
  readonly to: KeyRotationState;
  readonly actorId: string;
  readonly reason?: string | null;
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * Moves a rotation to a state and notes it in its history; under the lock of its keys' family. A step that leads
 * nowhere only notes what happened.
 */
export async function step(
  tx: Tx,
  rotation: Pick<KeyRotation, 'id' | 'tenantId' | 'state'>,
  to: RotationStep,
): Promise<void> {
  if (rotation.state !== to.to) {
    if (!mayFollow(rotation.state, to.to)) {
      throw new DomainError('key-rotation-order-not-possible', {
        detail: `A rotation that is ${rotation.state} never becomes ${to.to}.`,
      });
    }
    await tx.run(
      `update key_rotations set state = $2, version = version + 1, updated_at = now(),
         drained_at = case when $2 = 'draining' then clock_timestamp() else drained_at end,
         ended_at = case when $3 then clock_timestamp() else ended_at end
       where id = $1`,
      [rotation.id, to.to, isOver(to.to)],
    );
  }
  await note(tx, rotation, to);
}

/** Writes the history of a rotation. */
export async function note(
  tx: Tx,
  rotation: Pick<KeyRotation, 'id' | 'tenantId'> & { readonly state: KeyRotationState | null },
  happened: RotationStep,
): Promise<void> {
  await tx.run(
    `insert into key_rotation_events
       (rotation_id, tenant_id, transition_id, type, from_state, to_state, data, actor, reason, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (rotation_id, transition_id) do nothing`,
    [
      rotation.id,
      rotation.tenantId,
      happened.transitionId,
      happened.type,
      rotation.state,
      happened.to,
      JSON.stringify(happened.data ?? {}),
      happened.actorId,
      happened.reason ?? null,
      requestContext()?.requestId ?? null,
    ],
  );
}
