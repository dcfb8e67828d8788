import type { ProblemCode } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import type { Outbound } from '../../platform/outbound';
import { recordResource, recordUnchecked } from '../tenants/resources';
import type { TemplateContext } from './connectors-templates.rules';
import { externalIdOf, stepsOf } from './connectors.rules';
import { noteCall } from './call-notes';
import type { OnboardingDeps } from './deps';
import { readFacts } from './facts';
import { retryDelay } from './onboarding.rules';
import { callPart, endTurn, openTokenFor, takeTurn } from './part-call';
import type { PartAnswer, PartCall } from './part-call';
import {
  advanceRepair,
  clearRepair,
  delayRepair,
  doubtRepair,
  endRepair,
  lockOpenRepair,
  lockRepair,
  undoubtRepair,
} from './repairs';
import type { Repair, RepairAttempt } from './repairs';
import { contextOf } from './step-answer';
import type { HeldSlot } from './step-call';
import { completeStep, declaredStep } from './steps';
import type { Declared } from './steps';
import type { OnboardingFacts } from './view.rules';

/** What the workflow sees of a tenant's repairs: the one that is next, or none. */
export interface RepairView {
  readonly repairId: string | null;
  /** Connector of the next call; null when there is nothing to do. */
  readonly connector: string | null;
  readonly waitMs: number;
}

type Deps = Pick<OnboardingDeps, 'db' | 'ring' | 'connectors' | 'metrics'> & {
  readonly outbound: Outbound;
};

const nothing: RepairView = { repairId: null, connector: null, waitMs: 0 };

/** Looks at the repairs of a tenant: which connector is called next, and when. */
export async function viewRepair(deps: Deps, tenantId: string): Promise<RepairView> {
  return withSystem(deps.db, 'activity', (tx) => viewOf(tx, deps, tenantId));
}

async function viewOf(tx: Tx, deps: Deps, tenantId: string): Promise<RepairView> {
  let repair = await lockOpenRepair(tx, tenantId);
  // No worker polls the queue of a connector that was removed: its call would wait there for good.
  while (repair && !deps.connectors.connectors.has(repair.connector)) {
    await fail(tx, repair, 'connector-not-found', null);
    repair = await lockOpenRepair(tx, tenantId);
  }
  if (!repair) return nothing;
  return { repairId: repair.id, connector: repair.connector, waitMs: Math.ceil(repair.retryInMs) };
}

interface Begun {
  readonly repair: Repair;
  readonly call: PartCall;
  readonly facts: OnboardingFacts;
  readonly slot: HeldSlot | undefined;
  readonly last: boolean;
}

/**
 * Makes the next call of a repair: the look-up of its present step, or the step itself. Returns what is next for the
 * tenant, or how long the backend's rate makes it wait.
 */
export async function runRepair(
  deps: Deps,
  repairId: string,
): Promise<RepairView | { readonly limitedMs: number }> {
  const begun = await withSystem(deps.db, 'activity', (tx) => begin(tx, deps, repairId));
  if ('waitMs' in begun || 'limitedMs' in begun) return begun;
  const { call, facts } = begun;
  const why = `repair ${call.declared.plan.key} ${call.part}`;
  const token = await openTokenFor(deps, call, facts.wbTokenSecretId, why);
  const context = { ...call.context, secret: { wb_token: token } };
  const answer = await callPart(deps.outbound, { ...call, context });
  return withSystem(deps.db, 'activity', async (tx) => {
    const limitedMs = await endTurn(tx, begun.slot, answer);
    const repair = await lockRepair(tx, repairId);
    // A purge took the row while the call was under way.
    if (!repair) return nothing;
    if (repair.state === 'open' && repair.atStep === begun.repair.atStep) {
      if (limitedMs !== undefined) {
        await undoubtRepair(tx, repairId);
        return { limitedMs };
      }
      await record(tx, { ...begun, repair }, answer, context);
      tx.afterCommit(() => {
        noteRepair(deps, begun, answer);
      });
    }
    return viewOf(tx, deps, repair.tenantId);
  });
}

function noteRepair(deps: Deps, { facts, call }: Begun, answer: PartAnswer): void {
  const { verdict, httpStatus, problem } = answer;
  const subject = { tenantId: facts.tenantId, onboardingId: facts.id };
  const end = { outcome: verdict.kind, httpStatus, problem, phase: `repair-${call.part}` };
  noteCall(deps.metrics, call.declared, { ...subject, ...end });
}

/** The steps that a repair runs: all of its connector but those that were skipped. */
function stepsToRun(deps: Deps, connector: string, facts: OnboardingFacts): Declared[] {
  const found = deps.connectors.connectors.get(connector);
  return stepsOf({ connectors: found ? [found] : [] })
    .filter(({ key }) => !facts.steps.some((row) => row.key === key && row.status === 'skipped'))
    .flatMap(({ key }) => declaredStep(deps.connectors, key) ?? []);
}

async function begin(
  tx: Tx,
  deps: Deps,
  repairId: string,
): Promise<Begun | RepairView | { readonly limitedMs: number }> {
  const repair = await lockRepair(tx, repairId);
  if (!repair) return nothing;
  if (repair.state !== 'open' || repair.retryInMs > 0) return viewOf(tx, deps, repair.tenantId);
  const facts = await readFacts(tx, repair.onboardingId);
  const steps = stepsToRun(deps, repair.connector, facts);
  const declared = steps[repair.atStep];
  const refused = whyNot(facts, declared, repair);
  if (!declared || refused) {
    await fail(tx, repair, refused ?? 'connector-not-found', null);
    return viewOf(tx, deps, repair.tenantId);
  }
  const part = repair.lookUp && declared.step.verify ? 'verify' : 'request';
  const turn = await takeTurn(tx, { declared, part }, `repair/${repair.id}/${declared.plan.key}`);
  if ('limitedMs' in turn) return turn;
  // An operator has ordered the call; a worker that is killed in the middle of it makes the next one look first.
  if (part === 'request') await doubtRepair(tx, repair.id);
  const context = contextOf(facts, declared.connector.name, null);
  return {
    repair,
    facts,
    slot: turn.slot,
    last: repair.atStep === steps.length - 1,
    call: {
      declared,
      part,
      context: { ...context, extract: { ...context.extract, ...repair.extract } },
      idempotencyKey: `${repair.id}:${declared.plan.key}:1`,
    },
  };
}

function whyNot(
  facts: OnboardingFacts,
  declared: Declared | undefined,
  repair: Repair,
): ProblemCode | undefined {
  if (!declared || declared.connector.unset.length > 0) return 'connector-not-found';
  if (!['trial', 'active'].includes(facts.tenantStatus)) return 'tenant-suspended';
  // A call that must not be repeated and cannot be looked up is for a person to judge.
  const { repeat, verifiable } = declared.plan;
  return repair.inDoubt && repeat === 'never' && !verifiable ? 'outcome-unknown' : undefined;
}

async function record(
  tx: Tx,
  begun: Begun,
  answer: PartAnswer,
  context: TemplateContext,
): Promise<void> {
  const { repair, call } = begun;
  const { verdict } = answer;
  const attempt: RepairAttempt = {
    part: `${call.declared.plan.key} ${call.part}`,
    outcome: verdict.kind,
    http_status: answer.httpStatus,
    problem: answer.problem,
    response: answer.response,
  };
  switch (verdict.kind) {
    case 'success':
    case 'landed':
      return advance(tx, begun, verdict.extract, attempt, context);
    case 'absent':
      return clearRepair(tx, repair.id, attempt);
    case 'permanent':
      return fail(tx, repair, answer.problem ?? verdict.problem, attempt);
    case 'rate-limited':
      return;
    case 'transient':
    case 'uncertain': {
      const unknown = verdict.kind === 'uncertain' && call.declared.plan.repeat === 'never';
      const wish = verdict.kind === 'transient' ? verdict.retryAfterMs : undefined;
      const inMs = unknown ? undefined : retryDelay(repair.failures + 1, wish);
      const inDoubt = call.part === 'request' ? verdict.kind === 'uncertain' : repair.inDoubt;
      if (inMs !== undefined) return delayRepair(tx, repair, { inMs, inDoubt }, attempt);
      return fail(tx, repair, unknown ? 'outcome-unknown' : verdict.problem, attempt);
    }
  }
}

async function advance(
  tx: Tx,
  { repair, call, facts, last }: Begun,
  extract: Readonly<Record<string, string | number | boolean>>,
  attempt: RepairAttempt,
  context: TemplateContext,
): Promise<void> {
  const { declared } = call;
  const { name } = declared.step;
  const step = { onboardingId: facts.id, tenantId: facts.tenantId, key: declared.plan.key };
  await completeStep(tx, step, extract);
  await advanceRepair(tx, repair, name, extract, attempt);
  if (!last) return;
  const known = { ...context, extract: { ...context.extract, [name]: extract } };
  await recordResource(tx, {
    tenantId: repair.tenantId,
    connector: repair.connector,
    externalId: externalIdOf(declared.connector, known) ?? null,
    status: 'ready',
    onboardingId: facts.id,
  });
  await endRepair(tx, repair, null, null);
}

async function fail(
  tx: Tx,
  repair: Repair,
  problem: ProblemCode,
  attempt: RepairAttempt | null,
): Promise<void> {
  await recordUnchecked(tx, { id: repair.resourceId, lastError: problem });
  await endRepair(tx, repair, problem, attempt);
}
