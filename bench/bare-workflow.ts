import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { BareActivities } from './bare-worker';

/** Begins the work of a bare workflow. */
export const begin = defineSignal('begin');

/**
 * The least that could do an onboarding's work: waits for one signal, then makes the same HTTP calls and sends the
 * same mail as normal activities, one after the other, with nothing recorded.
 */
export async function bare({ sheet }: { sheet: string }): Promise<void> {
  let begun = false;
  setHandler(begin, () => {
    begun = true;
  });
  await condition(() => begun);
  const backend = proxyActivities<BareActivities>({
    taskQueue: 'bare-backend',
    startToCloseTimeout: '30 seconds',
  });
  const mail = proxyActivities<BareActivities>({ startToCloseTimeout: '30 seconds' });
  for (const step of ['register', 'add-token', 'verify', 'smoke'] as const)
    await backend.call({ sheet, step });
  await mail.sendMail({ sheet });
}
