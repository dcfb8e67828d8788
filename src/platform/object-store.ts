import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { DomainError } from '../errors/problems';
import { aws } from './aws';
import { ConfigError } from './config';
import { storeProblem, statusOf } from './object-store-problems';
import { guardedAgents } from './outbound';
import { createAddressGuard } from './outbound-addresses';

/** Where a store is and who we are there. */
export interface ObjectStoreSettings {
  /** Base URL; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Asks the store to encrypt with a key of its own (SSE-S3). */
  readonly encrypt: boolean;
  /** Private ranges that may be dialled. */
  readonly allowCidrs: readonly string[];
  /** Milliseconds without a byte after which a call is given up. */
  readonly idleMs?: number;
  /** Objects asked for at a time in a listing; as many as the store likes without it. */
  readonly pageSize?: number;
}

/** An object to be stored once and never changed. */
export interface NewObject {
  readonly key: string;
  readonly body: Uint8Array;
  /** Of the body, in hex; the store refuses a body that arrives as another one. */
  readonly sha256: string;
  readonly contentType: string;
  /** Nobody can delete it before, where the bucket has object lock; leave it out where it has none. */
  readonly lockedUntil?: Date | undefined;
}

/** What a store says of an object. */
export interface StoredObject {
  readonly bytes: number;
  /** In hex; null when the store does not tell. */
  readonly sha256: string | null;
  readonly versionId: string | null;
  readonly lockedUntil: Date | null;
}

/** An S3-compatible bucket, seen as narrow as Usher uses it. Errors are DomainErrors `store-unreachable` and `store-refused`. */
export interface ObjectStore {
  readonly bucket: string;
  /** Stores an object unless one of that key is there: `exists` then, and the caller has to look what it is. */
  put(object: NewObject): Promise<'stored' | 'exists'>;
  /** Null when there is no such object. */
  head(key: string): Promise<StoredObject | null>;
  /** The bytes of an object; null when there is none. Errors may come in the middle of it. */
  get(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** Objects whose key begins with a prefix, by key, from the one after `after` on. */
  list(
    prefix: string,
    after?: string,
  ): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  /** Asks whether the bucket is there and may be used. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Opens a store; nothing is dialled. Neither environment, files nor metadata services are asked for credentials.
 * @throws ConfigError when the endpoint is an address that is closed to outgoing calls
 */
export function createObjectStore(settings: ObjectStoreSettings): ObjectStore {
  const { bucket, idleMs = 20_000 } = settings;
  const client = createS3Client(settings);
  const run = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw storeProblem(what, error);
    }
  };

  return {
    bucket,
    async put(object) {
      try {
        await client.send(
          new aws.s3.PutObjectCommand({
            Bucket: bucket,
            Key: object.key,
            Body: object.body,
            ContentLength: object.body.byteLength,
            ContentType: object.contentType,
            ChecksumSHA256: Buffer.from(object.sha256, 'hex').toString('base64'),
            IfNoneMatch: '*',
            ...(settings.encrypt ? { ServerSideEncryption: 'AES256' } : {}),
            ...(object.lockedUntil === undefined
              ? {}
              : { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: object.lockedUntil }),
          }),
        );
        return 'stored';
      } catch (error) {
        if (statusOf(error) === 412) return 'exists';
        throw storeProblem('PUT', error);
      }
    },
    head: (key) =>
      run('HEAD', async () => {
        const command = new aws.s3.HeadObjectCommand({
          Bucket: bucket,
          Key: key,
          ChecksumMode: 'ENABLED',
        });
        const found = await orNull(client.send(command));
        return found && describe(found);
      }),
    get: (key) =>
      run('GET', async () => {
        const found = await orNull(
          client.send(new aws.s3.GetObjectCommand({ Bucket: bucket, Key: key })),
        );
        if (!found) return null;
        return bytesOf(found.Body as Readable, found.ContentLength, idleMs);
      }),
    async *list(prefix, after) {
      let token: string | undefined;
      do {
        const page = await run('LIST', () =>
          client.send(
            new aws.s3.ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix,
              ContinuationToken: token,
              MaxKeys: settings.pageSize,
              ...(token === undefined && after !== undefined ? { StartAfter: after } : {}),
            }),
          ),
        );
        for (const { Key: key = '', Size: bytes = 0 } of page.Contents ?? []) yield { key, bytes };
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },
    check: () =>
      run('HEAD of the bucket', async () => {
        await client.send(new aws.s3.HeadBucketCommand({ Bucket: bucket }));
      }),
    close() {
      client.destroy();
    },
  };
}

/** The client of AWS as Usher uses it; for what a probe needs beyond an ObjectStore. */
export function createS3Client(settings: ObjectStoreSettings): S3Client {
  const { endpoint, region, accessKey, secretKey, allowCidrs, idleMs = 20_000 } = settings;
  const guard = createAddressGuard(allowCidrs);
  const host = endpoint === undefined ? '' : new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1');
  // A literal address is dialled without any name look-up, where the agents would refuse it.
  if (isIP(host) !== 0 && !guard(host)) {
    const mistake = 'AUDIT_COLD_ENDPOINT is a private address: list it in OUTBOUND_ALLOW_CIDRS';
    throw new ConfigError([mistake]);
  }
  const agents = guardedAgents(guard, {});
  return new aws.s3.S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    maxAttempts: 3,
    retryMode: 'standard',
    // Only the checksums that we give ourselves: not every store knows the SDK's own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 6 * idleMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleMs,
      httpAgent: agents['http:'],
      httpsAgent: agents['https:'],
    },
  });
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    const { name } = error as { name?: string };
    if (statusOf(error) === 404 && name !== 'NoSuchBucket') return null;
    throw error;
  }
}

function describe(found: HeadObjectCommandOutput): StoredObject {
  const { ChecksumSHA256: sum, ChecksumType: type } = found;
  return {
    bytes: found.ContentLength ?? 0,
    // A checksum of checksums of parts says nothing about the bytes.
    sha256:
      sum === undefined || type === 'COMPOSITE' ? null : Buffer.from(sum, 'base64').toString('hex'),
    versionId: found.VersionId ?? null,
    lockedUntil: found.ObjectLockRetainUntilDate ?? null,
  };
}

async function* bytesOf(
  body: Readable,
  announced: number | undefined,
  idleMs: number,
): AsyncIterable<Uint8Array> {
  const late = () => body.destroy(new DomainError('store-unreachable'));
  let timer = setTimeout(late, idleMs);
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      bytes += chunk.byteLength;
      yield chunk;
      timer = setTimeout(late, idleMs);
    }
  } catch (error) {
    throw storeProblem('GET', error);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
  if (announced !== undefined && bytes !== announced) throw new DomainError('store-unreachable');
}
