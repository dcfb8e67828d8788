import { errorFields } from '../platform/log';
import type { Deps } from './deps';
import { startLoop } from './loop';

/** Whether Temporal is there, as somebody sees who asks again and again. */
export interface TemporalWatch {
  /** Whether it answered the last look. */
  isThere(): boolean;
  stop(): Promise<void>;
}

/** Milliseconds between two looks, and until one is given up. */
const pauseMs = 1_000;
const deadlineMs = 2_000;

/**
 * Asks Temporal for the id of its namespace, every second. The SDK's workers go on polling through an outage and tell
 * nobody of it, so that this is how an outage, its end and another Temporal at the same address are noticed.
 * @param onFound told the namespace's id when Temporal is there (again), and when it has become another one
 */
export function watchTemporal(
  deps: Pick<Deps, 'temporal' | 'env' | 'log'>,
  onFound: (namespaceId: string) => void,
): TemporalWatch {
  const { temporal, env, log } = deps;
  let there = false;
  let missed = false;
  let lastId: string | undefined;

  const look = async (): Promise<string> => {
    const { namespaceInfo } = await temporal.client.connection.withDeadline(
      Date.now() + deadlineMs,
      () =>
        temporal.client.workflowService.describeNamespace({ namespace: env.TEMPORAL_NAMESPACE }),
    );
    return namespaceInfo?.id ?? '';
  };
  const loop = startLoop({
    name: 'watch of Temporal',
    everyMs: pauseMs,
    log,
    round: async () => {
      try {
        const id = await look();
        if (missed) log.info({}, 'Temporal is back');
        if (!there || id !== lastId) onFound(id);
        [there, missed, lastId] = [true, false, id];
      } catch (error) {
        if (!missed) log.warn(errorFields(error), 'Temporal is not reachable; trying until it is');
        [there, missed] = [false, true];
      }
      return false;
    },
  });
  return { isThere: () => there, stop: () => loop.stop() };
}
