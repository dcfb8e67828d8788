import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { StoreRefusal } from './object-store-answers';
import { readJson } from './state-files';

/** Longest part of a key between two slashes, in bytes once it is written as the name of a folder. */
const longestName = 200;
const mostKeyBytes = 1_024;

/** Marks the folder of an object: `a` may be an object, and `a/b` another. */
const objectMark = '@';

function nameOf(part: string): string {
  // What is left are letters, digits and `-_.!~*'()`; a leading dot would hide the folder or climb out of it.
  const name = part === '' ? '%' : encodeURIComponent(part).replace(/^\./, '%2E');
  if (name.length > longestName) {
    throw new StoreRefusal(400, 'KeyTooLongError', 'A part of the key is too long for this store.');
  }
  return name;
}

/** The folder of an object below that of its bucket, readable by people. */
export function folderOfKey(key: string): string {
  if (key === '' || Buffer.byteLength(key) > mostKeyBytes) {
    throw new StoreRefusal(400, 'KeyTooLongError', 'A key has 1 to 1024 bytes.');
  }
  try {
    return `${key.split('/').map(nameOf).join('/')}${objectMark}`;
  } catch (error) {
    if (error instanceof StoreRefusal) throw error;
    throw new StoreRefusal(400, 'InvalidURI', 'The key is no UTF-8 text.');
  }
}

function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes a folder and those above it, for good, up to one that is there. */
export function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) sync(dirname(made));
}

/** Puts a flushed file in its place, for good: after a crash it is there as a whole or not at all. */
export function placeFile(from: string, to: string): void {
  renameSync(from, to);
  sync(dirname(to));
}

/** Writes a small JSON file the same way. */
export function placeJson(file: string, value: unknown): void {
  const part = `${file}.part`;
  writeFileSync(part, `${JSON.stringify(value, null, 1)}\n`, { mode: 0o600, flush: true });
  placeFile(part, file);
}

/** Removes files, then the folders that are empty by that, up to `root`. */
export function removeFiles(files: readonly string[], root: string): void {
  for (const file of files) rmSync(file, { force: true });
  const [first] = files;
  if (first === undefined) return;
  for (let folder = dirname(first); relative(root, folder) !== ''; folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      // Something else lies in it; its entries are what has to last.
      sync(folder);
      return;
    }
  }
}

/** Every record below a folder, parsed. What a crash left half done is removed: bytes that no record speaks of. */
export function readRecords(folder: string): unknown[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = new Set(entries.map(({ name }) => name));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return readRecords(path);
    const [, number = '', ending] = /^(\d+)\.(json|bin)$/.exec(entry.name) ?? [];
    if (ending === 'json') return [readJson(path) ?? []].flat();
    const isRest = ending === 'bin' && !names.has(`${number}.json`);
    if (isRest || entry.name.endsWith('.part')) rmSync(path, { force: true });
    return [];
  });
}
