import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../errors/problems';
import { newId } from './ids';

/** What was stored, and where it is found. */
export interface StoredExport {
  readonly location: string;
  readonly bytes: number;
  /** Of the stored bytes, in hex. */
  readonly sha256: string;
}

/** Where exports go that have to outlive what they are of. */
export interface ExportStore {
  /**
   * Stores all that a stream gives under a key such as `exports/a/b.gz`; an object is there as a whole or not at all,
   * and replaces one of the same key. A `put` ends those that still write to the same folder: the latest one counts.
   * @throws DomainError `export-store-missing`; errors of the store
   */
  put(key: string, body: Readable): Promise<StoredExport>;
}

/** Exports as files below a directory; one that is not configured (empty) refuses everything. */
export function createDirectoryExports(directory: string): ExportStore {
  return {
    async put(key, body) {
      if (directory === '') throw new DomainError('export-store-missing');
      const path = join(resolve(directory), key);
      const part = `${path}.${newId()}.part`;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await removeParts(dirname(path));
      try {
        const { meter, result } = measured();
        await pipeline(body, meter, createWriteStream(part, { mode: 0o600 }));
        await flush(part);
        await rename(part, path);
        await flush(dirname(path));
        return { location: `file:${path}`, ...result() };
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
  };
}

// Left by processes that were killed, and full of what a purge deletes. One that lives on fails when it renames.
async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.part')) await rm(join(folder, name), { force: true });
  }
}

// What is deleted afterwards must not be lost with the power.
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function measured(): { meter: Transform; result: () => Omit<StoredExport, 'location'> } {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { meter, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}
