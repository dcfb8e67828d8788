import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { newClient, part, requirePrimary } from '../../platform/own-connection';
import { statementsOf } from '../../platform/statements';
import { changeOf, followChanges } from './change-log';
import type { KnownKeys } from './known-keys';

/** The right to answer by what is known without a look into the log. */
export interface Lease {
  holds(now: number): boolean;
  /** Milliseconds since 1970 on the database's clock, at a time on the monotonic one. */
  databaseTime(now: number): number;
  /** Resolves when it holds for the first time, or may not be held. */
  opened(): Promise<void>;
  close(): Promise<void>;
}

/** How a lease is held. */
export interface LeaseOptions {
  readonly url: string;
  readonly keys: Pick<KnownKeys, 'remove'>;
  /** Milliseconds for which a look into the log is good. */
  readonly leaseMs: number;
  /** Told when it begins and ceases; with why, unless the connection is lost. */
  readonly onChange: (
    state: 'held' | 'longer than barriers wait' | 'lost',
    error?: unknown,
  ) => void;
}

/** Looks into the log in one lease. */
const looksPerLease = 5;
/** Milliseconds between two tries to connect. */
const retryMs = 150;
const channel = 'usher_verification';

/**
 * Looks into the log of changes again and again: what is known after a look holds for one lease from when the look
 * left. So nothing is served longer than a lease after a commit that changes it, whether notifications come, are lost,
 * or nobody answers any more; they only make it earlier.
 */
export function holdLease(options: LeaseOptions): Lease {
  const { keys, leaseMs, onChange } = options;
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  let state: Parameters<typeof onChange>[0] | undefined;
  let until = -Infinity;
  let offset = 0;
  let tellOpened = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });
  const change = (to: Parameters<typeof onChange>[0], error?: unknown): void => {
    if (state === to) return;
    state = to;
    onChange(to, error);
  };

  /** Holds it on one connection until that fails. */
  const hold = async (client: Client): Promise<never> => {
    const look = followChanges(statementsOf(client), keys);
    client.on('notification', ({ payload = '' }) => {
      keys.remove(changeOf(payload));
    });
    await client.query(`listen ${channel}`);
    for (;;) {
      const { sentAt, databaseMs, maxLeaseMs } = await look();
      offset = databaseMs - sentAt;
      const isAllowed = leaseMs <= maxLeaseMs;
      until = isAllowed ? sentAt + leaseMs : -Infinity;
      change(isAllowed ? 'held' : 'longer than barriers wait');
      tellOpened();
      const rest = sentAt + leaseMs / looksPerLease - performance.now();
      await sleep(Math.max(0, rest), undefined, { signal: closing.signal });
    }
  };
  const keepHolding = async (): Promise<void> => {
    while (!isClosing()) {
      const ended = new AbortController();
      const client = newClient({
        url: options.url,
        applicationName: 'usher-lease',
        statementMs: leaseMs,
        silentMs: leaseMs,
        onError: () => {
          ended.abort();
        },
      });
      client.once('end', () => {
        ended.abort();
      });
      try {
        await client.connect();
        await requirePrimary(client);
        await Promise.race([
          hold(client),
          aborted(AbortSignal.any([ended.signal, closing.signal])),
        ]);
      } catch (error) {
        if (!isClosing()) change('lost', error);
      } finally {
        part(client);
      }
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const holding = keepHolding();

  return {
    holds: (now) => now < until,
    databaseTime: (now) => now + offset,
    opened: () => opened,
    async close() {
      closing.abort();
      until = -Infinity;
      await holding;
    },
  };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const tell = (): void => {
      reject(new Error('The connection has ended'));
    };
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell);
  });
