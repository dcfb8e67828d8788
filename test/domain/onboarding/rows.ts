import type { OnboardingState } from '../../../src/contracts/onboardings';
import type { Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';

/** A tenant row; the bucket is given, not computed, so that a test can place it. */
export async function insertTenant(
  tx: Tx,
  given: {
    slug?: string;
    status?: string;
    kind?: string;
    plan?: string;
    bucket?: number;
    partnerId?: string;
  } = {},
): Promise<string> {
  const id = newId();
  const slug = given.slug ?? `t-${id.slice(-12)}`;
  await tx.run(
    `insert into tenants (id, slug, name, status, kind, plan, bucket, partner_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      id,
      slug,
      `Tenant ${slug}`,
      given.status ?? 'pending',
      given.kind ?? 'customer',
      given.plan ?? 'starter',
      given.bucket ?? 50,
      given.partnerId ?? null,
    ],
  );
  return id;
}

/** What a test says of an onboarding; times are minutes before now. */
export interface GivenJob {
  tenantId?: string;
  email?: string;
  kind?: 'provision' | 'member' | null;
  state?: OnboardingState;
  stoodAt?: OnboardingState;
  inviteStatus?: 'invited' | 'accepted' | 'expired' | 'revoked' | 'declined';
  held?: boolean;
  /** Minutes until the invite expires; negative when it has. */
  expiresIn?: number;
  createdAgo?: number;
  acceptedAgo?: number;
  activatedAgo?: number;
  endedAgo?: number;
  parkedAgo?: number;
  firstUpdateAgo?: number;
  customerWaitMinutes?: number;
  manualOrders?: number;
  waitingFor?: 'customer' | 'order';
  number?: number;
  undoing?: boolean;
  failedStep?: string;
  problem?: string;
  requestId?: string;
}

/** An invite with its onboarding. */
export async function insertJob(
  tx: Tx,
  given: GivenJob = {},
): Promise<{ id: string; inviteId: string; tenantId: string }> {
  const [id, inviteId] = [newId(), newId()];
  const tenantId = given.tenantId ?? (await insertTenant(tx));
  const ago = (minutes: number | undefined): Date | null =>
    minutes === undefined ? null : new Date(Date.now() - minutes * 60_000);
  const accepted = given.acceptedAgo !== undefined;
  await tx.run(
    `insert into invites
       (id, tenant_id, email, role, locale, status, invited_by, expires_in_hours, expires_at, accepted_at, held,
        created_at)
     values ($1, $2, $3, 'client', 'en', $4, 'user:test', 168, $5, $6, $7, coalesce($8, now()))`,
    [
      inviteId,
      tenantId,
      given.email ?? `${inviteId.slice(-12)}@example.com`,
      given.inviteStatus ?? (accepted ? 'accepted' : 'invited'),
      new Date(Date.now() + (given.expiresIn ?? 10_080) * 60_000),
      ago(given.acceptedAgo),
      given.held ?? false,
      ago(given.createdAgo),
    ],
  );
  await tx.run(
    `insert into onboardings
       (id, invite_id, tenant_id, kind, state, stood_at, blueprint, number, waiting_for, waiting_since,
        customer_wait_ms, failed_step, problem, parked_at, undoing, manual_orders, accepted_at, first_update_at,
        activated_at, ended_at, request_id, created_at)
     values ($1, $2, $3, $4, $5, $6, 'default', $7, $8, case when $8::text is not null then now() end, $9, $10, $11,
       $12, $13, $14, $15, $16, $17, $18, $19, coalesce($20, now()))`,
    [
      id,
      inviteId,
      tenantId,
      given.kind === undefined ? (accepted ? 'provision' : null) : given.kind,
      given.state ?? (accepted ? 'email_confirmed' : 'invited'),
      given.stoodAt ?? null,
      given.number ?? 0,
      given.waitingFor ?? null,
      (given.customerWaitMinutes ?? 0) * 60_000,
      given.failedStep ?? null,
      given.problem ?? null,
      ago(given.parkedAgo),
      given.undoing ?? false,
      given.manualOrders ?? 0,
      ago(given.acceptedAgo),
      ago(given.firstUpdateAgo),
      ago(given.activatedAgo),
      ago(given.endedAgo),
      given.requestId ?? null,
      ago(given.createdAgo),
    ],
  );
  return { id, inviteId, tenantId };
}

/** The steps of an onboarding in their order, `key: status`. */
export async function insertSteps(
  tx: Tx,
  job: { id: string; tenantId: string },
  steps: Record<string, string>,
): Promise<void> {
  let position = 0;
  for (const [key, status] of Object.entries(steps)) {
    const [connector = '', step = ''] = key.split('.');
    position += 1;
    await tx.run(
      `insert into onboarding_steps (onboarding_id, key, tenant_id, position, connector, step, status)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [job.id, key, job.tenantId, position, connector, step, status],
    );
  }
}
