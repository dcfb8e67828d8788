import type { OnboardingKind, OnboardingState } from '../../contracts/onboardings';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { noteSubject } from '../../platform/request-context';
import { provisioningOf, stateNow } from './jobs';
import { currentStep, plainLabels, plainProgress, plainSteps, shownStatus } from './jobs.rules';
import type { PlainStep, Progress, ShownStatus, StepRow } from './jobs.rules';

/** One line of a status. */
export interface StatusStep {
  readonly key: string;
  readonly label: string;
  readonly status: ShownStatus;
}

/** How far a tenant is. */
export interface ClientStatus {
  readonly clientId: string;
  readonly jobId: string;
  readonly state: OnboardingState;
  readonly step: string | null;
  readonly steps: readonly StatusStep[];
  /** Problem code of a parked step; null for customers. */
  readonly problem: string | null;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly updatedAt: Date;
}

interface StatusRow {
  readonly id: string;
  readonly tenantId: string;
  readonly state: OnboardingState;
  readonly stoodAt: OnboardingState | null;
  readonly kind: OnboardingKind | null;
  readonly acceptedAt: Date | null;
  readonly failedStep: string | null;
  readonly problem: string | null;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly updatedAt: Date;
}

const columns = `o.id, o.tenant_id as "tenantId", ${stateNow} as state, o.stood_at as "stoodAt", o.kind,
  o.accepted_at as "acceptedAt", o.failed_step as "failedStep", o.problem, o.waiting_for as "waitingFor",
  o.updated_at as "updatedAt"`;

/**
 * The tenant's newest onboarding that is not `member`, see `provisioningOf`.
 * @param view customers see the five plain steps and no problem code
 * @throws DomainError `onboarding-not-found`
 */
export async function readClientStatus(
  tx: Tx,
  clientId: string,
  view: 'customer' | 'operator',
): Promise<ClientStatus> {
  const row = await tx.maybe<StatusRow>(
    `select ${columns} from onboardings as o join invites as i on i.id = o.invite_id
     where ${provisioningOf('$1')}
     order by o.created_at desc, o.id desc limit 1`,
    [clientId],
  );
  if (!row) throw new DomainError('onboarding-not-found');
  noteSubject({ tenantId: row.tenantId, onboardingId: row.id });
  const steps = await readStepRows(tx, row.id);
  const shown = view === 'operator' && steps.length > 0 ? stepsOf(row, steps) : plainOf(row, steps);
  return {
    clientId: row.tenantId,
    jobId: row.id,
    state: row.state,
    ...shown,
    problem: view === 'operator' && row.state === 'failed' ? row.problem : null,
    waitingFor: row.waitingFor,
    updatedAt: row.updatedAt,
  };
}

/**
 * The five plain steps of one onboarding, for the customer's progress page.
 * @throws DomainError `onboarding-not-found`
 */
export async function readPlainProgress(
  tx: Tx,
  onboardingId: string,
): Promise<{
  readonly state: OnboardingState;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly steps: Readonly<Record<PlainStep, ShownStatus>>;
}> {
  const row = await tx.maybe<StatusRow>(
    `select ${columns} from onboardings as o join invites as i on i.id = o.invite_id where o.id = $1`,
    [onboardingId],
  );
  if (!row) throw new DomainError('onboarding-not-found');
  const steps = plainProgress(progressOf(row, await readStepRows(tx, row.id)));
  return { state: row.state, waitingFor: row.waitingFor, steps };
}

type StepLine = StepRow & { readonly connector: string; readonly step: string };

async function readStepRows(tx: Tx, onboardingId: string): Promise<StepLine[]> {
  return tx.rows<StepLine>(
    'select key, connector, step, status from onboarding_steps where onboarding_id = $1 order by position',
    [onboardingId],
  );
}

function progressOf(row: StatusRow, steps: readonly StepRow[]): Progress {
  const allStepsBehind = steps.every(({ status }) => status === 'done' || status === 'skipped');
  return { ...row, allStepsBehind };
}

function plainOf(row: StatusRow, rows: readonly StepRow[]): Pick<ClientStatus, 'step' | 'steps'> {
  const progress = plainProgress(progressOf(row, rows));
  const at = plainSteps.find((key) => ['current', 'waiting', 'parked'].includes(progress[key]));
  return {
    step: at ?? null,
    steps: plainSteps.map((key) => ({ key, label: plainLabels[key], status: progress[key] })),
  };
}

function stepsOf(row: StatusRow, rows: readonly StepLine[]): Pick<ClientStatus, 'step' | 'steps'> {
  const current = currentStep(row, rows);
  const steps = rows.map((step) => ({
    key: step.key,
    label: `${step.connector}: ${step.step}`,
    status: shownStatus(step, row, current),
  }));
  return { step: current, steps };
}
