import { listJobs } from '../../domain/onboarding/jobs';
import { isFinal } from '../../domain/onboarding/onboarding.rules';
import { wakeOnboarding } from '../../domain/onboarding/wake';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { createOutbox } from '../../platform/outbox';
import type { Outbox } from '../../platform/outbox';
import { UsageError } from './command';
import type { Command } from './command';
import { findOne } from './onboarding-search';
import { everyPage } from './pages';
import { withDatabase } from './settings';

// Written only: a worker's relay brings it to Temporal, also when that comes back later.
const outboxOf = (db: Database): Outbox =>
  createOutbox({
    db,
    fastPath: false,
    deliver: () => Promise.resolve({ ok: false, permanent: false, reason: 'left to the relay' }),
    onError: () => undefined,
  });

/** Wakes the workflows of onboardings; each resumes from its rows. */
export const restartOnboarding: Command = {
  name: 'onboarding restart',
  summary: 'Wake the workflow of an onboarding, or start it again; it resumes from its rows',
  args: [
    { name: 'ONBOARDING', about: 'Ids of onboardings, invites or tenants, or slugs', many: true },
  ],
  options: { all: { about: 'Every onboarding that has not ended' } },
  notes: [
    'Harmless at any time: a workflow that runs only looks at its rows again. For a terminated run, or after Temporal lost its data; the reconciler does the same by itself within minutes.',
  ],
  examples: ['acme', '--all'],
  async run(input, io) {
    if (input.has('all') === input.args.length > 0) {
      throw new UsageError('name the onboardings, or all that have not ended by --all');
    }
    return withDatabase(io, async (db) => {
      const outbox = outboxOf(db);
      const wake = async (tx: Tx, inviteIds: readonly string[]): Promise<void> => {
        for (const inviteId of inviteIds) await outbox.wake(tx, wakeOnboarding(inviteId));
      };
      if (input.has('all')) {
        const count = await wakeAll(db, wake);
        io.out(`Woken: ${String(count)} onboarding(s). A worker delivers that within seconds.`);
        return 0;
      }
      for (const search of input.args) {
        const job = await withSystem(db, 'cli', async (tx) => {
          const found = await findOne(tx, search);
          await wake(tx, [found.inviteId]);
          return found;
        });
        io.out(`Woken: onboarding/${job.inviteId} of ${job.tenantSlug} (${job.state}).`);
      }
      io.out('A worker delivers that within seconds; `usher outbox list` shows what is stuck.');
      return 0;
    });
  },
};

async function wakeAll(
  db: Database,
  wake: (tx: Tx, inviteIds: readonly string[]) => Promise<void>,
): Promise<number> {
  const jobs = await everyPage((keyset) => withSystem(db, 'cli', (tx) => listJobs(tx, {}, keyset)));
  const open = jobs.filter(({ state }) => !isFinal(state)).map(({ inviteId }) => inviteId);
  for (let n = 0; n < open.length; n += 100) {
    await withSystem(db, 'cli', (tx) => wake(tx, open.slice(n, n + 100)));
  }
  return open.length;
}
