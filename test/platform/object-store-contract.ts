import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createObjectStore, createS3Client } from '../../src/platform/object-store';
import type { NewObject, ObjectStore, ObjectStoreSettings } from '../../src/platform/object-store';

/** Where the tests of a store write; everything that may be deleted is, afterwards. */
export const testPrefix = 'usher-test/';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const base64Of = (bytes: Uint8Array) => Buffer.from(sha256(bytes), 'hex').toString('base64');
const textBytes = (text: string) => Buffer.from(text, 'utf8');
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000);
const refusal = (code: string) => expect.objectContaining({ code }) as unknown;

/** An object as Usher stores one. */
export function anObject(key: string, body: Uint8Array = randomBytes(1_000)): NewObject {
  return { key, body, sha256: sha256(body), contentType: 'application/octet-stream' };
}

/** All bytes of an object; null when there is none. */
export async function contentOf(store: ObjectStore, key: string): Promise<Buffer | null> {
  const stream = await store.get(key);
  if (!stream) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, after)) keys.push(key);
  return keys;
}

async function clean(client: S3Client, bucket: string, prefix: string): Promise<void> {
  const found = await client.send(
    new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }),
  );
  for (const { Key, VersionId } of [...(found.Versions ?? []), ...(found.DeleteMarkers ?? [])]) {
    const command = new DeleteObjectCommand({ Bucket: bucket, Key, VersionId });
    await client.send(command).catch(() => undefined);
  }
}

/** Declares the tests that every store has to pass which Usher may archive to; its bucket has object lock. */
export function describeStore(settings: () => ObjectStoreSettings): void {
  let store: ObjectStore;
  let client: S3Client;
  let bucket: string;
  const run = `${testPrefix}${randomUUID()}/`;
  let number = 0;
  const newKey = (name = 'object') => `${run}${String((number += 1)).padStart(4, '0')}-${name}`;

  beforeAll(async () => {
    ({ bucket } = settings());
    store = createObjectStore(settings());
    client = createS3Client(settings());
    await store.check().catch(async () => {
      await client.send(
        new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }),
      );
    });
  });
  afterAll(async () => {
    await clean(client, bucket, run);
    store.close();
    client.destroy();
  });

  describe('an object', () => {
    it('that was stored is there, with its length, its SHA-256 and every byte', async () => {
      const object = anObject(newKey());
      expect(await store.put(object)).toBe('stored');
      expect(await store.head(object.key)).toMatchObject({ bytes: 1_000, sha256: object.sha256 });
      expect(await contentOf(store, object.key)).toEqual(object.body);
    });

    it.each([
      ['of nothing', 0],
      ['of 8 MiB', 8 * 1024 * 1024],
    ])('%s comes back as it was', async (_name, bytes) => {
      const object = anObject(newKey(), randomBytes(bytes));
      await store.put(object);
      expect(sha256((await contentOf(store, object.key)) ?? textBytes('none'))).toBe(object.sha256);
    });

    it('that was never stored is not there', async () => {
      const key = newKey();
      expect([await store.head(key), await store.get(key)]).toEqual([null, null]);
    });

    it("may have a key with blanks, signs and other peoples' letters", async () => {
      const key = newKey("a b/Ünïcode/+&=~'()!*;@$,[x]%25.json");
      const object = anObject(key);
      await store.put(object);
      expect(await contentOf(store, key)).toEqual(object.body);
      expect(await keysOf(store, key)).toEqual([key]);
    });

    it('stays what it is when another one of its key is put', async () => {
      const first = anObject(newKey());
      await store.put(first);
      expect(await store.put(anObject(first.key))).toBe('exists');
      expect(await contentOf(store, first.key)).toEqual(first.body);
    });

    it('is stored by one of twenty who want to be first', async () => {
      const key = newKey();
      const objects = Array.from({ length: 20 }, () => anObject(key));
      const outcomes = await Promise.all(objects.map((object) => store.put(object)));
      const winners = objects.filter((_object, index) => outcomes[index] === 'stored');
      expect(winners).toHaveLength(1);
      expect(await contentOf(store, key)).toEqual(winners[0]?.body);
    });

    it('whose bytes are not those of its SHA-256 is refused, and nothing is stored', async () => {
      const object = { ...anObject(newKey()), sha256: sha256(textBytes('something else')) };
      await expect(store.put(object)).rejects.toEqual(refusal('store-unreachable'));
      expect(await store.head(object.key)).toBeNull();
    });
  });

  describe('a listing', () => {
    it('gives the keys below a prefix in their order, page by page, from any of them on', async () => {
      const prefix = `${newKey('list')}/`;
      const keys = ['a', 'a0/b', 'a1', 'b', 'c/d/e', 'z'].map((name) => prefix + name).sort();
      for (const key of [...keys].reverse()) await store.put(anObject(key));
      const paged = createObjectStore({ ...settings(), pageSize: 2 });
      try {
        expect(await keysOf(paged, prefix)).toEqual(keys);
        expect(await keysOf(paged, prefix, keys[1])).toEqual(keys.slice(2));
        expect(await keysOf(store, prefix)).toEqual(keys);
        expect(await keysOf(store, `${prefix}nothing`)).toEqual([]);
      } finally {
        paged.close();
      }
    });
  });

  describe('a stranger', () => {
    it.each([{ accessKey: 'stranger' }, { secretKey: 'guessed' }])(
      'with %o is refused',
      async (own) => {
        const stranger = createObjectStore({ ...settings(), ...own });
        try {
          const object = anObject(newKey());
          await expect(stranger.put(object)).rejects.toEqual(refusal('store-refused'));
          await expect(stranger.check()).rejects.toEqual(refusal('store-refused'));
          expect(await store.head(object.key)).toBeNull();
        } finally {
          stranger.close();
        }
      },
    );
  });

  describe('a version', () => {
    const put = async (key: string, body: string, lock: object = {}) => {
      const bytes = textBytes(body);
      const { VersionId } = await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ChecksumSHA256: base64Of(bytes),
          ...lock,
        }),
      );
      return VersionId;
    };
    const read = async (key: string, VersionId?: string) => {
      const found = await client.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, VersionId }),
      );
      return found.Body?.transformToString();
    };
    const drop = (key: string, VersionId?: string, bypass = false) =>
      client.send(
        new DeleteObjectCommand({
          Bucket: bucket,
          Key: key,
          VersionId,
          ...(bypass ? { BypassGovernanceRetention: true } : {}),
        }),
      );
    const retain = (key: string, VersionId: string | undefined, until: Date) =>
      client.send(
        new PutObjectRetentionCommand({
          Bucket: bucket,
          Key: key,
          VersionId,
          Retention: { Mode: 'COMPLIANCE', RetainUntilDate: until },
        }),
      );
    const denied = expect.objectContaining({ name: 'AccessDenied' }) as unknown;

    it('is kept when its key is written again, and when its key is deleted', async () => {
      const key = newKey();
      const [first, second] = [await put(key, 'one'), await put(key, 'two')];
      expect(await read(key)).toBe('two');
      await drop(key);
      expect(await store.head(key)).toBeNull();
      expect([await read(key, first), await read(key, second)]).toEqual(['one', 'two']);
    });

    it('under compliance cannot be deleted, nor its time made shorter, by anybody', async () => {
      const object = { ...anObject(newKey()), lockedUntil: inSeconds(20) };
      expect(await store.put(object)).toBe('stored');
      const { versionId, lockedUntil } = (await store.head(object.key)) ?? {};
      expect(lockedUntil?.getTime()).toBeGreaterThan(Date.now());
      const id = versionId ?? undefined;
      await expect(drop(object.key, id)).rejects.toEqual(denied);
      await expect(drop(object.key, id, true)).rejects.toEqual(denied);
      await expect(retain(object.key, id, inSeconds(5))).rejects.toThrow();
      await retain(object.key, id, inSeconds(30));
      const { Retention } = await client.send(
        new GetObjectRetentionCommand({ Bucket: bucket, Key: object.key, VersionId: id }),
      );
      expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 20_000);
      expect(await contentOf(store, object.key)).toEqual(object.body);
    });

    it('under governance is deleted by who asks to pass it, and by nobody else', async () => {
      const key = newKey();
      const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inSeconds(60) };
      const version = await put(key, 'kept', lock);
      await expect(drop(key, version)).rejects.toEqual(denied);
      await drop(key, version, true);
      expect(await store.head(key)).toBeNull();
    });

    it('under legal hold cannot be deleted until the hold ends', async () => {
      const key = newKey();
      const version = await put(key, 'held', { ObjectLockLegalHoldStatus: 'ON' });
      await expect(drop(key, version, true)).rejects.toEqual(denied);
      await client.send(
        new PutObjectLegalHoldCommand({
          Bucket: bucket,
          Key: key,
          VersionId: version,
          LegalHold: { Status: 'OFF' },
        }),
      );
      await drop(key, version);
      expect(await store.head(key)).toBeNull();
    });
  });
}
