import { sourceOf } from '../../platform/client-addresses';
import { remembering } from '../../platform/remembering';

/** Failed attempts by source, never by key. Each process counts for itself. */
export interface Failures {
  /** Milliseconds until a source may fail again, 0 when it may now. Without an address there is no source. */
  waitOf(address: string | undefined): number;
  /** Whether a source has failed so often that its next attempt is likely to fail, too. */
  failsOften(address: string | undefined): boolean;
  /** Counts a failed attempt. */
  count(address: string | undefined): void;
  /** Takes one back that turned out good. */
  forgive(address: string | undefined): void;
}

/** How many attempts of one source may fail in which time. */
export interface FailureLimit {
  readonly failures: number;
  readonly withinMs: number;
  /** Most sources that are remembered; beyond it the oldest are forgotten. */
  readonly most: number;
}

/** 20 failures in 10 seconds; about 10 MB when it is full. */
export const failureLimit: FailureLimit = { failures: 20, withinMs: 10_000, most: 50_000 };

interface Window {
  readonly until: number;
  failures: number;
}

// Whoever fails does so again and again.
const knownSourceOf = remembering(sourceOf);

/** Begins to count. */
export function createFailures(limit: FailureLimit = failureLimit): Failures {
  const windows = new Map<string, Window>();
  const windowOf = (address: string): Window | undefined => {
    const window = windows.get(knownSourceOf(address));
    return window && window.until > performance.now() ? window : undefined;
  };
  const often = Math.ceil(limit.failures / 4);
  return {
    failsOften: (address) => address !== undefined && (windowOf(address)?.failures ?? 0) >= often,
    waitOf(address) {
      if (address === undefined) return 0;
      const window = windowOf(address);
      return window && window.failures >= limit.failures ? window.until - performance.now() : 0;
    },
    count(address) {
      if (address === undefined) return;
      const window = windowOf(address);
      if (window) {
        window.failures += 1;
        return;
      }
      const source = knownSourceOf(address);
      // Set anew, so that the map is in the order of the windows' ends.
      windows.delete(source);
      windows.set(source, { until: performance.now() + limit.withinMs, failures: 1 });
      for (const [oldest, { until }] of windows) {
        if (until > performance.now() && windows.size <= limit.most) break;
        windows.delete(oldest);
      }
    },
    forgive(address) {
      if (address === undefined) return;
      const window = windowOf(address);
      if (window) window.failures -= 1;
    },
  };
}
