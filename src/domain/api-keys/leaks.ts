import { readKey } from '../../platform/crypto/key-formats';
import type { ReadKey } from '../../platform/crypto/key-formats';
import { openBarrier } from '../../platform/barriers';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { RequestSource } from '../identity/callers';
import { findByDigests, lockApiKey, markRevoked, setEnd } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps } from './deps';
import { isAlive } from './edit';
import { openRotationOf } from './key-rotations';
import type { KeyRotation } from './key-rotations';
import { policyOf } from './policies';
import type { KeyPolicy } from './policies';
import { auditKey, emitKeyEvent } from './records';
import { requestRotation } from './request-rotation';
import { tellOwners } from './rotation-mails';
import { boundByLeak } from './rotation-rows';
import { settleAfterRevocation } from './rotation-states';
import type { Mover } from './rotation-states';
import { earliest, isUnsafe } from './rotation.rules';
import { wakeKeyRotation } from './wake';

/** What a leak report leans on of verification. */
export interface LeakDoors {
  /** Counts a report against its source, as a failed verification; whether or not it names a key of ours. */
  readonly countFailure: (address: string | null) => void;
  /** Makes an imported key one of ours if the text is that key, within the limits of slow hashes. */
  readonly adopt: (text: string, read: ReadKey, address: string | null) => Promise<void>;
}

type Deps = Pick<ApiKeyDeps, 'db' | 'ring' | 'outbox' | 'apiKeys' | 'config'>;

const reporter: Mover = { actorId: 'system:leak-report', reason: 'Reported as leaked' };

/**
 * Takes a key that was found where it should not be out of use: at once, or after the grace that its tenant wants.
 * Its owner is told, and a rotation is requested that they can answer. Whoever reports learns nothing: neither the
 * answer nor an error tells whether the key is known.
 */
export async function reportLeak(
  deps: Deps,
  doors: LeakDoors,
  text: string,
  source: RequestSource,
): Promise<void> {
  const read = readKey(deps.apiKeys.prefix, text);
  if (!read) {
    doors.countFailure(source.ip);
    return;
  }
  const found = await find(deps, doors, text, read, source.ip);
  if (!found) return;
  doors.countFailure(source.ip);
  await withSystem(deps.db, 'holder', async (tx) => {
    // Commits synchronously, and is not waited for: a hit would be answered a lease later than a miss.
    await openBarrier(tx);
    const key = await lockApiKey(tx, found.id);
    if (!key.revokedAt) await takeOut(tx, deps, key, source);
  });
}

async function find(
  deps: Deps,
  doors: LeakDoors,
  text: string,
  read: ReadKey,
  address: string | null,
): Promise<ApiKey | undefined> {
  const candidates = deps.apiKeys.hasher.candidates(text);
  const look = (): Promise<ApiKey | undefined> =>
    withSystem(deps.db, 'holder', (tx) => findByDigests(tx, candidates), { readOnly: true });
  const found = await look();
  if (found) return found;
  await doors.adopt(text, read, address);
  return look();
}

async function takeOut(tx: Tx, deps: Deps, key: ApiKey, source: RequestSource): Promise<void> {
  const policy = await policyOf(tx, key.tenantId);
  if (policy.onLeak === 'revoke' || !isAlive(key)) {
    await revoke(tx, deps, key);
    await tell(tx, deps, key, { policy, source, endsAt: null });
    return;
  }
  const open = await openRotationOf(tx, key.id);
  const endsAt = earliest(await endOfGrace(tx, policy), key.endsAt);
  // Whoever reports it again gives no other grace, and nobody a mail.
  if (isInGrace(key, open) && endsAt?.getTime() === key.endsAt?.getTime()) return;
  await giveGrace(tx, deps, { ...key, endsAt }, open);
  await tell(tx, deps, key, { policy, source, endsAt: earliest(endsAt, key.expiresAt) });
}

// The only ends that a key has without a rotation that has minted, or with one that knows of the leak.
const isInGrace = (key: ApiKey, open: KeyRotation | undefined): boolean =>
  key.endsAt !== null && (open === undefined || isUnsafe(open.reason));

async function tell(
  tx: Tx,
  deps: Deps,
  key: ApiKey,
  leak: {
    readonly policy: KeyPolicy;
    readonly source: RequestSource;
    /** Null when it is revoked. */
    readonly endsAt: Date | null;
  },
): Promise<void> {
  const { policy, source } = leak;
  const endsAt = leak.endsAt?.toISOString() ?? null;
  const metadata = { on_leak: policy.onLeak, ends_at: endsAt };
  await emitKeyEvent(tx, 'apikey.leaked.v1', key, metadata);
  await auditKey(tx, 'apikey.leaked', key, { actorId: reporter.actorId, source, metadata });
  await tellOwners(tx, deps, key.id, 'key-leaked', { ends_at: endsAt, revoked: endsAt === null });
}

async function revoke(tx: Tx, deps: Deps, key: ApiKey): Promise<void> {
  await markRevoked(tx, key.id, reporter);
  for (const id of await settleAfterRevocation(tx, key.id, reporter, true)) {
    await deps.outbox.wake(tx, wakeKeyRotation(id));
  }
  await emitKeyEvent(tx, 'cabinet.apikey.revoked.v1', key, { reason: 'leaked' });
  // One that had ended anyway, or that has a successor already, needs none.
  if (isAlive(key) && !(await hasSuccessor(tx, key.id))) {
    await requestRotation(tx, deps, key, 'leaked');
  }
}

async function endOfGrace(tx: Tx, { leakGraceSeconds }: KeyPolicy): Promise<Date> {
  const { end } = await tx.one<{ end: Date }>(
    `select clock_timestamp() + $1 * interval '1 second' as "end"`,
    [leakGraceSeconds],
  );
  return end;
}

/** Ends a key with its grace, whatever becomes of a rotation of it. */
async function giveGrace(
  tx: Tx,
  deps: Deps,
  key: ApiKey,
  open: KeyRotation | undefined,
): Promise<void> {
  await setEnd(tx, key.id, key.endsAt);
  if (open) {
    await boundByLeak(tx, open.id, key.endsAt);
    await deps.outbox.wake(tx, wakeKeyRotation(open.id));
  } else await requestRotation(tx, deps, key, 'leaked');
}

async function hasSuccessor(tx: Tx, keyId: string): Promise<boolean> {
  const row = await tx.maybe(
    `select 1 from key_rotations as r join api_keys as k on k.id = r.new_key_id
     where r.old_key_id = $1 and k.revoked_at is null`,
    [keyId],
  );
  return row !== undefined;
}
