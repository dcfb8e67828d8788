import { logHealth } from '../domain/audit/health';
import { batchSize, createSequencer } from '../domain/audit/sequencer';
import { createDatabase, withSystem } from '../platform/db';
import { errorFields } from '../platform/log';
import type { Deps } from './deps';
import { startLoop } from './loop';

/** The parts of a worker that keep the audit log. */
export interface AuditPart {
  stop(): Promise<void>;
}

/** Milliseconds between two looks for entries that are not in the log yet. */
const lookMs = 50;

/** Starts the sequencer and its gauge; the database is opened as usher_sequencer. */
export function startAuditPart(deps: Pick<Deps, 'log' | 'metrics'>, url: string): AuditPart {
  const { log, metrics } = deps;
  const db = createDatabase({
    url,
    max: 2,
    applicationName: 'usher-sequencer',
    queryTimeoutMs: 60_000,
    onError: (error) => {
      log.warn(errorFields(error), 'A connection of the sequencer was lost');
    },
  });
  const sequencer = createSequencer(db);
  const loops = [
    startLoop({
      name: 'audit sequencer',
      everyMs: lookMs,
      log,
      round: async () => (await sequencer.round()) === batchSize,
    }),
    startLoop({
      name: 'audit gauge',
      everyMs: 15_000,
      log,
      round: async () => {
        metrics.auditPending.set((await withSystem(db, 'metrics', logHealth)).pending);
        return false;
      },
    }),
  ];
  const end = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.stop()));
    await db.close();
  };
  let ended: Promise<void> | undefined;
  return { stop: () => (ended ??= end()) };
}
