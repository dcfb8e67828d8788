import { wakeAllRotationsFrom, wakeUndrivenRotations } from '../domain/api-keys/reconciler';
import { relayMails } from '../domain/mails/mails';
import type { MailSender } from '../domain/mails/mails';
import { wakeTrialsFrom, wakeUndrivenTrials } from '../domain/tenants/trials';
import { wakeTenantsFrom, wakeUndrivenTenants } from '../domain/tenants/wake';
import { sweepIdentity } from '../domain/identity/upkeep';
import { dropStalePlaces } from '../domain/onboarding/backend-rate';
import { releaseHeld } from '../domain/onboarding/held-invites';
import { abandonedTenants, freeAbandonedTenant } from '../domain/onboarding/close-invite';
import { wakeAllFrom, wakeUndriven } from '../domain/onboarding/reconciler';
import { withSystem } from '../platform/db';
import { rewrapBatch } from '../domain/secrets/secrets';
import { sweepPlatform } from '../platform/sweep';
import { readState, writeState } from '../platform/system-state';
import type { Deps } from './deps';
import { startLoop } from './loop';
import { reconcileSchedules } from './schedules';

/** The parts of a worker that go on without Temporal, and what has to be looked at when it is back. */
export interface Upkeep {
  /** Temporal is there (again): it may be another one. */
  onTemporalConnected(): void;
  stop(): Promise<void>;
}

/** Milliseconds between two looks for what fast paths left behind. */
const relayMs = 500;
const namespaceState = 'temporal-namespace';

/** Starts relay, mail relay, reconciler, gauges, and the look at Temporal's namespace and schedules. */
export function startUpkeep(deps: Deps, mailSender: MailSender): Upkeep {
  const { log } = deps;
  const relay = startLoop({
    name: 'relay',
    everyMs: relayMs,
    log,
    round: async () => (await deps.outbox.relay(50)) === 50,
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
      await wakeAllInNewNamespace(deps);
      await reconcileSchedules(deps);
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
    onTemporalConnected: () => {
      namespace.nudge();
      relay.nudge();
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

async function reconcile(deps: Deps): Promise<boolean> {
  const { db } = deps;
  const hours = deps.env.DRIVE_WITHIN_HOURS;
  const woken =
    (await wakeUndriven(deps, hours)) +
    (await wakeUndrivenTenants(deps, hours)) +
    (await wakeUndrivenTrials(deps, hours)) +
    (await wakeUndrivenRotations(deps, hours));
  if (woken > 0) deps.log.info({ woken }, `Woke ${String(woken)} processes that nobody drove`);
  const released = await withSystem(db, 'reconciler', (tx) => releaseHeld(tx, deps, 50));
  await withSystem(db, 'reconciler', dropStalePlaces);
  const tenants = await withSystem(db, 'reconciler', (tx) => abandonedTenants(tx, 50));
  for (const tenantId of tenants) {
    await withSystem(db, 'reconciler', (tx) =>
      freeAbandonedTenant(tx, tenantId, 'system:reconciler'),
    );
  }
  const swept = (await sweepPlatform(db, 1000)) + (await sweepIdentity(db, 1000));
  const rewrapped = await rewrapBatch(db, deps.ring, 200);
  return woken >= 200 || released === 50 || swept >= 1000 || rewrapped === 200;
}

/**
 * Wakes everything when the namespace is another one than last time: a new Temporal, or one whose database was
 * emptied, knows no workflow. The id is noted only after all are woken, so that a crash in between begins again.
 */
async function wakeAllInNewNamespace(deps: Deps): Promise<void> {
  const { client } = deps.temporal;
  const described = await client.connection.withDeadline(Date.now() + 2_000, () =>
    client.workflowService.describeNamespace({ namespace: deps.env.TEMPORAL_NAMESPACE }),
  );
  const id = described.namespaceInfo?.id;
  if (!id || (await readState(deps.db, namespaceState)) === id) return;
  let batches = 0;
  for (const wakeFrom of [wakeAllFrom, wakeTenantsFrom, wakeTrialsFrom, wakeAllRotationsFrom]) {
    let from: string | null = null;
    do {
      from = await wakeFrom(deps, from);
      batches += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
    } while (from !== null);
  }
  await writeState(deps.db, namespaceState, id);
  deps.log.info(
    { batches },
    'Temporal is another one than before: woke every process that has not ended',
  );
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
  deps.metrics.oldestParked.set(oldest);
  deps.metrics.parked.set(parked);
}
