import { defineSignal } from '@temporalio/workflow';

/** "Look at your rows again." Carries no data, so that lost, doubled and reordered ones are harmless. */
export const wakeUp = defineSignal('wakeUp');
