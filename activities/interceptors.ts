import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { problemOf, requestIdHeader, toFailure } from '../src/errors/temporal';
import { newId } from '../src/platform/ids';
import { errorFields } from '../src/platform/log';
import type { Log } from '../src/platform/log';
import { withRequestContext } from '../src/platform/request-context';
import { fieldsOf, reported } from './work-log';

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
        const fields = fieldsOf(context.info);
        return withRequestContext({ requestId, actorId: 'system:workflow' }, async () => {
          try {
            return await reported(log, fields, () => next(input));
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

function isBenign(failure: Error): boolean {
  return (
    (failure instanceof ApplicationFailure &&
      failure.category === ApplicationFailureCategory.BENIGN) ||
    failure.name === 'CancelledFailure'
  );
}
