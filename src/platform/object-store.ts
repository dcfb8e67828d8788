import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A place outside of the database for bytes under keys such as `audit/x/checkpoints/y`. */
export interface ObjectStore {
  /** Stores an object under a key; one that is there is replaced. Returns once it is kept. */
  put(key: string, body: Uint8Array, contentType: string): Promise<void>;
  /** The bytes of an object, or undefined when there is none. */
  get(key: string): Promise<Buffer | undefined>;
  /** The first keys that begin with a prefix, in the order of their bytes. */
  list(prefix: string, limit: number): Promise<string[]>;
}

/** Keys are paths of plain names; nothing leads out of the store. */
const keyForm = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/;

/** A store in a folder, such as one on a disk of another machine. */
export function createFolderStore(folder: string): ObjectStore {
  const pathOf = (key: string): string => {
    if (!keyForm.test(key)) throw new Error(`No key of an object: ${key}`);
    return join(folder, key);
  };
  return {
    async put(key, body) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${String(process.pid)}.tmp`;
      const file = await open(temporary, 'w');
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    },

    async get(key) {
      return readFile(pathOf(key)).catch(nothingThere(undefined));
    },

    async list(prefix, limit) {
      const parent = join(folder, dirname(`${prefix}x`));
      const names = await readdir(parent).catch(nothingThere<string[]>([]));
      const base = dirname(`${prefix}x`);
      return names
        .map((name) => `${base}/${name}`)
        .filter((key) => key.startsWith(prefix) && !key.endsWith('.tmp'))
        .sort()
        .slice(0, limit);
    },
  };
}

const nothingThere =
  <T>(instead: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return instead;
    throw error;
  };
