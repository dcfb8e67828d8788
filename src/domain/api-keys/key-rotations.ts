import type {
  KeyRotationPolicy,
  KeyRotationReason,
  KeyRotationState,
} from '../../contracts/key-rotations';
import { DomainError } from '../../errors/problems';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { notWokenLately } from '../../platform/woken-lately';
import type { RotationFacts } from './rotation.rules';

/** A rotation with what its rows and those of its keys say, at one moment of the database's clock. */
export interface KeyRotation extends RotationFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly oldKeyId: string;
  readonly newKeyId: string | null;
  readonly note: string | null;
  readonly requestedBy: string;
  readonly endedAt: Date | null;
  readonly version: number;
  /** The moment that all of this was read at. */
  readonly now: Date;
}

interface Row {
  readonly id: string;
  readonly tenantId: string;
  readonly oldKeyId: string;
  readonly newKeyId: string | null;
  readonly state: KeyRotationState;
  readonly reason: KeyRotationReason;
  readonly policy: KeyRotationPolicy;
  readonly note: string | null;
  readonly overlapSeconds: number;
  readonly deadlineAt: Date | null;
  readonly startedAt: Date | null;
  readonly extendSeconds: number;
  readonly extensions: number;
  readonly maxExtensions: number;
  readonly quietSeconds: number | null;
  readonly endFixedAt: Date | null;
  readonly endsBefore: Date | null;
  readonly told: Record<string, string>;
  readonly requestedBy: string;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
  readonly version: number;
  readonly oldExpiresAt: Date | null;
  readonly oldEndsAt: Date | null;
  readonly oldRevokedAt: Date | null;
  readonly oldBlockedAt: Date | null;
  readonly oldLastUsedAt: Date | null;
  readonly newFirstUsedAt: Date | null;
  readonly newRevokedAt: Date | null;
  readonly newRotated: boolean;
  readonly now: Date;
}

const columns = `r.id, r.tenant_id as "tenantId", r.old_key_id as "oldKeyId", r.new_key_id as "newKeyId",
    r.state, r.reason, r.policy, r.note, r.overlap_seconds as "overlapSeconds", r.deadline_at as "deadlineAt",
    r.started_at as "startedAt", r.extend_seconds as "extendSeconds", r.extensions,
    r.max_extensions as "maxExtensions", r.quiet_seconds as "quietSeconds", r.end_fixed_at as "endFixedAt",
    r.ends_before as "endsBefore", r.reminders as told, r.requested_by as "requestedBy",
    r.created_at as "createdAt", r.ended_at as "endedAt", r.version,
    old.expires_at as "oldExpiresAt", old.ends_at as "oldEndsAt", old.revoked_at as "oldRevokedAt",
    old.blocked_at as "oldBlockedAt",
    (select u.last_used_at from api_key_usage as u where u.key_id = old.id) as "oldLastUsedAt",
    new.first_used_at as "newFirstUsedAt", new.revoked_at as "newRevokedAt",
    exists (select 1 from key_rotations as later where later.old_key_id = r.new_key_id
      and later.new_key_id is not null and later.state not in ('cancelled', 'rolled_back')) as "newRotated",
    clock_timestamp() as now`;

const source = `from key_rotations as r join api_keys as old on old.id = r.old_key_id
    left join api_keys as new on new.id = r.new_key_id`;

const query = `select ${columns} ${source}`;

function rotationOf(row: Row): KeyRotation {
  return {
    id: row.id,
    tenantId: row.tenantId,
    oldKeyId: row.oldKeyId,
    newKeyId: row.newKeyId,
    state: row.state,
    reason: row.reason,
    policy: row.policy,
    note: row.note,
    overlapMs: row.overlapSeconds * 1000,
    deadlineAt: row.deadlineAt,
    startedAt: row.startedAt,
    firstUsedAt: row.newFirstUsedAt,
    extendMs: row.extendSeconds * 1000,
    extensions: row.extensions,
    maxExtensions: row.maxExtensions,
    quietMs: row.quietSeconds === null ? null : row.quietSeconds * 1000,
    endFixedAt: row.endFixedAt,
    told: row.told,
    requestedBy: row.requestedBy,
    createdAt: row.createdAt,
    endedAt: row.endedAt,
    version: row.version,
    old: {
      expiresAt: row.oldExpiresAt,
      endsBefore: row.endsBefore,
      endsAt: row.oldEndsAt,
      revokedAt: row.oldRevokedAt,
      blockedAt: row.oldBlockedAt,
      lastUsedAt: row.oldLastUsedAt,
    },
    successor:
      row.newKeyId === null ? null : { revokedAt: row.newRevokedAt, rotated: row.newRotated },
    now: row.now,
  };
}

/** SQL of whether a rotation `r` is open. */
export const isOpen = `r.state in ('requested', 'pending', 'overlapping', 'draining')`;

/**
 * The rotation of an id.
 * @throws DomainError `key-rotation-not-found`
 */
export async function getRotation(tx: Tx, id: string): Promise<KeyRotation> {
  const row = await tx.maybe<Row>(`${query} where r.id = $1`, [id]);
  if (!row) throw new DomainError('key-rotation-not-found');
  return rotationOf(row);
}

/** The rotation of an id, or undefined. */
export async function findRotation(tx: Tx, id: string): Promise<KeyRotation | undefined> {
  const row = await tx.maybe<Row>(`${query} where r.id = $1`, [id]);
  return row && rotationOf(row);
}

/** The open rotation in which a key is the old one, or undefined. */
export async function openRotationOf(tx: Tx, keyId: string): Promise<KeyRotation | undefined> {
  const row = await tx.maybe<Row>(`${query} where r.old_key_id = $1 and ${isOpen}`, [keyId]);
  return row && rotationOf(row);
}

/** The open rotation that has brought a key forth, or undefined. */
export async function openRotationTo(tx: Tx, keyId: string): Promise<KeyRotation | undefined> {
  const row = await tx.maybe<Row>(`${query} where r.new_key_id = $1 and ${isOpen}`, [keyId]);
  return row && rotationOf(row);
}

/** The open rotations of many keys, by the id of either key; where a key has two, the one that replaces it. */
export async function openRotationsOf(
  tx: Tx,
  keyIds: readonly string[],
): Promise<ReadonlyMap<string, KeyRotation>> {
  if (keyIds.length === 0) return new Map();
  const rows = await tx.rows<Row>(
    `${query} where ${isOpen} and (r.old_key_id = any($1::uuid[]) or r.new_key_id = any($1::uuid[]))`,
    [keyIds],
  );
  const rotations = rows.map(rotationOf);
  return new Map([
    ...rotations.flatMap((rotation) =>
      rotation.newKeyId === null ? [] : [[rotation.newKeyId, rotation] as const],
    ),
    ...rotations.map((rotation) => [rotation.oldKeyId, rotation] as const),
  ]);
}

/** Rotations in which a key is the old or the new one, newest first. */
export async function listRotations(
  tx: Tx,
  keyId: string,
  keyset: Keyset,
): Promise<Page<KeyRotation>> {
  const rows = await tx.rows<Row & { position_at: string }>(
    `select ${columns}, ${positionOf('r.created_at')} ${source}
     where (r.old_key_id = $4 or r.new_key_id = $4)
       and ($1::timestamptz is null or (r.created_at, r.id) < ($1::timestamptz, $2::uuid))
     order by r.created_at desc, r.id desc limit $3`,
    [...keysetParams(keyset), keyId],
  );
  const page = pageOf(rows, keyset, ({ id }) => id);
  return { items: page.items.map(rotationOf), next: page.next };
}

/** One thing that happened to a rotation. */
export interface RotationEvent {
  readonly type: string;
  readonly fromState: KeyRotationState | null;
  readonly toState: KeyRotationState;
  readonly actor: string;
  readonly reason: string | null;
  readonly data: Record<string, unknown>;
  readonly at: Date;
}

/** The history of a rotation, oldest first. */
export function eventsOf(tx: Tx, rotationId: string): Promise<RotationEvent[]> {
  return tx.rows<RotationEvent>(
    `select type, from_state as "fromState", to_state as "toState", actor, reason, data, at
     from key_rotation_events where rotation_id = $1 order by id`,
    [rotationId],
  );
}

/** Rotations that are not over and that nobody has driven for so many hours, or all from an id on. */
export function undriven(
  tx: Tx,
  which: { readonly hours: number | null; readonly from: string | null; readonly limit: number },
): Promise<{ id: string }[]> {
  return tx.rows<{ id: string }>(
    `select r.id from key_rotations as r
     where (${isOpen} or (r.state = 'compromised' and r.reminders -> 'never-used' is null
         and r.ended_at > now() - interval '2 days'))
       and ($2::uuid is null or r.id > $2)
       -- A Temporal that is new has not kept what was delivered to the one before it.
       and case when $1::float8 is null then not exists (select 1 from outbox as o
           where o.aggregate = 'api-key-rotation/' || r.id and o.delivered_at is null and o.dead_at is null)
         else coalesce(r.driven_at, r.created_at) < now() - $1::float8 * interval '1 hour'
           and ${notWokenLately(`'api-key-rotation/' || r.id`)} end
     order by r.id limit $3`,
    [which.hours, which.from, which.limit],
  );
}
