import type { Database } from '../../platform/db';
import type { Log } from '../../platform/log';
import type { ObjectStore, ObjectStoreSettings } from '../../platform/object-store';
import type { Outbox } from '../../platform/outbox';
import type { SigningKeys } from '../audit/signing';

/** When entries are moved, and how safe that shall be. */
export interface ArchiveTimes {
  /** Days that entries stay in the log. */
  readonly hotDays: number;
  /** Hours between the confirmation of a batch and the dropping of its entries. */
  readonly graceHours: number;
  /** Days for which nobody can delete what was archived, where the store has object lock; 0 for none. */
  readonly lockDays: number;
  /** Days that restored entries stay. */
  readonly restoredDays: number;
  /** Seconds of rest after a first failure; doubled after each further one. */
  readonly pauseSeconds: number;
}

/** The store of the archive, and how it is reached. */
export interface ArchiveStore {
  readonly objects: ObjectStore;
  readonly settings: ObjectStoreSettings;
}

/** What the archive is built from; only a worker has it. */
export interface ArchiveDeps {
  /** As usher_app: for wake-ups and what all processes share. */
  readonly db: Database;
  /** As usher_sequencer, which alone may write the rows of the archive. */
  readonly sequencer: Database;
  readonly log: Log;
  readonly outbox: Outbox;
  /** Undefined while none is configured. */
  readonly store: ArchiveStore | undefined;
  readonly keys: SigningKeys;
  readonly times: ArchiveTimes;
  /** The archive's secret: without it no personal data in the archive can be read. */
  secret(why: string): Promise<Buffer>;
}
