import type { Wake } from '../../platform/outbox';

/** The wake-up of the workflow that drives a rotation. */
export function wakeKeyRotation(rotationId: string): Wake {
  return {
    workflowType: 'rotateApiKey',
    workflowId: `api-key-rotation/${rotationId}`,
    input: { rotationId },
  };
}
