import { archiveSecret } from '../domain/archive/archive-secret';
import type { ArchiveDeps, ArchiveTimes } from '../domain/archive/deps';
import type { SigningKeys } from '../domain/audit/signing';
import type { Config } from '../platform/config';
import { createDatabase } from '../platform/db';
import { errorFields } from '../platform/log';
import { createObjectStore } from '../platform/object-store';
import type { ObjectStoreSettings } from '../platform/object-store';
import { signingKeysOf } from './audit-part';
import { coldStoreSettings } from './cold-store';
import type { ColdStoreConfig } from './cold-store';
import type { Deps } from './deps';

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
      await sequencer.close();
      objects?.close();
    },
  };
}
