import { performance } from 'node:perf_hooks';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { problemOf, requestIdHeader, toFailure } from '../src/errors/temporal';
import { newId } from '../src/platform/ids';
import { errorFields } from '../src/platform/log';
import type { Log } from '../src/platform/log';
import { withRequestContext } from '../src/platform/request-context';

/**
 * The activity boundary: brings the request id into the code, translates every error, and logs a failure once. Only
 * catalogue text leaves it.
 */
export function createActivityInterceptors(log: Log): ActivityInterceptorsFactory {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const header = input.headers[requestIdHeader];
        const requestId = header ? defaultPayloadConverter.fromPayload<string>(header) : newId();
        const started = performance.now();
        return withRequestContext({ requestId, actorId: 'system:workflow' }, async () => {
          try {
            return await next(input);
          } catch (error) {
            const failure = toFailure(error);
            if (!isBenign(failure)) {
              const { activityType, attempt, workflowExecution } = context.info;
              log.warn(
                {
                  'activity.type': activityType,
                  'activity.attempt': attempt,
                  'workflow.id': workflowExecution?.workflowId,
                  duration_ms: Math.round(performance.now() - started),
                  ...errorFields(error),
                  problem: problemOf(failure),
                },
                `Activity ${activityType} failed`,
              );
            }
            throw failure;
          }
        });
      },
    },
  });
}

function isBenign(failure: Error): boolean {
  return (
    (failure instanceof ApplicationFailure &&
      failure.category === ApplicationFailureCategory.BENIGN) ||
    failure.name === 'CancelledFailure'
  );
}
