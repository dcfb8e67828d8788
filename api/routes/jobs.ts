import type { jobEndpoints } from '../../src/contracts/jobs';
import { holds } from '../../src/domain/identity/callers';
import type { Caller } from '../../src/domain/identity/callers';
import { belongsTo } from '../../src/domain/identity/permits.rules';
import { readClientStatus } from '../../src/domain/onboarding/client-status';
import { getJob } from '../../src/domain/onboarding/job-detail';
import type { DescribeStep, JobDetail } from '../../src/domain/onboarding/job-detail';
import { listJobs } from '../../src/domain/onboarding/jobs';
import type { Job } from '../../src/domain/onboarding/jobs';
import { DomainError, isProblemCode, problems } from '../../src/errors/problems';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator, withTenant } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';

/** What reading onboardings uses. */
export interface JobRouteDeps {
  readonly db: Database;
  readonly cursors: Cursors;
  readonly describeStep: DescribeStep;
}

const snapshot = { readOnly: true, isolation: 'repeatable read' } as const;

/** Reading onboardings: the list, one with all its parts, and how far a client is. */
export function createJobRoutes({
  db,
  cursors,
  describeStep,
}: JobRouteDeps): Pick<Handlers<typeof jobEndpoints>, 'listJobs' | 'getJob' | 'getClientStatus'> {
  return {
    async listJobs({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const keyset = cursors.open('jobs', filter, { limit, cursor });
      const page = await withOperator(db, caller.actorId, (tx) => listJobs(tx, filter, keyset), {
        readOnly: true,
      });
      return { status: 200, body: cursors.answer('jobs', filter, page, toJob) };
    },

    async getJob({ caller, params }) {
      const job = await withOperator(
        db,
        caller.actorId,
        (tx) => getJob(tx, params.id, permissionsOf(caller), describeStep),
        snapshot,
      );
      return { status: 200, body: toDetail(job), version: job.version };
    },

    async getClientStatus({ caller, params }) {
      const clientId = params.client_id;
      const operator = holds(caller, 'onboardings:read');
      // The same answer whether or not there is such a client.
      if (!operator && !belongsTo(caller, clientId)) throw new DomainError('forbidden');
      const status = operator
        ? await withOperator(
            db,
            caller.actorId,
            (tx) => readClientStatus(tx, clientId, 'operator'),
            snapshot,
          )
        : await withTenant(
            db,
            clientId,
            (tx) => readClientStatus(tx, clientId, 'customer'),
            snapshot,
          );
      return {
        status: 200,
        body: {
          success: true,
          client_id: status.clientId,
          job_id: status.jobId,
          status: status.state,
          step: status.step,
          steps: status.steps.map(({ key, label, status: at }) => ({ key, label, status: at })),
          last_error: lastError(status.problem),
          waiting_for: status.waitingFor,
          updated_at: status.updatedAt.toISOString(),
        },
      };
    },
  };
}

function permissionsOf(caller: Caller): ReadonlySet<string> {
  return caller.kind === 'user' || caller.kind === 'service' ? caller.permissions : new Set();
}

function lastError(code: string | null) {
  if (!isProblemCode(code)) return null;
  const { title, next } = problems[code];
  return { code, title, next };
}

const time = (date: Date | null): string | null => date?.toISOString() ?? null;

/** An onboarding as lists answer it. */
export function toJob(job: Job) {
  return {
    job_id: job.id,
    invite_id: job.inviteId,
    client_id: job.tenantId,
    tenant_slug: job.tenantSlug,
    tenant_name: job.tenantName,
    email: job.email,
    kind: job.kind,
    status: job.state,
    step: job.step,
    failed_step: job.failedStep,
    problem: job.problem,
    waiting_for: job.waitingFor,
    waiting_since: time(job.waitingSince),
    parked_at: time(job.parkedAt),
    driven_at: time(job.drivenAt),
    held: job.held,
    created_at: job.createdAt.toISOString(),
    accepted_at: time(job.acceptedAt),
    activated_at: time(job.activatedAt),
    ended_at: time(job.endedAt),
    updated_at: job.updatedAt.toISOString(),
  };
}

/** An onboarding with all its parts, as it is answered. */
export function toDetail(job: JobDetail) {
  return {
    ...toJob(job),
    workflow_id: `onboarding/${job.inviteId}`,
    blueprint: job.blueprint,
    number: job.number,
    last_error: lastError(job.problem),
    actions: job.actions.map(({ action, possible, whyNot }) => ({
      action,
      possible,
      why_not: whyNot,
    })),
    steps: job.steps.map((step) => ({
      key: step.key,
      connector: step.connector,
      position: step.position,
      status: step.status,
      generation: step.generation,
      failures: step.failures,
      skippable: step.skippable,
      state: step.state,
      next_attempt_at: time(step.nextAttemptAt),
      started_at: time(step.startedAt),
      ended_at: time(step.endedAt),
      attempts: step.attempts.map((attempt) => ({
        n: attempt.n,
        phase: attempt.phase,
        generation: attempt.generation,
        started_at: attempt.startedAt.toISOString(),
        ended_at: time(attempt.endedAt),
        duration_ms: attempt.durationMs,
        outcome: attempt.outcome,
        http_status: attempt.httpStatus,
        problem: attempt.problem,
        request: attempt.request,
        response: attempt.response,
        actor: attempt.actor,
        request_id: attempt.requestId,
      })),
    })),
    events: job.events.map(({ at, type, from, to, actor, requestId, data }) => ({
      at: at.toISOString(),
      type,
      from,
      to,
      actor,
      request_id: requestId,
      data,
    })),
    orders: job.orders.map((order) => ({
      id: order.id,
      number: order.number,
      kind: order.kind,
      reason: order.reason,
      actor: order.actor,
      status: order.status,
      outcome: order.outcome,
      created_at: order.createdAt.toISOString(),
      applied_at: time(order.appliedAt),
    })),
    mails: job.mails.map((mail) => ({
      id: mail.id,
      kind: mail.kind,
      status: mail.status,
      created_at: mail.createdAt.toISOString(),
      sent_at: time(mail.sentAt),
      problem: mail.problem,
    })),
    version: job.version,
  };
}
