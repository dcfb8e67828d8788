import { checkpointSituation, makeCheckpoint } from '../domain/audit/checkpoints';
import { dueReason } from '../domain/audit/checkpoints.rules';
import { originOfLog } from '../domain/audit/head';
import { logHealth } from '../domain/audit/health';
import { openLog } from '../domain/audit/opening';
import { publishCheckpoints } from '../domain/audit/publication';
import { batchSize, createSequencer } from '../domain/audit/sequencer';
import { serveDesk, sweepDesk } from '../domain/audit/signing-desk';
import type { SigningKeys } from '../domain/audit/signing';
import { DomainError } from '../errors/problems';
import type { Config } from '../platform/config';
import { createDatabase, withSystem } from '../platform/db';
import type { Database } from '../platform/db';
import { errorFields } from '../platform/log';
import type { ObjectStore } from '../platform/object-store';
import { openColdStore } from './cold-store';
import type { ColdStoreConfig } from './cold-store';
import type { Deps } from './deps';
import { startLoop } from './loop';

/** The parts of a worker that keep the audit log. */
export interface AuditPart {
  stop(): Promise<void>;
}

/** How the log is kept. */
export interface AuditPartOptions {
  /** Postgres as usher_sequencer. */
  readonly url: string;
  readonly keys: SigningKeys;
  /** Where checkpoints are published; without one the log is unattested. */
  readonly store?: ObjectStore | undefined;
}

/** As the worker's configuration says. */
export function auditPartOptions(
  env: ColdStoreConfig &
    Pick<Config, 'DATABASE_SEQUENCER_URL' | 'AUDIT_CHECKPOINT_KEYS' | 'AUDIT_SIGNING_KEY'>,
): AuditPartOptions {
  return {
    url: env.DATABASE_SEQUENCER_URL.reveal(),
    keys: signingKeysOf(env),
    store: openColdStore(env),
  };
}

/** The signing keys of a configuration. */
export function signingKeysOf(
  env: Pick<Config, 'AUDIT_CHECKPOINT_KEYS' | 'AUDIT_SIGNING_KEY'>,
): SigningKeys {
  const [hmac] = env.AUDIT_SIGNING_KEY;
  if (!hmac) throw new Error('AUDIT_SIGNING_KEY is empty');
  return { seeds: env.AUDIT_CHECKPOINT_KEYS, hmac };
}

/** Milliseconds between two rounds of each part; `brisk` while there is something to do, and a little longer. */
const pace = {
  brisk: 40,
  sequence: 200,
  sign: 200,
  checkpoint: 1_000,
  publish: 1_000,
  gauge: 15_000,
} as const;

/** Milliseconds after the last entry from which on the sequencer looks for others less often. */
const briskMs = 2_000;

/** Milliseconds for which a log that must not be gone on with is left alone. */
const haltedMs = 10_000;

/** Starts sequencer, checkpoints, signing desk, publication and gauges; none of them stops the others. */
export function startAuditPart(
  deps: Pick<Deps, 'log' | 'metrics'>,
  options: AuditPartOptions,
): AuditPart {
  const { log } = deps;
  const db = createDatabase({
    url: options.url,
    max: 3,
    applicationName: 'usher-sequencer',
    queryTimeoutMs: 60_000,
    onError: (error) => {
      log.warn(errorFields(error), 'A connection of the sequencer was lost');
    },
  });
  const rounds = {
    sequence: sequencing(deps, db, options),
    sign: async () => (await serveDesk(db, options.keys)) > 0,
    checkpoint: checkpointing(deps, db, options.keys),
    publish: publishing(db, options),
    gauge: measuring(deps, db),
  };
  const names = {
    sequence: 'audit sequencer',
    sign: 'audit signing desk',
    checkpoint: 'audit checkpoints',
    publish: 'audit publication',
    gauge: 'audit gauges',
  };
  const loops = (Object.keys(rounds) as (keyof typeof rounds)[]).map((part) =>
    startLoop({ name: names[part], everyMs: pace[part], log, round: rounds[part] }),
  );
  const end = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.stop()));
    await db.close();
    options.store?.close();
  };
  let ended: Promise<void> | undefined;
  return { stop: () => (ended ??= end()) };
}

type Round = () => Promise<boolean | number>;

function sequencing(
  { log, metrics }: Pick<Deps, 'log' | 'metrics'>,
  db: Database,
  { store, keys }: AuditPartOptions,
): Round {
  const onUnreachable = (error: unknown): void => {
    log.warn(
      errorFields(error),
      'Published checkpoints cannot be read; the audit log is unattested',
    );
  };
  const sequencer = createSequencer(db, () => openLog(db, store && { store, keys, onUnreachable }));
  let restUntil = 0;
  let briskUntil = 0;
  return async () => {
    if (performance.now() < restUntil) return false;
    try {
      const count = await sequencer.round();
      metrics.auditHalted.set(0);
      if (count > 0) briskUntil = performance.now() + briskMs;
      return count === batchSize || (performance.now() < briskUntil ? pace.brisk : false);
    } catch (error) {
      const halted = error instanceof DomainError && error.code === 'audit-log-halted';
      if (halted) restUntil = performance.now() + haltedMs;
      metrics.auditHalted.set(halted ? 1 : 0);
      throw error;
    }
  };
}

function checkpointing({ log }: Pick<Deps, 'log'>, db: Database, keys: SigningKeys): Round {
  let starting = true;
  let told = false;
  return async () => {
    const situation = await withSystem(db, 'sequencer', checkpointSituation);
    const reason = dueReason({ ...situation, starting });
    const made =
      reason && (await withSystem(db, 'sequencer', (tx) => makeCheckpoint(tx, keys, reason)));
    if (made && 'why' in made && made.why === 'busy') return false;
    starting = false;
    if (!made) return false;
    const lacking = 'why' in made && made.why === 'no-key';
    if (lacking && !told) {
      log.warn({}, 'AUDIT_CHECKPOINT_KEYS lacks the key that signs the audit log at present');
    }
    told = lacking;
    return false;
  };
}

function publishing(db: Database, { store, keys }: AuditPartOptions): Round {
  return async () => {
    if (!store) return false;
    const origin = await withSystem(db, 'sequencer', originOfLog);
    if (origin === null) return false;
    return (await publishCheckpoints(db, store, keys, origin)) > 0;
  };
}

function measuring({ metrics }: Pick<Deps, 'metrics'>, db: Database): Round {
  return async () => {
    const health = await withSystem(db, 'metrics', logHealth);
    metrics.auditPending.set(health.pending);
    metrics.auditUncovered.set(health.uncoveredSeconds);
    metrics.auditUnpublished.set(health.unpublishedSeconds);
    metrics.auditBroken.set(health.broken ? 1 : 0);
    metrics.auditUnverified.set(health.unverifiedSeconds);
    await withSystem(db, 'sequencer', sweepDesk);
    return false;
  };
}
