import type { Metrics } from '../../platform/metrics';
import { noteSubject, noteWork } from '../../platform/request-context';
import type { Declared } from './steps';

/** How a call of a backend ended, as metrics and the log tell it. */
export interface CallEnd {
  readonly tenantId: string;
  readonly onboardingId: string;
  /** `do`, `verify`, `undo`, `undo-verify`, `rotate`, `repair` … */
  readonly phase: string;
  readonly outcome: string;
  readonly httpStatus: number | null;
  readonly problem: string | null;
}

/** Counts a call of a backend and notes it for the line that its activity leaves in the log. */
export function noteCall(metrics: Metrics, { plan }: Pick<Declared, 'plan'>, end: CallEnd): void {
  const { connector, step, key } = plan;
  metrics.connectorCalls.inc({ connector, step, outcome: end.outcome });
  noteSubject(end);
  noteWork({
    step: key,
    'step.phase': end.phase,
    'step.outcome': end.outcome,
    'backend.status': end.httpStatus ?? undefined,
    ...(end.problem === null ? {} : { problem: end.problem }),
  });
}
