import { errorFields } from '../platform/log';
import type { Log } from '../platform/log';

/** Seconds after which a process that does not come to its end is ended. */
const forceSeconds = 18;

/** Runs the shutdown once, on SIGTERM or SIGINT, and ends the process within 20 seconds. */
export function onStop(log: Log, shutdown: () => Promise<void>): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'Stopping');
    const force = setTimeout(() => {
      log.warn({}, 'Stopped by force: something did not come to its end');
      process.exit(1);
    }, forceSeconds * 1000);
    force.unref();
    shutdown().then(
      () => {
        log.info({}, 'Stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.error(errorFields(error), 'The shutdown failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      stop(signal);
    });
}
