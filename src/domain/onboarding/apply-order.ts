import { DomainError } from '../../errors/problems';
import { reveal } from '../secrets/secrets';
import type { Tx } from '../../platform/db';
import { noteWork, onBehalfOf } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { leaveResource } from '../tenants/resources';
import { referencesOf } from './connectors-templates.rules';
import type { OnboardingDeps } from './deps';
import { tokenFingerprint, writeInputs } from './inputs';
import type { NewInputs } from './inputs';
import { orderPossible } from './jobs.rules';
import { beginUndo, countOrder, endWait, move, note } from './onboardings';
import { closeOrder, readOrder } from './orders';
import type { OrderRow } from './orders';
import { declaredStep, reopenStep, resumeStep, skipStep } from './steps';
import { cancelOnboarding } from './undo-call';
import { currentStep, isBehind, stepToUndo } from './view.rules';
import type { OnboardingFacts } from './view.rules';

type Deps = Pick<OnboardingDeps, 'db' | 'ring' | 'connectors'>;

/**
 * The token of a fix, opened before the transaction that applies it, since opening commits an access-log row;
 * undefined when the order has none, or has been applied meanwhile, which erases it.
 */
export async function tokenOfOrder(
  deps: Pick<OnboardingDeps, 'db' | 'ring'>,
  order: OrderRow,
): Promise<string | undefined> {
  if (order.secretId === null) return undefined;
  try {
    return await reveal(deps.db, deps.ring, order.secretId, {
      who: order.actor,
      why: 'apply fix',
    });
  } catch (error) {
    if (error instanceof DomainError && error.code === 'input-missing') return undefined;
    throw error;
  }
}

/**
 * Applies the queued order of an onboarding in the transaction that holds its lock, and writes the outcome: on behalf
 * of the request that gave the order, whichever look finds it.
 */
export async function applyOrder(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  orderId: string,
  wbToken: string | undefined,
): Promise<void> {
  const order = await readOrder(tx, orderId);
  const apply = () => applyRead(tx, deps, facts, order, wbToken);
  if (order.requestId === null) return apply();
  // The line that tells of it is written later, by a look that may have come for another reason.
  noteWork({ request_id: order.requestId });
  return onBehalfOf(order.requestId, apply);
}

async function applyRead(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  order: OrderRow,
  wbToken: string | undefined,
): Promise<void> {
  const failed =
    facts.failedStep === null ? undefined : declaredStep(deps.connectors, facts.failedStep);
  const possible = orderPossible(
    {
      state: facts.state,
      waitingFor: facts.waitingFor,
      undoing: facts.undoing,
      kind: facts.kind,
      acceptedAt: new Date(0),
      failedStepSkippable: failed?.plan.skippable ?? false,
    },
    order.kind,
    new Set([`onboardings:${order.kind}`]),
  );
  if (!possible.possible) {
    // It fitted when it was given; meanwhile the onboarding has gone on.
    await closeOrder(tx, order, 'refused', {
      code: possible.whyNot ?? 'order-not-possible',
      state: facts.state,
    });
    return;
  }
  const outcome = await carryOut(tx, deps, facts, order, wbToken);
  await countOrder(tx, facts.id);
  await closeOrder(tx, order, 'applied', outcome);
  await audit.append(tx, {
    action: `onboarding.${order.kind}_applied`,
    crud: 'u',
    actorId: order.actor,
    tenantId: facts.tenantId,
    targets: [{ type: 'onboarding', id: facts.id }],
    metadata: { order_id: order.id, number: order.number },
    component: 'worker',
  });
}

async function carryOut(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  order: OrderRow,
  wbToken: string | undefined,
): Promise<Record<string, unknown>> {
  switch (order.kind) {
    case 'retry':
      return retry(tx, deps, facts, order, false);
    case 'fix':
      return fix(tx, deps, facts, order, wbToken);
    case 'skip': {
      const key = facts.failedStep ?? '';
      await skipStep(tx, { onboardingId: facts.id, tenantId: facts.tenantId, key });
      await goOn(tx, facts, order, { skipped: key });
      return { skipped: key };
    }
    case 'rollback':
      await endWait(tx, facts.id);
      await beginUndo(tx, facts.id);
      await note(tx, {
        onboardingId: facts.id,
        tenantId: facts.tenantId,
        transitionId: `order:${order.id}`,
        type: 'rollback-begun',
        actor: order.actor,
      });
      return { undoing: true };
    case 'cancel':
      await cancelOnboarding(tx, facts, order.actor);
      return { state: 'cancelled' };
  }
}

async function retry(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  order: OrderRow,
  newRequest: boolean,
): Promise<Record<string, unknown>> {
  const row = facts.undoing ? stepToUndo(facts) : currentStep(facts);
  if (row) {
    const repeat = declaredStep(deps.connectors, row.key)?.plan.repeat;
    await resumeStep(
      tx,
      { onboardingId: facts.id, tenantId: facts.tenantId, key: row.key },
      { newRequest, clearDoubt: repeat === 'never' && !facts.undoing },
    );
  }
  await goOn(tx, facts, order, { step: row?.key ?? null });
  return { step: row?.key ?? null };
}

async function goOn(
  tx: Tx,
  facts: OnboardingFacts,
  order: OrderRow,
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  await move(tx, {
    onboardingId: facts.id,
    from: ['failed'],
    to: facts.stoodAt ?? 'email_confirmed',
    transitionId: `order:${order.id}`,
    type: `${order.kind}-applied`,
    actor: order.actor,
    data: { ...data, number: order.number },
    set: {
      sql: `stood_at = null, failed_step = null, problem = null, parked_at = null, waiting_for = null,
        waiting_since = null`,
    },
  });
}

async function fix(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  order: OrderRow,
  wbToken: string | undefined,
): Promise<Record<string, unknown>> {
  const inputs: NewInputs = {
    spreadsheetId: order.input.spreadsheet_id,
    ownerEmail: order.input.owner_email,
    wbToken,
  };
  const changed = changedReferences(deps, facts, inputs);
  await writeInputs(tx, deps.ring, { onboardingId: facts.id, tenantId: facts.tenantId }, inputs);
  const reopened = await reopenFrom(tx, deps, facts, changed);
  const row = currentStep(facts);
  const rewritten = row !== undefined && refersTo(deps, row.key, changed);
  await retry(tx, deps, facts, order, rewritten);
  return { fixed: [...changed].map((name) => name.split('.')[1]), reopened };
}

/** The template references whose value a fix changes. */
function changedReferences(
  deps: Deps,
  facts: OnboardingFacts,
  inputs: NewInputs,
): ReadonlySet<string> {
  const changed = new Set<string>();
  if (inputs.spreadsheetId !== undefined && inputs.spreadsheetId !== facts.spreadsheetId) {
    changed.add('input.spreadsheet_id');
  }
  if (inputs.ownerEmail !== undefined && inputs.ownerEmail !== facts.ownerEmail) {
    changed.add('input.owner_email');
  }
  if (inputs.wbToken !== undefined) {
    const before = facts.wbTokenFingerprint;
    if (!before || !tokenFingerprint(deps.ring, inputs.wbToken).equals(before))
      changed.add('secret.wb_token');
  }
  return changed;
}

function refersTo(deps: Deps, key: string, changed: ReadonlySet<string>): boolean {
  const request = declaredStep(deps.connectors, key)?.step.request;
  return referencesOf(request).some(({ text }) => changed.has(text.replace(/\?$/, '')));
}

// A completed step whose request would now be another one is done again, and all after it; what it made is marked.
async function reopenFrom(
  tx: Tx,
  deps: Deps,
  facts: OnboardingFacts,
  changed: ReadonlySet<string>,
): Promise<string[]> {
  const from = facts.steps.findIndex((step) => isBehind(step) && refersTo(deps, step.key, changed));
  if (from < 0) return [];
  const reopened = facts.steps.slice(from).filter(isBehind);
  for (const step of reopened) {
    await reopenStep(tx, { onboardingId: facts.id, tenantId: facts.tenantId, key: step.key });
  }
  if (changed.has('input.spreadsheet_id')) {
    for (const connector of new Set(reopened.map((step) => step.connector))) {
      await leaveResource(tx, { tenantId: facts.tenantId, connector });
    }
  }
  return reopened.map((step) => step.key);
}
