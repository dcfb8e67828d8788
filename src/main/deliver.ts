import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { reduceError } from '../errors/temporal';
import type { Deliver } from '../platform/outbox';
import { withRequestContext } from '../platform/request-context';

/** How long a delivery may take before it is left to the relay. */
const deadlineMs = 1_000;

// gRPC statuses that no repetition mends: INVALID_ARGUMENT, UNIMPLEMENTED.
const permanent = new Set([3, 12]);

// A run that has had its 10,000 signals refuses the next one as INVALID_ARGUMENT; its successor takes it.
const fullRun = 'exceeded workflow execution limit for signal events';

/**
 * Delivers wake-ups: start and signal in one call, on the business id, so that a running workflow looks again and a
 * missing one begins.
 */
export function createDeliver(client: Client, taskQueue: string): Deliver {
  return async (row) => {
    try {
      const signal = (): Promise<unknown> =>
        client.workflow.signalWithStart(row.workflowType, {
          workflowId: row.workflowId,
          taskQueue,
          args: [row.input],
          signal: 'wakeUp',
          signalArgs: [],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        });
      await client.connection.withDeadline(Date.now() + deadlineMs, () =>
        row.requestId ? withRequestContext({ requestId: row.requestId }, signal) : signal(),
      );
      return { ok: true };
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      const refusal = isGrpcServiceError(cause) ? cause : undefined;
      const status = refusal?.code as number | undefined;
      return {
        ok: false,
        permanent:
          status !== undefined && permanent.has(status) && !refusal?.details.includes(fullRun),
        reason: status === undefined ? reduceError(cause) : `gRPC ${String(status)}`,
      };
    }
  };
}
