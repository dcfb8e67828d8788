import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ArchiveCopy } from '../domain/archive/archive-checker';

/**
 * Opens a copy of a log's folder in the object store, such as one made by `aws s3 sync`; undefined for a folder that
 * holds no manifests. Objects are read one at a time.
 */
export function openArchiveCopy(folder: string): ArchiveCopy | undefined {
  const manifests = join(folder, 'manifests');
  if (!existsSync(manifests)) return undefined;
  return {
    manifests: filesIn(manifests),
    checkpoints: filesIn(join(folder, 'checkpoints')),
    object(key) {
      // Only the last two parts of a key are looked at: a manifest leads nowhere else.
      const kind = key.split('/').at(-2) === 'personal' ? 'personal' : 'leaves';
      const file = join(folder, kind, basename(key));
      return existsSync(file) ? readFileSync(file) : undefined;
    },
  };
}

const filesIn = (folder: string): Buffer[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => readFileSync(join(folder, name)))
    : [];
