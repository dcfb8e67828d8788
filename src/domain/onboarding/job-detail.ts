import type { OrderKind } from '../../contracts/orders';
import { DomainError } from '../../errors/problems';
import type { ProblemCode } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { noteSubject } from '../../platform/request-context';
import type { Connectors } from './connectors';
import type { Job } from './jobs';
import { jobColumns, jobTables } from './jobs';
import { orderKinds, orderPossible } from './jobs.rules';
import type { StepRow } from './jobs.rules';

/** What a connector file says of one of its steps; undefined when the file no longer names it. */
export type DescribeStep = (
  connector: string,
  step: string,
) => { readonly skippable: boolean; readonly state: string | null } | undefined;

/** What the connector files of this deployment say of steps. */
export function stepsDeclaredBy(connectors: Connectors): DescribeStep {
  return (connector, name) => {
    const step = connectors.connectors.get(connector)?.steps.find((one) => one.name === name);
    return step && { skippable: step.skippable, state: step.state ?? null };
  };
}

/** One try of a step, as it was stored: redacted. */
export interface JobAttempt {
  readonly key: string;
  readonly n: number;
  readonly phase: 'do' | 'verify' | 'undo' | 'undo-verify';
  readonly generation: number;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly durationMs: number | null;
  readonly outcome: string | null;
  readonly httpStatus: number | null;
  readonly problem: string | null;
  readonly request: unknown;
  readonly response: unknown;
  readonly actor: string;
  readonly requestId: string | null;
}

/** One step with its attempts, oldest first. */
export interface JobStep {
  readonly key: string;
  readonly connector: string;
  readonly position: number;
  readonly status: StepRow['status'];
  readonly generation: number;
  readonly failures: number;
  readonly skippable: boolean;
  /** The state that the onboarding reaches with it; only steps of the first connector name one. */
  readonly state: string | null;
  readonly nextAttemptAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly attempts: readonly JobAttempt[];
}

/** Something that happened to an onboarding. */
export interface JobEvent {
  readonly at: Date;
  readonly type: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly actor: string;
  readonly requestId: string | null;
  readonly data: Record<string, unknown>;
}

/** An order that was given, and what became of it. */
export interface JobOrder {
  readonly id: string;
  readonly number: number;
  readonly kind: OrderKind;
  readonly reason: string;
  readonly actor: string;
  readonly status: 'queued' | 'applied' | 'refused';
  readonly outcome: Record<string, unknown> | null;
  readonly createdAt: Date;
  readonly appliedAt: Date | null;
}

/** A mail of an onboarding; its address is the onboarding's or an operator's and is not repeated. */
export interface JobMail {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
  readonly problem: string | null;
}

/** An order and whether the caller may give it now. */
export interface JobAction {
  readonly action: OrderKind;
  readonly possible: boolean;
  readonly whyNot: ProblemCode | null;
}

/** Everything that is known of one onboarding. */
export interface JobDetail extends Job {
  readonly blueprint: string;
  /** Number of the stop that an order given now would answer. */
  readonly number: number;
  readonly version: number;
  readonly actions: readonly JobAction[];
  readonly steps: readonly JobStep[];
  readonly events: readonly JobEvent[];
  readonly orders: readonly JobOrder[];
  readonly mails: readonly JobMail[];
}

type DetailRow = Job & Pick<JobDetail, 'blueprint' | 'number' | 'version'> & { undoing: boolean };

/**
 * One onboarding whole. Read it in one snapshot (`repeatable read`), so that its parts fit together.
 * @param permissions of the caller; they decide which orders are possible
 * @throws DomainError `onboarding-not-found`
 */
export async function getJob(
  tx: Tx,
  id: string,
  permissions: ReadonlySet<string>,
  describe: DescribeStep,
): Promise<JobDetail> {
  const job = await tx.maybe<DetailRow>(
    `select ${jobColumns}, o.blueprint, o.number, o.version, o.undoing from ${jobTables} where o.id = $1`,
    [id],
  );
  if (!job) throw new DomainError('onboarding-not-found');
  noteSubject({ tenantId: job.tenantId, onboardingId: job.id });
  const { undoing, ...rest } = job;
  const steps = await readSteps(tx, id, describe);
  const orders = await readOrders(tx, id);
  return {
    ...rest,
    actions: actionsOf(job, undoing, steps, orders, permissions),
    steps,
    events: await readEvents(tx, id),
    orders,
    mails: await readMails(tx, job),
  };
}

function actionsOf(
  job: DetailRow,
  undoing: boolean,
  steps: readonly JobStep[],
  orders: readonly JobOrder[],
  permissions: ReadonlySet<string>,
): JobAction[] {
  const facts = {
    state: job.state,
    waitingFor: job.waitingFor,
    undoing,
    kind: job.kind,
    acceptedAt: job.acceptedAt,
    failedStepSkippable: steps.some(({ key, skippable }) => key === job.failedStep && skippable),
  };
  const ordered = orders.some(({ number, status }) => number === job.number && status === 'queued');
  return orderKinds.map((action) => {
    const { possible, whyNot } = orderPossible(facts, action, permissions);
    if (possible && ordered) return { action, possible: false, whyNot: 'order-exists' };
    return { action, possible, whyNot: whyNot ?? null };
  });
}

/** The steps of an onboarding in their order, each with its attempts. */
async function readSteps(tx: Tx, id: string, describe: DescribeStep): Promise<JobStep[]> {
  const steps = await tx.rows<
    Omit<JobStep, 'skippable' | 'state' | 'attempts'> & { readonly step: string }
  >(
    `select key, connector, step, position, status, generation, failures, next_attempt_at as "nextAttemptAt",
       started_at as "startedAt", ended_at as "endedAt"
     from onboarding_steps where onboarding_id = $1 order by position`,
    [id],
  );
  const attempts = await tx.rows<JobAttempt>(
    `select key, n, phase, generation, started_at as "startedAt", ended_at as "endedAt",
       duration_ms as "durationMs", outcome, http_status as "httpStatus", problem, request, response, actor,
       request_id as "requestId"
     from step_attempts where onboarding_id = $1 order by key, n`,
    [id],
  );
  const first = steps[0]?.connector;
  return steps.map(({ step, ...row }) => {
    const described = describe(row.connector, step);
    return {
      ...row,
      skippable: described?.skippable ?? false,
      state: row.connector === first ? (described?.state ?? null) : null,
      attempts: attempts.filter(({ key }) => key === row.key),
    };
  });
}

async function readOrders(tx: Tx, id: string): Promise<JobOrder[]> {
  return tx.rows<JobOrder>(
    `select id, number, kind, reason, actor, status, outcome, created_at as "createdAt", applied_at as "appliedAt"
     from orders where onboarding_id = $1 order by number`,
    [id],
  );
}

async function readEvents(tx: Tx, id: string): Promise<JobEvent[]> {
  return tx.rows<JobEvent>(
    `select at, type, from_state as "from", to_state as "to", actor, request_id as "requestId", data
     from onboarding_events where onboarding_id = $1 order by id`,
    [id],
  );
}

async function readMails(tx: Tx, job: Pick<Job, 'id' | 'inviteId'>): Promise<JobMail[]> {
  return tx.rows<JobMail>(
    `select id, kind, status, created_at as "createdAt", sent_at as "sentAt", problem
     from mails where onboarding_id = $1 or invite_id = $2 order by created_at, id`,
    [job.id, job.inviteId],
  );
}
