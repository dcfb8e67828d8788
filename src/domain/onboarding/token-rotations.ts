import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { erase, seal } from '../secrets/secrets';
import { statusOf } from '../tenants/tenants';
import type { OnboardingDeps } from './deps';
import { replaceExtract } from './steps';
import { readInputs, replaceToken, tokenFingerprint } from './inputs';
import { openTenantStatuses } from './onboarding.rules';
import { wakeRotation } from './wake';

/** States of a token rotation: add the new token, verify it, try it, done; the old one is kept until then. */
export type RotationState = 'adding' | 'verifying' | 'smoking' | 'done' | 'failed';

/** A token rotation as its workflow and the API see it. */
export interface TokenRotation {
  readonly id: string;
  readonly tenantId: string;
  readonly onboardingId: string;
  readonly state: RotationState;
  /** Index of the present step among those that carry the token. */
  readonly atStep: number;
  readonly inDoubt: boolean;
  readonly secretId: string | null;
  readonly fingerprint: Buffer;
  readonly failures: number;
  readonly retryInMs: number;
  readonly extract: Readonly<Record<string, Record<string, string | number | boolean>>>;
  readonly problem: ProblemCode | null;
}

const columns = `id, tenant_id as "tenantId", onboarding_id as "onboardingId", state, at_step as "atStep", in_doubt as "inDoubt",
  secret_id as "secretId",
  fingerprint, failures, extract, problem,
  greatest(0, coalesce(extract(epoch from next_attempt_at - now()) * 1000, 0))::float8 as "retryInMs"`;

/**
 * Begins the rotation of a tenant's marketplace token. One at a time; the token in use is refused.
 * @throws DomainError `onboarding-not-found`, `order-not-possible`, `rotation-open`, `token-unchanged`,
 *   `tenant-not-open`
 */
export async function beginRotation(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'ring' | 'outbox'>,
  request: {
    readonly tenantId: string;
    readonly wbToken: string;
    readonly reason: string;
    readonly actorId: string;
  },
): Promise<string> {
  const active = await tx.maybe<{ id: string; status: string }>(
    `select o.id, ${statusOf('t')} as status from onboardings as o join tenants as t on t.id = o.tenant_id
     where o.tenant_id = $1 and o.kind = 'provision' and o.state = 'active'
     order by o.activated_at desc limit 1 for no key update of o`,
    [request.tenantId],
  );
  if (!active) throw await whyNotActive(tx, request.tenantId);
  if (!openTenantStatuses.includes(active.status)) throw new DomainError('tenant-not-open');
  const fingerprint = tokenFingerprint(deps.ring, request.wbToken);
  const inputs = await readInputs(tx, active.id);
  if (inputs.wbTokenFingerprint?.equals(fingerprint)) throw new DomainError('token-unchanged');
  const open = await tx.maybe<{ id: string }>(
    `select id from token_rotations where tenant_id = $1 and state not in ('done', 'failed')`,
    [request.tenantId],
  );
  if (open) throw new DomainError('rotation-open', { extra: { rotation_id: open.id } });
  const id = newId();
  const secretId = await seal(tx, deps.ring, {
    ownerTable: 'token_rotations',
    ownerId: id,
    field: 'wb_token',
    tenantId: request.tenantId,
    plaintext: request.wbToken,
  });
  await tx.run(
    `insert into token_rotations
       (id, tenant_id, onboarding_id, reason, requested_by, secret_id, fingerprint, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      id,
      request.tenantId,
      active.id,
      request.reason,
      request.actorId,
      secretId,
      fingerprint,
      requestContext()?.requestId ?? null,
    ],
  );
  await auditRotation(tx, request.tenantId, id, 'requested', request.actorId);
  await deps.outbox.wake(tx, wakeRotation(id));
  return id;
}

async function whyNotActive(tx: Tx, tenantId: string): Promise<DomainError> {
  const other = await tx.maybe<{ state: string }>(
    'select state from onboardings where tenant_id = $1 order by created_at desc limit 1',
    [tenantId],
  );
  return other
    ? new DomainError('order-not-possible', {
        detail:
          'The token of a tenant is rotated once it is active; until then hand it over or fix it.',
        extra: { state: other.state },
      })
    : new DomainError('onboarding-not-found');
}

/** A rotation by its id. */
export async function readRotation(tx: Tx, rotationId: string): Promise<TokenRotation> {
  const rotation = await tx.maybe<TokenRotation>(
    `select ${columns} from token_rotations where id = $1`,
    [rotationId],
  );
  if (!rotation) throw new DomainError('onboarding-not-found');
  return rotation;
}

/** The same, locked, and marked as driven. */
export async function lockRotation(tx: Tx, rotationId: string): Promise<TokenRotation> {
  await tx.run('update token_rotations set driven_at = now() where id = $1', [rotationId]);
  return readRotation(tx, rotationId);
}

/** Notes one call of a rotation; answers are redacted before they come here. */
export interface RotationAttempt {
  readonly part: string;
  readonly outcome: string;
  readonly http_status: number | null;
  readonly problem: string | null;
  readonly response: unknown;
}

/** Moves a rotation on after a call that succeeded, with what later calls need of its answer. */
export async function advanceRotation(
  tx: Tx,
  rotation: TokenRotation,
  to: 'verifying' | 'smoking' | 'done',
  extract: TokenRotation['extract'],
  attempt: RotationAttempt,
): Promise<void> {
  await tx.run(
    `update token_rotations set state = $2, extract = $3, failures = 0, next_attempt_at = null, in_doubt = false,
       at_step = at_step + 1,
       attempts = attempts || $4::jsonb, ended_at = case when $2 = 'done' then now() end,
       secret_id = case when $2 = 'done' then null else secret_id end
     where id = $1`,
    [rotation.id, to, JSON.stringify(extract), JSON.stringify([attempt])],
  );
  if (to !== 'done') {
    await auditRotation(tx, rotation.tenantId, rotation.id, 'step_done', 'system:workflow', to);
  }
  if (to === 'done' && rotation.secretId) {
    await replaceToken(
      tx,
      { onboardingId: rotation.onboardingId, tenantId: rotation.tenantId },
      { secretId: rotation.secretId, fingerprint: rotation.fingerprint },
    );
    for (const [key, values] of Object.entries(extract)) {
      const step = { onboardingId: rotation.onboardingId, tenantId: rotation.tenantId, key };
      await replaceExtract(tx, step, values);
    }
    await auditRotation(tx, rotation.tenantId, rotation.id, 'done', 'system:workflow');
  }
}

/** Records before a call that its outcome is unknown until it is recorded. */
export async function doubtRotation(tx: Tx, rotationId: string): Promise<void> {
  await tx.run('update token_rotations set in_doubt = true where id = $1', [rotationId]);
}

/** Notes a failed call that will be tried again. */
export async function delayRotation(
  tx: Tx,
  rotation: TokenRotation,
  delay: { readonly inMs: number; readonly failures: number; readonly inDoubt: boolean },
  attempt: RotationAttempt,
): Promise<void> {
  await tx.run(
    `update token_rotations set failures = $4, in_doubt = $5, attempts = attempts || $3::jsonb,
       next_attempt_at = now() + $2 * interval '1 millisecond'
     where id = $1`,
    [rotation.id, delay.inMs, JSON.stringify([attempt]), delay.failures, delay.inDoubt],
  );
}

/** Ends a rotation that did not work out: the old token stays the one in use, the new one is erased. */
export async function failRotation(
  tx: Tx,
  rotation: TokenRotation,
  problem: ProblemCode,
  attempt: RotationAttempt | null,
): Promise<void> {
  await tx.run(
    `update token_rotations set state = 'failed', problem = $2, ended_at = now(), secret_id = null,
       attempts = attempts || $3::jsonb
     where id = $1`,
    [rotation.id, problem, JSON.stringify(attempt ? [attempt] : [])],
  );
  if (rotation.secretId) await erase(tx, rotation.secretId);
  await auditRotation(tx, rotation.tenantId, rotation.id, 'failed', 'system:workflow');
}

async function auditRotation(
  tx: Tx,
  tenantId: string,
  rotationId: string,
  what: 'requested' | 'step_done' | 'done' | 'failed',
  actorId: string,
  state?: TokenRotation['state'],
): Promise<void> {
  await audit.append(tx, {
    action: `token_rotation.${what}`,
    crud: what === 'requested' ? 'c' : 'u',
    outcome: what === 'failed' ? 'failure' : 'success',
    actorId,
    tenantId,
    targets: [{ type: 'token_rotation', id: rotationId }],
    ...(state === undefined ? {} : { metadata: { state } }),
    component: what === 'requested' ? 'api' : 'worker',
  });
}
