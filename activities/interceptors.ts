import { performance } from 'node:perf_hooks';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { problemOf, requestIdHeader, toFailure } from '../src/errors/temporal';
import { newId } from '../src/platform/ids';
import { errorFields } from '../src/platform/log';
import type { Log } from '../src/platform/log';
import { withRequestContext, workNotes } from '../src/platform/request-context';
import type { WorkNotes } from '../src/platform/request-context';

/**
 * The activity boundary: brings the request id into the code, translates every error, and logs what an activity did,
 * or its failure, once. Only catalogue text leaves it.
 */
export function createActivityInterceptors(log: Log): ActivityInterceptorsFactory {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const header = input.headers[requestIdHeader];
        const requestId = header ? defaultPayloadConverter.fromPayload<string>(header) : newId();
        const started = performance.now();
        const fields = (): Record<string, unknown> => ({
          'activity.type': context.info.activityType,
          'activity.attempt': context.info.attempt,
          'workflow.id': context.info.workflowExecution?.workflowId,
          duration_ms: Math.round(performance.now() - started),
        });
        return withRequestContext({ requestId, actorId: 'system:workflow' }, async () => {
          try {
            const result: unknown = await next(input);
            report(log, fields(), workNotes());
            return result;
          } catch (error) {
            const failure = toFailure(error);
            if (!isBenign(failure)) {
              log.warn(
                { ...fields(), ...errorFields(error), problem: problemOf(failure) },
                `Activity ${context.info.activityType} failed`,
              );
            }
            throw failure;
          }
        });
      },
    },
  });
}

// A look that changed nothing is of no interest, and there are many of them.
function report(log: Log, fields: Record<string, unknown>, notes: WorkNotes): void {
  const { event, step, problem } = notes;
  const did = sentence(notes);
  if (did === undefined) log.debug(fields, `Activity ${String(fields['activity.type'])} done`);
  else if (step !== undefined && problem !== undefined) log.warn(fields, did);
  else if (event === 'parked') log.warn(fields, did);
  else log.info(fields, did);
}

function sentence(notes: WorkNotes): string | undefined {
  const { event, state, step, problem } = notes;
  const [phase, outcome] = [notes['step.phase'], notes['step.outcome']];
  if (event === 'parked') return `The onboarding is parked at ${String(step)}: ${String(problem)}`;
  if (outcome !== undefined) return `Step ${String(step)} (${String(phase)}): ${String(outcome)}`;
  if (event !== undefined) return `The onboarding is ${String(state)} (${String(event)})`;
  return undefined;
}

function isBenign(failure: Error): boolean {
  return (
    (failure instanceof ApplicationFailure &&
      failure.category === ApplicationFailureCategory.BENIGN) ||
    failure.name === 'CancelledFailure'
  );
}
