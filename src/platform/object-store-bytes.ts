import { createHash } from 'node:crypto';
import { DomainError } from '../errors/problems';
import type { NewObject, ObjectStore } from './object-store';

/** What an object really consists of, as it came when it was fetched. */
export interface FetchedDigest {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** Fetches an object and hashes it, holding none of it; null when there is none. */
export async function fetchDigest(store: ObjectStore, key: string): Promise<FetchedDigest | null> {
  const stream = await store.get(key);
  if (!stream) return null;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Fetches a whole object; null when there is none.
 * @throws DomainError `store-refused` for one that is longer than `mostBytes`
 */
export async function readObject(
  store: ObjectStore,
  key: string,
  mostBytes = 1024 * 1024,
): Promise<Buffer | null> {
  const stream = await store.get(key);
  if (!stream) return null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) {
      throw new DomainError('store-refused', { detail: 'An object is longer than expected.' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first key below a prefix, by the order of keys; undefined when there is none. */
export async function firstKey(store: ObjectStore, prefix: string): Promise<string | undefined> {
  for await (const { key } of store.list(prefix)) return key;
  return undefined;
}

/**
 * Whether the store holds exactly an object's bytes. HEAD is believed when it tells length and SHA-256; from a store
 * that does not tell them the object is fetched.
 */
export async function holds(
  store: ObjectStore,
  { key, sha256, bytes }: { readonly key: string } & FetchedDigest,
): Promise<boolean> {
  const told = await store.head(key);
  if (!told || told.bytes !== bytes) return false;
  if (told.sha256 !== null) return told.sha256 === sha256;
  return (await fetchDigest(store, key))?.sha256 === sha256;
}

/**
 * Puts an object and looks that it is there, because a store may say so and be wrong.
 * @throws DomainError `store-content-mismatch` when something else is there under its key, `store-unreachable` when nothing
 *   is to be found
 */
export async function putChecked(store: ObjectStore, object: NewObject): Promise<void> {
  const outcome = await store.put(object);
  if (await holds(store, { ...object, bytes: object.body.byteLength })) return;
  throw outcome === 'exists'
    ? new DomainError('store-content-mismatch', { detail: 'Something else has that name.' })
    : new DomainError('store-unreachable', { detail: 'The object is not there after its PUT.' });
}

/** Puts a small object the same way. */
export async function putBytes(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  contentType: string,
  lockedUntil?: Date,
): Promise<void> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  await putChecked(store, { key, body, sha256, contentType, lockedUntil });
}
