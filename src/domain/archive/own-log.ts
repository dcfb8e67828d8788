import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import { databaseIdentity, homeOfLog, originOfLog } from '../audit/head';
import { newestPublished, requireContinuation } from '../audit/publication';
import type { ArchiveDeps, ArchiveStore } from './deps';

/**
 * Refuses to archive or to drop entries of a log that must not be gone on with: a copy of another database, or an older
 * state of this one. Whoever restores a backup beside the store of the living log must not add to its archive.
 * @throws DomainError `audit-log-halted`, errors of the store
 */
export async function requireOwnLog(
  { sequencer, keys }: Pick<ArchiveDeps, 'sequencer' | 'keys'>,
  { objects }: ArchiveStore,
): Promise<void> {
  const origin = await withSystem(sequencer, 'archive', async (tx) => {
    const [home, here] = [await homeOfLog(tx), await databaseIdentity(tx)];
    if (home?.systemIdentifier !== here.systemIdentifier || home.databaseOid !== here.databaseOid) {
      throw new DomainError('audit-log-halted', {
        detail: 'The log was copied here from another database.',
      });
    }
    return originOfLog(tx);
  });
  const published = origin === null ? undefined : await newestPublished(objects, origin);
  if (!published) return;
  await withSystem(sequencer, 'archive', (tx) => requireContinuation(tx, keys, published));
}
