import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { newClient, part, requirePrimary } from '../../platform/own-connection';
import type { LeaseCache } from './lease-cache';

/** Keeps the lease of a cache as long as it knows of every change. */
export interface EpochWatch {
  /** Milliseconds since 1970 on the database's clock, at a time on the monotonic one. */
  databaseTime(now: number): number;
  /** Resolves when the first lease holds, or none may be held. */
  opened(): Promise<void>;
  close(): Promise<void>;
}

/** How the epoch is watched. */
export interface EpochWatchOptions {
  readonly url: string;
  readonly cache: Pick<LeaseCache, 'remove' | 'renew'>;
  /** Milliseconds for which a look at the epoch is good. */
  readonly leaseMs: number;
  /** Told when leases begin and cease; with why, unless the connection is lost. */
  readonly onChange: (
    state: 'held' | 'longer than barriers wait' | 'lost',
    error?: unknown,
  ) => void;
}

interface Epoch {
  readonly n: number;
  readonly maxLeaseMs: number;
  readonly nowMs: number;
}

/** Looks at the epoch in one lease. */
const looksPerLease = 5;
/** Milliseconds between two tries to connect. */
const retryMs = 150;
const channel = 'usher_verification';

const none = -1;

/**
 * Listens for changes and looks at the epoch on one and the same connection. A look that finds the epoch where the
 * notifications have led proves that nothing was missed until it was sent: what it saw holds for one lease from then.
 * Any other removes everything. So nothing is served longer than a lease after a commit that changes it, whether
 * notifications come, are lost, or nobody answers any more; they only make it earlier.
 */
export function watchEpoch(options: EpochWatchOptions): EpochWatch {
  const { cache, leaseMs, onChange } = options;
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  let state: Parameters<typeof onChange>[0] | undefined;
  let offset = Date.now() - performance.now();
  let tellOpened = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });
  const change = (to: Parameters<typeof onChange>[0], error?: unknown): void => {
    if (state === to) return;
    state = to;
    onChange(to, error);
  };

  /** Watches on one connection until it fails. */
  const watch = async (client: Client): Promise<never> => {
    // What the connection before this one knew counts for nothing: a crash may even have taken epochs back.
    let applied = none;
    client.on('notification', ({ payload = '' }) => {
      const [n, about = ''] = payload.split(' ');
      const epoch = Number(n);
      cache.remove(epoch > applied + 1 ? 'any' : changeOf(about));
      applied = Math.max(applied, epoch);
    });
    await client.query(`listen ${channel}`);
    for (;;) {
      const sentAt = performance.now();
      const epoch = await look(client);
      if (epoch.n !== applied) cache.remove('any');
      applied = epoch.n;
      offset = epoch.nowMs - sentAt;
      const isAllowed = leaseMs <= epoch.maxLeaseMs;
      // While no barrier waits for it epochs may stand still.
      if (!isAllowed) applied = none;
      cache.renew(isAllowed ? sentAt + leaseMs : -Infinity);
      change(isAllowed ? 'held' : 'longer than barriers wait');
      tellOpened();
      const rest = sentAt + leaseMs / looksPerLease - performance.now();
      await sleep(Math.max(0, rest), undefined, { signal: closing.signal });
    }
  };
  const keepWatching = async (): Promise<void> => {
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
          watch(client),
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
  const watching = keepWatching();

  return {
    databaseTime: (now) => now + offset,
    opened: () => opened,
    async close() {
      closing.abort();
      cache.renew(-Infinity);
      await watching;
    },
  };
}

async function look(client: Client): Promise<Epoch> {
  const { rows } = await client.query<Record<'n' | 'max_lease_ms' | 'now_ms', string>>(
    `select n, max_lease_ms, date_part('epoch', now()) * 1000 as now_ms
     from verification_epoch, verification_settings`,
  );
  const [row] = rows;
  return {
    n: Number(row?.n),
    maxLeaseMs: Number(row?.max_lease_ms),
    nowMs: Number(row?.now_ms),
  };
}

function changeOf(about: string): Parameters<LeaseCache['remove']>[0] {
  const id = about.slice(1);
  if (about.startsWith('k')) return { keyId: id };
  if (about.startsWith('t')) return { tenantId: id };
  return 'any';
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const tell = (): void => {
      reject(new Error('The connection has ended'));
    };
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell);
  });
