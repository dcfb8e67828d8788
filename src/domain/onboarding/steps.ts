import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';
import type { Connectors } from './connectors';
import { referencesOf } from './connectors-templates.rules';
import { callOf, stepsOf } from './connectors.rules';
import type { BlueprintStep, Connector, StepPart } from './connectors.rules';
import type { Step } from '../../contracts/connectors';

/** A step's declaration, found by its key. */
export interface Declared {
  readonly connector: Connector;
  readonly step: Step;
  readonly plan: BlueprintStep;
}

const declarations = new WeakMap<Connectors, Map<string, Declared | undefined>>();

/** What a step's connector declares; undefined when the connector files know the step no more. */
export function declaredStep(connectors: Connectors, key: string): Declared | undefined {
  // The files are read once a process, and every call asks several times.
  const known = declarations.get(connectors) ?? new Map<string, Declared | undefined>();
  declarations.set(connectors, known);
  if (!known.has(key)) known.set(key, findDeclared(connectors, key));
  return known.get(key);
}

const tokenShown = new WeakMap<Step, Partial<Record<StepPart, boolean>>>();

/** Whether a part of a step shows the marketplace token, so that it has to be opened for it. */
export function showsToken({ step }: Declared, part: StepPart): boolean {
  const known = tokenShown.get(step) ?? {};
  tokenShown.set(step, known);
  known[part] ??= referencesOf([callOf(step, part), step.extract]).some(({ text }) =>
    text.startsWith('secret.wb_token'),
  );
  return known[part];
}

function findDeclared(connectors: Connectors, key: string): Declared | undefined {
  const [name = '', stepName = ''] = key.split('.');
  const connector = connectors.connectors.get(name);
  const step = connector?.steps.find((candidate) => candidate.name === stepName);
  const plan = connector && stepsOf({ connectors: [connector] }).find((one) => one.key === key);
  return connector && step && plan ? { connector, step, plan } : undefined;
}

/** Writes the step rows of an accepted onboarding, in the order of its blueprint. */
export async function planSteps(
  tx: Tx,
  connectors: Connectors,
  onboardingId: string,
): Promise<void> {
  const { blueprint, tenant_id: tenantId } = await tx.one<{ blueprint: string; tenant_id: string }>(
    'select blueprint, tenant_id from onboardings where id = $1',
    [onboardingId],
  );
  const found = connectors.blueprints.get(blueprint);
  if (!found) throw new DomainError('blueprint-not-found', { extra: { blueprint } });
  const steps = stepsOf(found);
  await tx.run(
    `insert into onboarding_steps (onboarding_id, tenant_id, key, connector, step, position)
     select $1, $2, step.* from unnest($3::text[], $4::text[], $5::text[], $6::int[]) as step
     on conflict do nothing`,
    [
      onboardingId,
      tenantId,
      steps.map((step) => step.key),
      steps.map((step) => step.connector),
      steps.map((step) => step.step),
      steps.map((step) => step.position),
    ],
  );
}

/** Names one step of one onboarding. */
export interface StepId {
  readonly onboardingId: string;
  readonly tenantId: string;
  readonly key: string;
}

/** Which of a step's requests an attempt makes. */
export type Phase = 'do' | 'verify' | 'undo' | 'undo-verify';

/** An attempt whose row is committed, so that a crash cannot hide that it was sent. */
export interface OpenAttempt {
  readonly id: string;
  readonly phase: Phase;
  readonly n: number;
}

/** Writes the attempt row before anything is sent. */
export async function openAttempt(
  tx: Tx,
  step: StepId & { readonly generation: number; readonly series: number },
  phase: Phase,
  slot: number | null,
): Promise<OpenAttempt> {
  const id = newId();
  const { n } = await tx.one<{ n: number }>(
    `with begun as (
       update onboarding_steps set started_at = coalesce(started_at, now()), next_attempt_at = null
       where onboarding_id = $2 and key = $3
     )
     insert into step_attempts
       (id, onboarding_id, key, tenant_id, n, phase, generation, series, actor, request_id, slot)
     select $1, $2, $3, $4, coalesce(max(n), 0) + 1, $5, $6, $7, 'system:workflow', $8, $9
     from step_attempts where onboarding_id = $2 and key = $3
     returning n`,
    [
      id,
      step.onboardingId,
      step.key,
      step.tenantId,
      phase,
      step.generation,
      step.series,
      requestContext()?.requestId ?? null,
      slot,
    ],
  );
  return { id, phase, n };
}

/**
 * Closes attempts that an earlier execution left open: nobody knows how they ended. A look-up that was cut off
 * leaves nothing in doubt. Returns the phases that were cut off.
 */
export async function closeAbandoned(tx: Tx, step: StepId): Promise<Phase[]> {
  const closed = await tx.rows<{ phase: Phase }>(
    `with closed as (
       update step_attempts set ended_at = now(), outcome = 'uncertain', problem = 'outcome-unknown'
       where onboarding_id = $1 and key = $2 and ended_at is null
       returning phase
     ), doubted as (
       update onboarding_steps set in_doubt = true
       where onboarding_id = $1 and key = $2 and exists (select 1 from closed where phase = 'do')
     )
     select phase from closed`,
    [step.onboardingId, step.key],
  );
  return closed.map(({ phase }) => phase);
}

/**
 * For how many milliseconds the newest uncertain call of a step may still be on its way to the backend, since it was
 * begun less than its time-out ago; 0 when none is.
 * @param which `cut-off` means only calls whose sender was lost, `uncertain` also those whose connection broke
 */
export async function stillFlyingMs(
  tx: Tx,
  step: StepId,
  timeoutMs: number,
  which: 'cut-off' | 'uncertain',
): Promise<number> {
  const { ms } = await tx.one<{ ms: number | null }>(
    `select (extract(epoch from max(started_at) - now()) * 1000)::float8 + $3 as ms
     from step_attempts
     where onboarding_id = $1 and key = $2 and phase = 'do' and outcome = 'uncertain'
       and (not $4 or problem = 'outcome-unknown')`,
    [step.onboardingId, step.key, timeoutMs, which === 'cut-off'],
  );
  return Math.max(0, ms ?? 0);
}

/** How an attempt ended, in the form in which it may be stored. */
export interface AttemptEnd {
  readonly outcome: 'success' | 'absent' | 'transient' | 'permanent' | 'uncertain' | 'rate-limited';
  readonly httpStatus: number | null;
  readonly problem: ProblemCode | null;
  /** Redacted. */
  readonly request: unknown;
  /** Redacted. */
  readonly response: unknown;
}

/** Closes an attempt with its outcome; false when a later execution has already closed it as uncertain. */
export async function closeAttempt(tx: Tx, attemptId: string, end: AttemptEnd): Promise<boolean> {
  const count = await tx.run(
    `update step_attempts
     set ended_at = now(), outcome = $2, http_status = $3, problem = $4, request = $5, response = $6,
       duration_ms = (extract(epoch from now() - started_at) * 1000)::int
     where id = $1 and ended_at is null`,
    [
      attemptId,
      end.outcome,
      end.httpStatus,
      end.problem,
      JSON.stringify(end.request ?? null),
      JSON.stringify(end.response ?? null),
    ],
  );
  return count === 1;
}

/** Marks a step as done, with what later steps need of its answer. */
export async function completeStep(
  tx: Tx,
  step: StepId,
  extract: Readonly<Record<string, unknown>>,
): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = 'done', extract = $3, in_doubt = false, failures = 0,
       next_attempt_at = null, limited_since = null, ended_at = now()
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, JSON.stringify(extract)],
  );
}

/** Records a failure that will be tried again. */
export async function delayStep(
  tx: Tx,
  step: StepId,
  delay: { readonly failures: number; readonly inMs: number; readonly inDoubt: boolean },
): Promise<void> {
  await tx.run(
    `update onboarding_steps set failures = $3, next_attempt_at = now() + $4 * interval '1 millisecond',
       in_doubt = $5, limited_since = null
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, delay.failures, delay.inMs, delay.inDoubt],
  );
}

/** Records that a look-up found nothing: the call may be made again at once. */
export async function clearDoubt(tx: Tx, step: StepId): Promise<void> {
  await tx.run(
    'update onboarding_steps set in_doubt = false, limited_since = null where onboarding_id = $1 and key = $2',
    [step.onboardingId, step.key],
  );
}

/** Records a 429; returns for how many milliseconds there was nothing but 429. */
export async function limitStep(tx: Tx, step: StepId): Promise<number> {
  const { ms } = await tx.one<{ ms: number }>(
    `update onboarding_steps set limited_since = coalesce(limited_since, now())
     where onboarding_id = $1 and key = $2
     returning (extract(epoch from now() - limited_since) * 1000)::float8 as ms`,
    [step.onboardingId, step.key],
  );
  return ms;
}

/** Parks a step. The generation grows after a definite refusal, so that the next try is another request. */
export async function parkStep(
  tx: Tx,
  step: StepId,
  end: { readonly inDoubt: boolean; readonly refused: boolean },
): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = case status when 'pending' then 'parked' else status end,
       in_doubt = $3, next_attempt_at = null, limited_since = null,
       generation = generation + case when $4 then 1 else 0 end
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, end.inDoubt, end.refused],
  );
}

/** Begins a new series of tries of a parked step; doubt stays, unless the operator has looked. */
export async function resumeStep(
  tx: Tx,
  step: StepId,
  how: { readonly newRequest: boolean; readonly clearDoubt: boolean },
): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = case status when 'parked' then 'pending' else status end,
       failures = 0, undo_failures = 0, series = series + 1, next_attempt_at = null, limited_since = null,
       generation = generation + case when $3 then 1 else 0 end, in_doubt = in_doubt and not ($3 or $4)
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, how.newRequest, how.clearDoubt],
  );
}

/** Reopens a completed step, since its request has changed, and returns it to pending with a new generation. */
export async function reopenStep(tx: Tx, step: StepId): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = 'pending', generation = generation + 1, series = series + 1,
       failures = 0, extract = '{}', in_doubt = false, next_attempt_at = null, ended_at = null
     where onboarding_id = $1 and key = $2 and status in ('done', 'skipped')`,
    [step.onboardingId, step.key],
  );
}

/** Leaves a parked step out. */
export async function skipStep(tx: Tx, step: StepId): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = 'skipped', ended_at = now(), next_attempt_at = null
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key],
  );
}

/** Records that the backend refused a compensation: the next try is another request. */
export async function refuseUndo(tx: Tx, step: StepId): Promise<void> {
  await tx.run(
    `update onboarding_steps set undo_generation = undo_generation + 1
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key],
  );
}

/** Marks a step as undone, or as left where the connector knows no undo. */
export async function endUndo(tx: Tx, step: StepId, status: 'undone' | 'left'): Promise<void> {
  await tx.run(
    `update onboarding_steps set status = $3, ended_at = now(), in_doubt = false, next_attempt_at = null,
       generation = generation + case when $3 = 'undone' then 1 else 0 end
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, status],
  );
}

/** Records a failed compensation that will be tried again. */
export async function delayUndo(
  tx: Tx,
  step: StepId,
  delay: { readonly failures: number; readonly inMs: number },
): Promise<void> {
  await tx.run(
    `update onboarding_steps set undo_failures = $3, next_attempt_at = now() + $4 * interval '1 millisecond'
     where onboarding_id = $1 and key = $2`,
    [step.onboardingId, step.key, delay.failures, delay.inMs],
  );
}

/** Puts what a later call of the same step left in the place of what the first one did. */
export async function replaceExtract(
  tx: Tx,
  step: StepId,
  extract: Readonly<Record<string, unknown>>,
): Promise<void> {
  await tx.run('update onboarding_steps set extract = $3 where onboarding_id = $1 and key = $2', [
    step.onboardingId,
    step.key,
    JSON.stringify(extract),
  ]);
}
