import { createHash, randomBytes } from 'node:crypto';
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { aws } from './aws';
import { newId } from './ids';
import { createObjectStore, createS3Client } from './object-store';
import type { NewObject, ObjectStore, ObjectStoreSettings } from './object-store';
import { statusOf, storeProblem } from './object-store-problems';

/** What a store may honour; the first two it has to. */
export const storeCapabilities = [
  'read-back',
  'listing',
  'conditional-put',
  'conditional-put-race',
  'checksum-refused',
  'checksum-told',
  'versioning',
  'compliance-lock',
  'legal-hold',
] as const;

/** One of them. */
export type StoreCapability = (typeof storeCapabilities)[number];

/** Whether a store honours something, and how that was seen. */
export interface ProbeResult {
  readonly capability: StoreCapability;
  readonly honoured: boolean;
  readonly seen: string;
}

/** Where probes write; what they may not delete they delete the next time. */
export const probePrefix = 'usher-probe/';

const lockSeconds = 60;

interface Probing {
  readonly client: S3Client;
  readonly store: ObjectStore;
  readonly bucket: string;
  /** A new key, below the prefix of this run. */
  readonly key: () => string;
}

type Probe = (probing: Probing) => Promise<Omit<ProbeResult, 'capability'>>;

/**
 * Tries out what a store honours, by small objects below `usher-probe/`. One of them stays locked for a minute where
 * the store has object lock.
 * @throws DomainError `store-unreachable`, `store-refused` when the bucket cannot be used at all
 */
export async function probeStore(settings: ObjectStoreSettings): Promise<ProbeResult[]> {
  const store = createObjectStore(settings);
  const client = createS3Client(settings);
  const run = `${probePrefix}${newId()}/`;
  let count = 0;
  const key = () => `${run}${String((count += 1)).padStart(3, '0')}`;
  const { bucket } = settings;
  try {
    await store.check();
    const results: ProbeResult[] = [];
    for (const capability of storeCapabilities) {
      results.push({
        capability,
        ...(await tried(probes[capability], { client, store, bucket, key })),
      });
    }
    await sweep(client, bucket);
    return results;
  } finally {
    store.close();
    client.destroy();
  }
}

/** Makes the bucket, with object lock where the store has it. */
export async function createStoreBucket(settings: ObjectStoreSettings): Promise<void> {
  const client = createS3Client(settings);
  const { bucket: Bucket } = settings;
  try {
    await client.send(new aws.s3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  } catch (error) {
    throw storeProblem('CREATE of the bucket', error);
  } finally {
    client.destroy();
  }
}

async function tried(probe: Probe, probing: Probing): ReturnType<Probe> {
  try {
    return await probe(probing);
  } catch (error) {
    return { honoured: false, seen: storeProblem('It', error).message };
  }
}

function anObject(key: string, text = randomBytes(16).toString('hex')): NewObject {
  const body = Buffer.from(text, 'utf8');
  return { key, body, sha256: sha256(body).toString('hex'), contentType: 'text/plain' };
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const probes: Readonly<Record<StoreCapability, Probe>> = {
  async 'read-back'({ store, key }) {
    const object = anObject(key());
    await store.put(object);
    const same = (await textOf(store, object.key)) === Buffer.from(object.body).toString('utf8');
    return { honoured: same, seen: same ? 'every byte came back' : 'other bytes came back' };
  },
  async listing({ store, key }) {
    const wanted = [key(), key()];
    for (const one of [...wanted].reverse()) await store.put(anObject(one));
    const seen: string[] = [];
    for await (const { key: one } of store.list(wanted[0]?.replace(/\d+$/, '') ?? ''))
      seen.push(one);
    const [first, second] = wanted.map((one) => seen.indexOf(one));
    const inOrder = first !== undefined && second !== undefined && first >= 0 && first < second;
    return { honoured: inOrder, seen: inOrder ? 'keys come in their order' : 'keys are missing' };
  },
  async 'conditional-put'({ store, key }) {
    const place = key();
    await store.put(anObject(place, 'first'));
    const second = await store.put(anObject(place, 'second'));
    const kept = (await textOf(store, place)) === 'first';
    return second === 'exists' && kept
      ? { honoured: true, seen: 'a second PUT is answered 412' }
      : { honoured: false, seen: 'a second PUT replaces the object' };
  },
  async 'conditional-put-race'({ store, key }) {
    const place = key();
    const puts = Array.from({ length: 12 }, () => store.put(anObject(place)));
    const stored = (await Promise.all(puts)).filter((outcome) => outcome === 'stored').length;
    return { honoured: stored === 1, seen: `${String(stored)} of 12 at once were stored` };
  },
  async 'checksum-refused'(probing) {
    const other = sha256(Buffer.from('other')).toString('base64');
    const { status, key } = await refusalOf(probing, { ChecksumSHA256: other });
    const there = await probing.store.head(key);
    return {
      honoured: status === 400 && there === null,
      seen: there ? 'an object with a wrong SHA-256 is stored' : `answered ${String(status)}`,
    };
  },
  async 'checksum-told'({ store, key }) {
    const object = anObject(key());
    await store.put(object);
    const told = (await store.head(object.key))?.sha256 === object.sha256;
    return { honoured: told, seen: told ? 'HEAD tells the SHA-256' : 'HEAD tells no SHA-256' };
  },
  async versioning({ client, bucket }) {
    const { Status } = await client.send(new aws.s3.GetBucketVersioningCommand({ Bucket: bucket }));
    return { honoured: Status === 'Enabled', seen: `it is ${(Status ?? 'off').toLowerCase()}` };
  },
  async 'compliance-lock'({ client, store, bucket, key }) {
    const lockedUntil = new Date(Date.now() + lockSeconds * 1_000);
    const object = { ...anObject(key()), lockedUntil };
    await store.put(object);
    const id = (await store.head(object.key))?.versionId;
    const kept = await deniedToDelete(client, bucket, object.key, id ?? undefined);
    return {
      honoured: kept && id !== null,
      seen: kept ? 'a locked version cannot be deleted' : 'a locked version was deleted',
    };
  },
  async 'legal-hold'({ client, bucket, key }) {
    const place = key();
    const held = anObject(place);
    const at = { Bucket: bucket, Key: place };
    const { VersionId } = await client.send(
      new aws.s3.PutObjectCommand({ ...at, ...bodyOf(held), ObjectLockLegalHoldStatus: 'ON' }),
    );
    const kept = await deniedToDelete(client, bucket, place, VersionId);
    const LegalHold = { Status: 'OFF' } as const;
    if (kept)
      await client.send(new aws.s3.PutObjectLegalHoldCommand({ ...at, VersionId, LegalHold }));
    return {
      honoured: kept,
      seen: kept ? 'a held version cannot be deleted' : 'a held version was deleted',
    };
  },
};

const bodyOf = ({ body, sha256: sum }: NewObject) => ({
  Body: body,
  ChecksumSHA256: Buffer.from(sum, 'hex').toString('base64'),
});

async function textOf(store: ObjectStore, key: string): Promise<string | undefined> {
  const stream = await store.get(key);
  if (!stream) return undefined;
  let text = '';
  for await (const chunk of stream) text += Buffer.from(chunk).toString('utf8');
  return text;
}

async function refusalOf(
  { client, bucket, key }: Probing,
  more: Partial<PutObjectCommandInput>,
): Promise<{ status: number | undefined; key: string }> {
  const place = key();
  const body = bodyOf(anObject(place));
  try {
    await client.send(
      new aws.s3.PutObjectCommand({ Bucket: bucket, Key: place, ...body, ...more }),
    );
    return { status: 200, key: place };
  } catch (error) {
    return { status: statusOf(error), key: place };
  }
}

async function deniedToDelete(
  client: S3Client,
  bucket: string,
  key: string,
  versionId: string | undefined,
): Promise<boolean> {
  try {
    await client.send(
      new aws.s3.DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
    );
    return false;
  } catch (error) {
    if (statusOf(error) === 403) return true;
    throw error;
  }
}

// Also what an earlier probe had to leave, because it was locked then.
async function sweep(client: S3Client, bucket: string): Promise<void> {
  const command = new aws.s3.ListObjectVersionsCommand({ Bucket: bucket, Prefix: probePrefix });
  const found = await client.send(command).catch(() => undefined);
  const versions = [...(found?.Versions ?? []), ...(found?.DeleteMarkers ?? [])];
  for (const { Key, VersionId } of versions) {
    await client
      .send(new aws.s3.DeleteObjectCommand({ Bucket: bucket, Key, VersionId }))
      .catch(() => undefined);
  }
}
