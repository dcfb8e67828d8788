import { wakeUndrivenRotations } from '../domain/api-keys/reconciler';
import { sweepVerification } from '../domain/api-keys/upkeep';
import { stuckSeconds } from '../domain/archive/batches';
import { wakeUndrivenArchive } from '../domain/archive/reconciler';
import { relayMails } from '../domain/mails/mails';
import type { MailSender } from '../domain/mails/mails';
import { wakeUndrivenTrials } from '../domain/tenants/trials';
import { wakeUndrivenTenants } from '../domain/tenants/wake';
import { sweepIdentity } from '../domain/identity/upkeep';
import { dropStalePlaces } from '../domain/onboarding/backend-rate';
import { releaseHeld } from '../domain/onboarding/held-invites';
import { abandonedTenants, freeAbandonedTenant } from '../domain/onboarding/close-invite';
import { wakeUndriven } from '../domain/onboarding/reconciler';
import { withSystem } from '../platform/db';
import { errorFields } from '../platform/log';
import { rewrapBatch } from '../domain/secrets/secrets';
import { sweepPlatform } from '../platform/sweep';
import type { Deps } from './deps';
import { startLoop } from './loop';
import { wakeAllInNewNamespace } from './namespace';
import { reconcileSchedules } from './schedules';

/** The parts of a worker that go on without Temporal, and what has to be looked at when it is back. */
export interface Upkeep {
  /** Temporal is there (again), with this namespace: it may be another one than before. */
  onTemporalFound(namespaceId: string): void;
  stop(): Promise<void>;
}

/** Milliseconds between two looks for what fast paths left behind. */
const relayMs = 500;

/** Starts relay, mail relay, reconciler, gauges, and the look at Temporal's namespace and schedules. */
export function startUpkeep(deps: Deps, mailSender: MailSender): Upkeep {
  const { log } = deps;
  let found: string | undefined;
  let stopping = false;
  const relay = startLoop({
    name: 'relay',
    everyMs: relayMs,
    log,
    // A process's next wake-up may be claimed once its last one is out.
    round: async () => {
      const { handled, nextInMs } = await deps.outbox.relay(50);
      return handled > 0 || (nextInMs ?? false);
    },
  });
  const mails = startLoop({
    name: 'mail relay',
    everyMs: relayMs,
    log,
    round: async () => (await relayMails(mailSender, 20)) === 20,
  });
  const namespace = startLoop({
    name: 'namespace check',
    everyMs: deps.env.RECONCILE_SECONDS * 1000,
    log,
    round: async () => {
      if (found === undefined) return false;
      await wakeAllInNewNamespace(deps, found, () => stopping);
      if (!stopping) await reconcileSchedules(deps);
      return false;
    },
  });
  const reconciler = startLoop({
    name: 'reconciler',
    everyMs: deps.env.RECONCILE_SECONDS * 1000,
    log,
    round: () => reconcile(deps),
  });
  const gauges = startLoop({
    name: 'gauges',
    everyMs: 15_000,
    log,
    round: async () => {
      await measure(deps);
      return false;
    },
  });
  const loops = [relay, mails, namespace, reconciler, gauges];
  return {
    onTemporalFound: (namespaceId) => {
      found = namespaceId;
      namespace.nudge();
      // What could not be delivered waits for its next try, longer the longer the outage was.
      deps.outbox.hasten().then(
        () => {
          relay.nudge();
        },
        (error: unknown) => {
          log.warn(errorFields(error), 'Wake-ups wait for their next try');
        },
      );
    },
    async stop() {
      stopping = true;
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** Milliseconds between two batches of wake-ups: bounds what Postgres and Temporal are asked for. */
const wakeMs = 1_000;

/**
 * Does one round of what fast paths, runs and people left behind. Returns whether there is more to do: at once, or
 * after a pause where processes were woken.
 */
export async function reconcile(
  deps: Pick<Deps, 'db' | 'ring' | 'outbox' | 'log' | 'config'> & {
    readonly env: Pick<Deps['env'], 'DRIVE_WITHIN_HOURS'>;
  },
): Promise<boolean | number> {
  const { db } = deps;
  const hours = deps.env.DRIVE_WITHIN_HOURS;
  const woken =
    (await wakeUndriven(deps, hours)) +
    (await wakeUndrivenTenants(deps, hours)) +
    (await wakeUndrivenTrials(deps, hours)) +
    (await wakeUndrivenRotations(deps, hours)) +
    (await wakeUndrivenArchive(deps, hours));
  if (woken > 0) deps.log.info({ woken }, `Woke ${String(woken)} processes that nobody drove`);
  const released = await withSystem(db, 'reconciler', (tx) => releaseHeld(tx, deps, 50));
  await withSystem(db, 'reconciler', dropStalePlaces);
  const tenants = await withSystem(db, 'reconciler', (tx) => abandonedTenants(tx, 50));
  for (const tenantId of tenants) {
    await withSystem(db, 'reconciler', (tx) =>
      freeAbandonedTenant(tx, tenantId, 'system:reconciler'),
    );
  }
  const swept =
    (await sweepPlatform(db, 1000)) +
    (await sweepIdentity(db, 1000)) +
    (await sweepVerification(db, 1000));
  const rewrapped = await rewrapBatch(db, deps.ring, 200);
  const more = woken >= 200 || released === 50 || swept >= 1000 || rewrapped === 200;
  return more && woken > 0 ? wakeMs : more;
}

async function measure(deps: Deps): Promise<void> {
  const lag = await deps.outbox.lag();
  deps.metrics.outboxLag.set(lag.seconds);
  deps.metrics.outboxDead.set(lag.dead);
  const { oldest, parked } = await withSystem(deps.db, 'metrics', (tx) =>
    tx.one<{ oldest: number; parked: number }>(
      `select coalesce(extract(epoch from now() - min(parked_at)), 0)::float8 as oldest, count(*)::int as parked
       from onboardings where state = 'failed'`,
    ),
  );
  deps.metrics.archiveStuck.set(await withSystem(deps.db, 'metrics', stuckSeconds));
  deps.metrics.oldestParked.set(oldest);
  deps.metrics.parked.set(parked);
}
