import { ContinueAsNew, workflowInfo } from '@temporalio/workflow';
import type {
  Next,
  WorkflowInboundCallsInterceptor,
  WorkflowInterceptorsFactory,
  WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';
import type { Headers } from '@temporalio/common';
import { requestIdHeader, toFailure } from '../src/errors/temporal';

/**
 * The workflow boundary: a plain error would fail the workflow task again and again, so it becomes a failure of the
 * catalogue; and the request id of the newest wake-up goes on to the activities.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let requestId: Headers[string] | undefined;
  const remember = (headers: Headers): void => {
    requestId = headers[requestIdHeader] ?? requestId;
  };
  const translated = async <I, O>(input: I, next: (input: I) => Promise<O>): Promise<O> => {
    try {
      return await next(input);
    } catch (error) {
      // How the SDK leaves a run for its next one: no failure at all.
      if (error instanceof ContinueAsNew) throw error;
      throw toFailure(error);
    }
  };
  const inbound: WorkflowInboundCallsInterceptor = {
    execute: (input, next: Next<WorkflowInboundCallsInterceptor, 'execute'>) => {
      remember(input.headers);
      return translated(input, next);
    },
    handleSignal: (input, next) => {
      remember(input.headers);
      return translated(input, next);
    },
    handleUpdate: (input, next) => translated(input, next),
  };
  const passOn = <I extends { headers: Headers }>(input: I): I =>
    requestId ? { ...input, headers: { ...input.headers, [requestIdHeader]: requestId } } : input;
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => next(passOn(input)),
    scheduleLocalActivity: (input, next) => next(passOn(input)),
    startChildWorkflowExecution: (input, next) => next(passOn(input)),
    continueAsNew: (input, next) => next(passOn(input)),
    getLogAttributes: (input, next) => next({ ...input, 'workflow.id': workflowInfo().workflowId }),
  };
  return { inbound: [inbound], outbound: [outbound] };
};
