import type { OnboardingState } from '../../contracts/onboardings';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { noteSubject } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { referencesOf } from './connectors-templates.rules';
import type { OnboardingDeps } from './deps';
import { lockFacts } from './facts';
import { tokenFingerprint, writeInputs } from './inputs';
import type { NewInputs } from './inputs';
import { provisioningOf } from './jobs';
import { openTenantStatuses } from './onboarding.rules';
import { declaredStep } from './steps';
import { currentStep, isBehind, isProvisioning, missingOf } from './view.rules';
import type { OnboardingFacts, StepRow } from './view.rules';
import { wakeOnboarding } from './wake';

type Deps = Pick<OnboardingDeps, 'ring' | 'connectors' | 'outbox'>;

/** Which input a request hands over, and so which step it waits for. */
export type Providing = 'spreadsheet_id' | 'wb_token';

/**
 * The tenant's newest onboarding that provisions, or is still to be accepted.
 * @throws DomainError `onboarding-not-found`
 */
export async function newestProvisioning(tx: Tx, tenantId: string): Promise<string> {
  const row = await tx.maybe<{ id: string }>(
    `select o.id from onboardings as o where ${provisioningOf('$1')}
     order by o.created_at desc, o.id desc limit 1`,
    [tenantId],
  );
  if (!row) throw new DomainError('onboarding-not-found');
  return row.id;
}

/**
 * The tenant in which a person provisions: the one of their newest provisioning onboarding.
 * @throws DomainError `onboarding-not-found`
 */
export async function tenantOfProvisioningUser(tx: Tx, userId: string): Promise<string> {
  const row = await tx.maybe<{ tenant_id: string }>(
    `select tenant_id from onboardings where user_id = $1 and kind = 'provision' order by created_at desc limit 1`,
    [userId],
  );
  if (!row) throw new DomainError('onboarding-not-found');
  return row.tenant_id;
}

/**
 * Stores what the customer handed over and releases the step that waits for it. The same values again are no
 * change.
 * @throws DomainError `not-accepted`, `step-completed`, `order-not-possible`, `tenant-not-open`
 */
export async function provideInputs(
  tx: Tx,
  deps: Deps,
  onboardingId: string,
  inputs: NewInputs,
  actorId: string,
): Promise<OnboardingFacts> {
  const facts = await lockFacts(tx, onboardingId);
  noteSubject({ tenantId: facts.tenantId, onboardingId });
  if (['invited', 'expired', 'revoked', 'declined'].includes(facts.state)) {
    throw new DomainError('not-accepted', { extra: { state: facts.state } });
  }
  const changes = changedInputs(deps, facts, inputs);
  if (Object.keys(changes).length === 0) return facts;
  refuseCompleted(deps, facts, changes);
  if (!isProvisioning(facts.state) && facts.state !== 'failed') {
    throw new DomainError('order-not-possible', { extra: { state: facts.state } });
  }
  if (!openTenantStatuses.includes(facts.tenantStatus)) throw new DomainError('tenant-not-open');
  await writeInputs(tx, deps.ring, { onboardingId, tenantId: facts.tenantId }, changes);
  await audit.append(tx, {
    action: 'onboarding.input_provided',
    crud: 'u',
    actorId,
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: onboardingId }],
    metadata: Object.fromEntries(Object.keys(changes).map((name) => [name, true])),
  });
  await deps.outbox.wake(tx, wakeOnboarding(facts.inviteId));
  return facts;
}

function changedInputs(deps: Deps, facts: OnboardingFacts, inputs: NewInputs): NewInputs {
  const sameToken =
    inputs.wbToken !== undefined &&
    facts.wbTokenFingerprint !== null &&
    tokenFingerprint(deps.ring, inputs.wbToken).equals(facts.wbTokenFingerprint);
  return {
    ...(inputs.spreadsheetId !== undefined && inputs.spreadsheetId !== facts.spreadsheetId
      ? { spreadsheetId: inputs.spreadsheetId }
      : {}),
    ...(inputs.ownerEmail !== undefined && inputs.ownerEmail !== facts.ownerEmail
      ? { ownerEmail: inputs.ownerEmail }
      : {}),
    ...(inputs.wbToken !== undefined && !sameToken ? { wbToken: inputs.wbToken } : {}),
  };
}

// Other values than those of a step that has begun would change what was already sent to the backend.
function refuseCompleted(deps: Deps, facts: OnboardingFacts, changes: NewInputs): void {
  const names = {
    spreadsheetId: 'input.spreadsheet_id',
    ownerEmail: 'input.owner_email',
    wbToken: 'secret.wb_token',
  } as const;
  const changed = new Set(Object.keys(changes).map((name) => names[name as keyof typeof names]));
  const sent = facts.steps.find(
    (step) =>
      (isBehind(step) || step.begun) &&
      referencesOf(declaredStep(deps.connectors, step.key)?.step.request).some(({ text }) =>
        changed.has(text.replace(/\?$/, '') as never),
      ),
  );
  if (!sent) return;
  if (isBehind(sent)) throw new DomainError('step-completed', { extra: { step: sent.key } });
  throw new DomainError('order-not-possible', {
    detail:
      'The step was sent with other values. Once it is parked, order a fix with the new ones.',
    extra: { state: facts.state, step: sent.key },
  });
}

/** How far an onboarding is with what was handed over to it. */
export interface Release {
  /** The step that the input releases is behind, or nothing will bring it on by itself. */
  readonly settled: boolean;
  /** The state that the input brought about, else the one that is reached so far. */
  readonly state: OnboardingState;
}

/** How far an onboarding is with an input; the answer stays the same however much further it goes. */
export function releaseOf(
  deps: Pick<OnboardingDeps, 'connectors'>,
  facts: OnboardingFacts,
  providing: Providing,
): Release {
  const first = facts.steps.find(({ key }) =>
    declaredStep(deps.connectors, key)?.plan.needs.includes(providing),
  );
  if (!first || !isBehind(first)) {
    const halts = !isProvisioning(facts.state) || lacksEarlierInput(deps, facts, first);
    return { settled: !first || halts, state: facts.state };
  }
  const named =
    first.connector === facts.steps[0]?.connector
      ? declaredStep(deps.connectors, first.key)?.plan.state
      : undefined;
  return { settled: true, state: named ?? facts.state };
}

// A step before it waits for something else of the customer: no use in waiting for this one.
function lacksEarlierInput(
  deps: Pick<OnboardingDeps, 'connectors'>,
  facts: OnboardingFacts,
  first: StepRow | undefined,
): boolean {
  const current = currentStep(facts);
  if (!current || current === first) return false;
  const needs = declaredStep(deps.connectors, current.key)?.plan.needs ?? [];
  return missingOf(facts, needs).length > 0;
}
