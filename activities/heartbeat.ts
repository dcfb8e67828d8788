import { Context } from '@temporalio/activity';

/** Milliseconds between two signs of life; the time-out in workflows/activities.ts is a few of them. */
const beatMs = 2_000;

/** Runs a function while telling Temporal that this worker is alive, so that a killed one is noticed in seconds. */
export async function beating<T>(fn: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => {
    context.heartbeat();
  }, beatMs);
  try {
    return await fn();
  } finally {
    clearInterval(timer);
  }
}
