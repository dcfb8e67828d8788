import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';

/** Short transactions on our own rows: they run in the workflow's own task, without a hop through the server. */
export const database = proxyLocalActivities<Activities>({
  startToCloseTimeout: '15 seconds',
  retry: {
    initialInterval: '200 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '10 seconds',
  },
  localRetryThreshold: '20 seconds',
});

/** Handing mails to the mail server; what it refuses is recorded in the rows, so that a failure here is our own. */
export const mail = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** Verifying the audit log, which takes as long as the log is long; whoever dies at it is noticed in seconds. */
export const verification = proxyActivities<Pick<Activities, 'verifyAuditLog'>>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '10 seconds', backoffCoefficient: 2, maximumInterval: '10 minutes' },
});

/**
 * Calls of one backend, on a task queue of its own, so that a slow backend takes no slots from the others. How often
 * a step is tried is counted in its rows; retries here are for the backend's rate and for our own infrastructure.
 */
export function backend(
  connector: string,
): Pick<Activities, 'runStep' | 'undoStep' | 'runRotation'> {
  return proxyActivities<Activities>({
    taskQueue: `${workflowInfo().taskQueue}-${connector}`,
    startToCloseTimeout: '30 seconds',
    heartbeatTimeout: '8 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  });
}
