import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { ObjectStore } from '../../platform/object-store';
import { databaseIdentity, foundLog, homeOfLog, lockHead, markHalted, originOfLog } from './head';
import { newestPublished, requireContinuation } from './publication';
import type { Published } from './publication';
import type { SigningKeys } from './signing';

/** Where checkpoints are published, and the keys that they are signed with. */
export interface Outside {
  readonly store: ObjectStore;
  readonly keys: SigningKeys;
  /** Told that the store cannot be asked: the log goes on, unattested. */
  readonly onUnreachable: (error: unknown) => void;
}

/**
 * Finds out whether the log may be gone on with: it lies in the database that it was made in, and continues what was
 * published of it. At its first start it gets its name.
 * @returns the log's origin; undefined while another sequencer holds the head
 * @throws DomainError `audit-log-halted`
 */
export async function openLog(db: Database, outside?: Outside): Promise<string | undefined> {
  const known = await withSystem(db, 'sequencer', originOfLog);
  const published = known === null ? undefined : await publishedOf(known, outside);
  try {
    return await withSystem(db, 'sequencer', (tx) => open(tx, outside?.keys, published));
  } catch (error) {
    if (error instanceof DomainError) {
      await withSystem(db, 'sequencer', (tx) => markHalted(tx, error.message));
    }
    throw error;
  }
}

async function publishedOf(
  origin: string,
  outside: Outside | undefined,
): Promise<Published | undefined> {
  try {
    return outside && (await newestPublished(outside.store, origin));
  } catch (error) {
    outside?.onUnreachable(error);
    return undefined;
  }
}

async function open(
  tx: Tx,
  keys: SigningKeys | undefined,
  published: Published | undefined,
): Promise<string | undefined> {
  const head = await lockHead(tx);
  if (!head) return undefined;
  const here = await databaseIdentity(tx);
  if (head.origin === null) return foundLog(tx, here);
  const home = await homeOfLog(tx);
  if (home?.systemIdentifier !== here.systemIdentifier || home.databaseOid !== here.databaseOid) {
    throw new DomainError('audit-log-halted', {
      detail: 'The log was copied here from another database.',
    });
  }
  if (published && keys) await requireContinuation(tx, keys, published);
  await markHalted(tx, null);
  return head.origin;
}
