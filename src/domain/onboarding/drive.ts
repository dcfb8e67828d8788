import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { noteSubject } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { enqueueMail } from '../mails/mails';
import { emitEvent } from '../tenants/events';
import { activateProvisioned } from '../tenants/tenant-changes';
import { lockTenant } from '../tenants/tenants';
import { applyOrder, tokenOfOrder } from './apply-order';
import { expireInvite } from './close-invite';
import type { OnboardingDeps } from './deps';
import { lockFacts, lockFactsOfInvite, readFacts } from './facts';
import { mailToken } from './invite-mails';
import { mintToken } from './invite-tokens';
import { lockInvite, markReminded } from './invites';
import { beginWait, countReminder, endWait, move } from './onboardings';
import { openTenantStatuses, provisioningStates } from './onboarding.rules';
import { readOrder } from './orders';
import { park } from './park';
import { declaredStep } from './steps';
import { parkWhereClosed } from './tenant-stops';
import { endRollback } from './undo-call';
import {
  currentStep,
  customerReminderInMs,
  inviteReminderInMs,
  isProvisioning,
  missingOf,
  stepToUndo,
  viewOf,
} from './view.rules';
import type { OnboardingFacts, OnboardingView, Reminders } from './view.rules';
import { recordWorkspace } from './workspaces';

type Deps = Pick<
  OnboardingDeps,
  'db' | 'ring' | 'connectors' | 'config' | 'metrics' | 'outbox' | 'log'
>;

/** When reminders are due, as configured. */
export function remindersOf(deps: Pick<OnboardingDeps, 'config'>): Reminders {
  return {
    inviteHours: deps.config.INVITE_REMINDER_HOURS,
    customerHours: deps.config.CUSTOMER_REMINDER_HOURS,
  };
}

/**
 * Looks at an onboarding's rows: applies the order that waits, closes what has run out, begins and ends waits, and
 * tells the workflow what is next. Every wake-up and every timer comes here; twice does no harm.
 */
export async function openOnboarding(deps: Deps, inviteId: string): Promise<OnboardingView> {
  const settled = await settleRows(deps, inviteId, undefined);
  if (settled.queuedOrderId === null) return viewOf(settled, remindersOf(deps));
  // Opening a sealed input commits an access-log row of its own, so it comes before the lock.
  const opened = await openQueuedOrder(deps, settled.queuedOrderId);
  return viewOf(await settleRows(deps, inviteId, opened), remindersOf(deps));
}

function settleRows(
  deps: Deps,
  inviteId: string,
  opened: OpenedOrder | undefined,
): Promise<OnboardingFacts> {
  return withSystem(deps.db, 'activity', async (tx) =>
    settle(tx, deps, await lockFactsOfInvite(tx, inviteId), opened),
  );
}

interface OpenedOrder {
  readonly id: string;
  readonly wbToken: string | undefined;
}

async function openQueuedOrder(deps: Deps, orderId: string): Promise<OpenedOrder> {
  const order = await withSystem(deps.db, 'activity', (tx) => readOrder(tx, orderId));
  return { id: order.id, wbToken: await tokenOfOrder(deps, order) };
}

async function settle(
  tx: Tx,
  deps: Deps,
  found: OnboardingFacts,
  opened: OpenedOrder | undefined,
): Promise<OnboardingFacts> {
  let facts = found;
  noteSubject({ tenantId: facts.tenantId, onboardingId: facts.id });
  if (facts.state === 'invited') {
    if (await settleInvite(tx, deps, facts)) facts = await readFacts(tx, facts.id);
  }
  // An order that came in after the look before the lock is applied by the next look, which its wake-up brings.
  if (facts.queuedOrderId !== null && facts.queuedOrderId === opened?.id) {
    await applyOrder(tx, deps, facts, opened.id, opened.wbToken);
    facts = await readFacts(tx, facts.id);
  }
  if (facts.undoing && facts.waitingFor === null && stepToUndo(facts) === undefined) {
    await endRollback(tx, facts);
    return readFacts(tx, facts.id);
  }
  if (await parkWhereClosed(tx, deps, facts)) return readFacts(tx, facts.id);
  if (isProvisioning(facts.state) && !facts.undoing && (await settleWait(tx, deps, facts))) {
    facts = await readFacts(tx, facts.id);
  }
  return facts;
}

async function settleInvite(tx: Tx, deps: Deps, facts: OnboardingFacts): Promise<boolean> {
  if (facts.invite.held) return false;
  if (facts.invite.expiresInMs <= 0) {
    const invite = await lockInvite(tx, facts.inviteId);
    if (!invite.lapsed) return true;
    await expireInvite(tx, deps, invite);
    return true;
  }
  const reminder = inviteReminderInMs(facts, remindersOf(deps));
  if (reminder === undefined || reminder > 0) return false;
  const invite = await lockInvite(tx, facts.inviteId);
  const minted = await mintToken(tx, invite, 'reminder');
  await mailToken(tx, deps, invite, 'invite-reminder', minted, invite.expires_at);
  await markReminded(tx, invite.id);
  await audit.append(tx, {
    action: 'invite.reminded',
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: facts.tenantId,
    targets: [{ type: 'invite', id: invite.id }],
    component: 'worker',
  });
  return true;
}

async function settleWait(tx: Tx, deps: Deps, facts: OnboardingFacts): Promise<boolean> {
  const step = facts.kind === 'provision' ? currentStep(facts) : undefined;
  const needs = step ? (declaredStep(deps.connectors, step.key)?.plan.needs ?? []) : [];
  const missing = missingOf(facts, needs);
  if (!step || missing.length === 0) {
    if (facts.waitingFor !== 'customer') return false;
    await endWait(tx, facts.id);
    return true;
  }
  if (facts.waitingFor === null) {
    await beginWait(tx, { onboardingId: facts.id, tenantId: facts.tenantId, key: step.key });
    return true;
  }
  const reminder = customerReminderInMs(facts, remindersOf(deps));
  if (reminder === undefined || reminder > 0) return false;
  await remindCustomer(tx, deps, facts, missing);
  return true;
}

async function remindCustomer(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  missing: readonly string[],
): Promise<void> {
  await enqueueMail(tx, deps.ring, {
    kind: 'customer-input-reminder',
    owner: 'workflow',
    tenantId: facts.tenantId,
    inviteId: facts.inviteId,
    onboardingId: facts.id,
    userId: facts.userId,
    toEmail: facts.invite.email,
    locale: facts.invite.locale,
    data: { tenant_name: facts.tenantName, missing, reminder: facts.remindersSent + 1 },
  });
  await countReminder(tx, facts.id);
}

/**
 * The pivot: the tenant and its onboarding become active in one transaction, and the welcome mail is decided. From
 * here on nothing is undone any more. A tenant that is not open parks the onboarding instead.
 */
export async function activateOnboarding(
  deps: Deps,
  which: { readonly inviteId: string } | { readonly onboardingId: string },
): Promise<OnboardingView> {
  return withSystem(deps.db, 'activity', async (tx) => {
    const facts = await ('inviteId' in which
      ? lockFactsOfInvite(tx, which.inviteId)
      : lockFacts(tx, which.onboardingId));
    const view = viewOf(facts, remindersOf(deps));
    if (!view.readyToActivate) return view;
    const tenant = await lockTenant(tx, facts.tenantId);
    if (!openTenantStatuses.includes(tenant.status)) {
      await park(tx, deps, facts, { step: 'activation', problem: 'tenant-suspended' });
      return viewOf(await readFacts(tx, facts.id), remindersOf(deps));
    }
    await activate(tx, deps, facts);
    // What activating changes of the facts: its welcome mail is due at once.
    return viewOf({ ...facts, state: 'active', mailInMs: 0 }, remindersOf(deps));
  });
}

async function activate(tx: Tx, deps: Deps, facts: OnboardingFacts): Promise<void> {
  noteSubject({ tenantId: facts.tenantId, onboardingId: facts.id });
  const provisions = facts.kind === 'provision';
  await move(tx, {
    onboardingId: facts.id,
    from: [...provisioningStates],
    to: 'active',
    transitionId: 'activated',
    type: 'activated',
    actor: 'system:workflow',
    set: { sql: 'activated_at = now(), ended_at = now()' },
  });
  const [durations] = await Promise.all([
    durationsOf(tx, facts.id),
    provisions && activateProvisioned(tx, facts.tenantId),
    provisions &&
      facts.userId !== null &&
      facts.spreadsheetId !== null &&
      recordWorkspace(tx, {
        userId: facts.userId,
        tenantId: facts.tenantId,
        externalId: facts.spreadsheetId,
      }),
    enqueueMail(tx, deps.ring, {
      kind: 'welcome',
      owner: 'workflow',
      tenantId: facts.tenantId,
      inviteId: facts.inviteId,
      onboardingId: facts.id,
      userId: facts.userId,
      toEmail: facts.invite.email,
      locale: facts.invite.locale,
      data: { tenant_name: facts.tenantName, kind: facts.kind },
    }),
    audit.append(tx, {
      action: 'onboarding.activated',
      crud: 'u',
      actorId: 'system:workflow',
      tenantId: facts.tenantId,
      targets: [
        { type: 'tenant', id: facts.tenantId, name: facts.tenantSlug },
        { type: 'onboarding', id: facts.id },
      ],
      metadata: { kind: facts.kind },
      component: 'worker',
    }),
    emitEvent(tx, {
      type: 'onboarding.active.v1',
      tenantId: facts.tenantId,
      data: { onboarding_id: facts.id, kind: facts.kind },
    }),
  ]);
  tx.afterCommit(() => {
    if (!provisions) return;
    deps.metrics.timeToActive.observe(durations.machine);
    if (durations.first !== null) deps.metrics.timeToFirstUpdate.observe(durations.first);
  });
}

/** Seconds from accept to activation, less the waits for the customer, and to the first update. */
function durationsOf(
  tx: Tx,
  onboardingId: string,
): Promise<{ machine: number; first: number | null }> {
  return tx.one(
    `select (extract(epoch from activated_at - accepted_at) - customer_wait_ms / 1000.0)::float8 as machine,
       extract(epoch from first_update_at - accepted_at)::float8 as first
     from onboardings where id = $1`,
    [onboardingId],
  );
}
