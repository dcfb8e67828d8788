import { archiveSecret } from '../domain/archive/archive-secret';
import type { ArchiveDeps, ArchiveTimes } from '../domain/archive/deps';
import {
  comparisonOf,
  giveUpComparing,
  putTombstones,
  reapplyErasures,
} from '../domain/archive/tombstones';
import type { SigningKeys } from '../domain/audit/signing';
import type { Config } from '../platform/config';
import { createDatabase } from '../platform/db';
import type { Database } from '../platform/db';
import { errorFields } from '../platform/log';
import { createObjectStore } from '../platform/object-store';
import type { ObjectStore, ObjectStoreSettings } from '../platform/object-store';
import { signingKeysOf } from './audit-part';
import { coldStoreSettings } from './cold-store';
import type { ColdStoreConfig } from './cold-store';
import type { Deps } from './deps';
import { startLoop } from './loop';

/** How the log is archived. */
export interface ArchivePartOptions {
  /** Postgres as usher_sequencer. */
  readonly url: string;
  readonly keys: SigningKeys;
  /** Where the archive lies; without it nothing is archived. */
  readonly store?: ObjectStoreSettings | undefined;
  readonly times: ArchiveTimes;
}

/** What the archive's activities are built from. */
export interface ArchivePart {
  readonly deps: ArchiveDeps;
  close(): Promise<void>;
}

/** Seconds of rest after a first failure of the store. */
const firstPauseSeconds = 5;

/** Milliseconds between two looks for erasures that the store has not been told of. */
const tombstonesEveryMs = 1_000;

/** As the worker's configuration says. */
export function archivePartOptions(
  env: ColdStoreConfig &
    Pick<
      Config,
      | 'DATABASE_SEQUENCER_URL'
      | 'AUDIT_CHECKPOINT_KEYS'
      | 'AUDIT_SIGNING_KEY'
      | 'AUDIT_HOT_RETENTION_DAYS'
      | 'ARCHIVE_GRACE_HOURS'
      | 'ARCHIVE_RESTORED_DAYS'
      | 'AUDIT_COLD_LOCK_DAYS'
    >,
): ArchivePartOptions {
  return {
    url: env.DATABASE_SEQUENCER_URL.reveal(),
    keys: signingKeysOf(env),
    store: coldStoreSettings(env),
    times: {
      hotDays: env.AUDIT_HOT_RETENTION_DAYS,
      graceHours: env.ARCHIVE_GRACE_HOURS,
      lockDays: env.AUDIT_COLD_LOCK_DAYS,
      restoredDays: env.ARCHIVE_RESTORED_DAYS,
      pauseSeconds: firstPauseSeconds,
    },
  };
}

// First what the store knows and this database, restored from a backup, does not, at the start of this process and of
// Postgres; then what the database knows.
function telling(
  { db, log }: Pick<Deps, 'db' | 'log'>,
  sequencer: Database,
  store: ObjectStore,
  keys: SigningKeys,
): () => Promise<boolean> {
  let settled = false;
  return async () => {
    if (!settled || (await comparisonOf(db)) !== 'done') {
      const { erased, held, strange } = await reapplyErasures(db, store, keys);
      const fields = { erased, held: held.length, strange };
      if (erased > 0) log.warn(fields, 'Erased again what a restored database had brought back');
      if (held.length > 0) log.error(fields, 'Legal holds keep data that was erased before');
      if (strange > 0) log.warn(fields, 'There are objects among the tombstones that are none');
      settled = true;
    }
    await putTombstones(sequencer, store, keys);
    return false;
  };
}

// APIs wait for a comparison that nobody can make any more.
function withoutStore({ db, log }: Pick<Deps, 'db' | 'log'>): () => Promise<boolean> {
  return async () => {
    if (await giveUpComparing(db)) {
      log.warn('No object store: erasures since the backup, if this is one, cannot be done again');
    }
    return false;
  };
}

/** Opens what archives the log, apart from the sequencer, which must never wait for an archive; nothing is dialled. */
export function openArchivePart(
  { db, log, outbox, ring }: Pick<Deps, 'db' | 'log' | 'outbox' | 'ring'>,
  { url, keys, store, times }: ArchivePartOptions,
): ArchivePart {
  const sequencer = createDatabase({
    url,
    max: 4,
    applicationName: 'usher-archive',
    onError: (error) => {
      log.warn(errorFields(error), 'A connection of the archive was lost');
    },
  });
  const objects = store && createObjectStore(store);
  const tombstones = startLoop({
    name: 'audit tombstones',
    everyMs: tombstonesEveryMs,
    log,
    round: objects ? telling({ db, log }, sequencer, objects, keys) : withoutStore({ db, log }),
  });
  return {
    deps: {
      db,
      sequencer,
      log,
      outbox,
      keys,
      times,
      store: store && objects && { objects, settings: store },
      secret: (why) => archiveSecret(db, ring, why),
    },
    async close() {
      await tombstones.stop();
      await sequencer.close();
      objects?.close();
    },
  };
}
