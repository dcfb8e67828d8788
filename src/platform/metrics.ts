import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The metrics of one process; no label ever holds an id, a slug or an address. */
export type Metrics = ReturnType<typeof createMetrics>;

const inviteStatuses = 'created sent bounced resent expired revoked declined'.split(' ');

/** Builds the registry with every metric of Usher, so that a scrape shows zeros instead of gaps. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <const L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  /** A counter of what happens thousands of times a second: counted beside, and handed over when it is read. */
  const hotCounter = <const L extends string>(name: string, help: string, label: L) => {
    const cells = new Map<string, { n: number }>();
    new Counter<L>({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        for (const [value, cell] of cells) {
          this.inc({ [label]: value } as Record<L, string>, cell.n);
          cell.n = 0;
        }
      },
    });
    return {
      /** What counts one value of the label. */
      of(value: string): () => void {
        const cell = cells.get(value) ?? { n: 0 };
        cells.set(value, cell);
        return () => {
          cell.n += 1;
        };
      },
    };
  };
  const gauge = <const L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ) => new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <const L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ) => new Histogram<L>({ name, help, buckets, labelNames: [...labelNames], registers });

  const metrics = {
    registry,
    invites: counter('onboarding_invites_total', 'Invites by what happened to them', ['status']),
    accepts: counter('onboarding_accept_total', 'Accepts by outcome', ['status']),
    steps: counter('onboarding_provision_jobs_total', 'Provisioning steps by outcome', [
      'step',
      'status',
    ]),
    failures: counter('onboarding_failures_total', 'Parked steps by problem', ['reason']),
    timeToActive: histogram(
      'onboarding_time_to_active_seconds',
      'Accept to active, less the waits for the customer',
      [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 14_400],
    ),
    timeToFirstUpdate: histogram(
      'onboarding_time_to_first_update_seconds',
      'Accept to the first successful update of data',
      [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 14_400],
    ),
    connectorCalls: counter('connector_calls_total', 'Calls to backends by outcome', [
      'connector',
      'step',
      'outcome',
    ]),
    mails: counter('mails_total', 'Mails by outcome', ['kind', 'status']),
    httpSeconds: histogram(
      'http_request_duration_seconds',
      'Duration of HTTP requests',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      ['operation', 'status'],
    ),
    outboxLag: gauge('outbox_lag_seconds', 'Age of the oldest undelivered wake-up'),
    outboxDead: gauge('outbox_dead_rows', 'Wake-ups that were refused for good'),
    oldestParked: gauge(
      'onboarding_oldest_parked_seconds',
      'Age of the onboarding that is parked longest',
    ),
    parked: gauge('onboarding_parked', 'Onboardings that are parked'),
    auditPending: gauge('audit_pending_rows', 'Audit entries that are not sequenced yet'),
    auditHalted: gauge('audit_halted', '1 while the audit log must not be gone on with'),
    archiveStuck: gauge(
      'audit_archive_stuck_seconds',
      'How long the oldest archive batch that is not through has had the same problem',
    ),
    auditUnpublished: gauge(
      'audit_unpublished_seconds',
      'Age of the oldest checkpoint that is not published outside the database',
    ),
    auditUncovered: gauge(
      'audit_uncovered_seconds',
      'Age of the oldest entry that no checkpoint covers',
    ),
    auditBroken: gauge('audit_broken', '1 when the last nightly verification found a break'),
    auditUnverified: gauge(
      'audit_unverified_seconds',
      'Time since the audit log was last verified by night',
    ),
    workerLastPoll: gauge(
      'worker_last_poll_timestamp_seconds',
      'When the Temporal worker was last seen running',
    ),
    apiKeyAttempts: hotCounter(
      'apikey_auth_attempts_total',
      'Key verifications by result',
      'result',
    ),
  };
  for (const status of inviteStatuses) metrics.invites.inc({ status }, 0);
  for (const status of ['accepted', 'rejected']) metrics.accepts.inc({ status }, 0);
  return metrics;
}

/** Starts the counters of steps at 0, so that the first park of a step is an increase as well. */
export function startStepCounters(metrics: Metrics, steps: Iterable<string>): void {
  for (const step of steps) {
    for (const status of ['success', 'failed', 'parked']) metrics.steps.inc({ step, status }, 0);
  }
}
