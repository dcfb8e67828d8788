import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreRefusal } from './object-store-answers';
import {
  folderOfKey,
  makeFolder,
  placeFile,
  placeJson,
  readRecords,
  removeFiles,
} from './object-store-disk';
import type { DefaultRetention, Lock } from './object-store-locks';
import type { Checksum, Upload } from './object-store-upload';
import { readJson } from './state-files';

/** One version of an object, or the mark that it was deleted. */
export interface StoredVersion {
  readonly key: string;
  /** Digits that grow with time. */
  readonly id: string;
  readonly at: string;
  readonly deleted: boolean;
  readonly bytes: number;
  readonly etag: string;
  readonly checksum: Checksum | null;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly encrypted: boolean;
  readonly lock: Lock;
}

/** What a bucket is set to. Object lock needs versioning. */
export interface BucketSettings {
  readonly versioning: boolean;
  readonly lock: boolean;
  readonly defaultRetention: DefaultRetention | null;
}

/** A bucket: its folder, and what lies in it, kept in memory beside the files. */
export interface Bucket {
  readonly name: string;
  readonly folder: string;
  settings: BucketSettings;
  /** Newest version first. */
  readonly objects: Map<string, StoredVersion[]>;
}

/** All buckets of a store. Everything that changes one is synchronous: between a look and a deed nothing happens. */
export interface Buckets {
  /** Where uploads wait for their names. */
  readonly incoming: string;
  list(): readonly Bucket[];
  get(name: string): Bucket;
  create(name: string, settings: BucketSettings): void;
  remove(name: string): void;
  configure(bucket: Bucket, settings: BucketSettings): void;
  /** Adds a version; in a bucket without versioning it takes the place of the one before. */
  add(
    bucket: Bucket,
    version: Omit<StoredVersion, 'id' | 'at'>,
    upload: Upload | null,
  ): StoredVersion;
  /** Changes what keeps a version from being deleted. */
  relock(bucket: Bucket, version: StoredVersion, lock: Lock): void;
  /** Deletes a version for good. */
  drop(bucket: Bucket, version: StoredVersion): void;
  fileOf(bucket: Bucket, version: StoredVersion): string;
}

const settingsFile = 'bucket.json';

/** A bucket without anything. */
export const plainBucket: BucketSettings = {
  versioning: false,
  lock: false,
  defaultRetention: null,
};

/** Opens the buckets below a folder and removes what a crash left half done. */
export function openBuckets(root: string): Buckets {
  const incoming = join(root, '.incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const buckets = new Map<string, Bucket>();
  let last = 0;
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory() && !entry.name.startsWith('.')) {
      buckets.set(entry.name, openBucket(entry.name, join(root, entry.name)));
    }
  }
  for (const { objects } of buckets.values()) {
    for (const [newest] of objects.values()) last = Math.max(last, Number(newest?.id ?? 0));
  }
  const nextId = () => {
    last = Math.max(last + 1, Date.now() * 1_000);
    return String(last).padStart(16, '0');
  };
  const store: Buckets = {
    incoming,
    list: () => [...buckets.values()],
    get(name) {
      const bucket = buckets.get(name);
      if (bucket) return bucket;
      throw new StoreRefusal(404, 'NoSuchBucket', 'The bucket does not exist.');
    },
    create(name, settings) {
      if (buckets.has(name)) {
        throw new StoreRefusal(409, 'BucketAlreadyOwnedByYou', 'The bucket is there already.');
      }
      const folder = join(root, name);
      makeFolder(folder);
      placeJson(join(folder, settingsFile), settings);
      buckets.set(name, { name, folder, settings, objects: new Map() });
    },
    remove(name) {
      const bucket = store.get(name);
      if (bucket.objects.size > 0) {
        throw new StoreRefusal(409, 'BucketNotEmpty', 'The bucket still holds versions.');
      }
      rmSync(bucket.folder, { recursive: true });
      buckets.delete(name);
    },
    configure(bucket, settings) {
      placeJson(join(bucket.folder, settingsFile), settings);
      bucket.settings = settings;
    },
    add(bucket, draft, upload) {
      const version = { ...draft, id: nextId(), at: new Date().toISOString() };
      makeFolder(dirname(recordOf(bucket, version)));
      if (upload) placeFile(upload.file, store.fileOf(bucket, version));
      placeJson(recordOf(bucket, version), version);
      const before = bucket.objects.get(version.key) ?? [];
      bucket.objects.set(version.key, [version, ...before]);
      if (!bucket.settings.versioning) for (const old of before) store.drop(bucket, old);
      return version;
    },
    relock(bucket, version, lock) {
      const changed = { ...version, lock };
      placeJson(recordOf(bucket, version), changed);
      const versions = bucket.objects.get(version.key) ?? [];
      bucket.objects.set(
        version.key,
        versions.map((one) => (one.id === version.id ? changed : one)),
      );
    },
    drop(bucket, version) {
      // The record goes first: bytes without one are nobody's, a record without bytes would be a lost object.
      removeFiles([recordOf(bucket, version), store.fileOf(bucket, version)], bucket.folder);
      const left = (bucket.objects.get(version.key) ?? []).filter(({ id }) => id !== version.id);
      if (left.length > 0) bucket.objects.set(version.key, left);
      else bucket.objects.delete(version.key);
    },
    fileOf: (bucket, version) => recordOf(bucket, version).replace(/json$/, 'bin'),
  };
  for (const bucket of store.list()) finishReplacing(store, bucket);
  return store;
}

// A crash between the new version and the end of the one that it replaces leaves both.
function finishReplacing(store: Buckets, bucket: Bucket): void {
  if (bucket.settings.versioning) return;
  for (const [, ...old] of bucket.objects.values()) {
    for (const version of old) store.drop(bucket, version);
  }
}

function recordOf(bucket: Bucket, { key, id }: Pick<StoredVersion, 'key' | 'id'>): string {
  return join(bucket.folder, folderOfKey(key), `${id}.json`);
}

function openBucket(name: string, folder: string): Bucket {
  const settings =
    (readJson(join(folder, settingsFile)) as BucketSettings | undefined) ?? plainBucket;
  const objects = new Map<string, StoredVersion[]>();
  const bucket = { name, folder, settings, objects };
  const versions = readRecords(folder) as StoredVersion[];
  for (const version of versions.sort((a, b) => (a.id < b.id ? 1 : -1))) {
    objects.set(version.key, [...(objects.get(version.key) ?? []), version]);
  }
  return bucket;
}
