import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type {
  HeadObjectCommandOutput,
  PutObjectCommandInput,
  PutObjectCommandOutput,
  S3ClientConfig,
} from '@aws-sdk/client-s3';
import { startObjectStore } from '../../src/servers/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';

/** A bucket with object lock, and one with nothing. */
export const locked = 'locked';
export const plain = 'plain';

/** An embedded object store of a test's own, spoken to with the client of AWS itself. */
export interface StoreUnderTest {
  readonly dir: string;
  readonly server: ObjectStoreServer;
  readonly client: S3Client;
  /** Another client of it; the caller destroys it. */
  clientOf(own: S3ClientConfig): S3Client;
  /** Stops the server and starts it again on the same folder. */
  restart(): Promise<void>;
  put(
    key: string,
    body: NonNullable<PutObjectCommandInput['Body']>,
    more?: Partial<PutObjectCommandInput>,
  ): Promise<PutObjectCommandOutput>;
  head(key: string, bucket?: string): Promise<HeadObjectCommandOutput>;
  read(key: string, bucket?: string): Promise<string | undefined>;
  /** Names of all files. */
  files(): string[];
}

/** SHA-256 of a text as S3 writes it. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');

/** Any error of that name. */
export const named = (name: string): unknown => expect.objectContaining({ name }) as unknown;

/** Gives each test of a file a store of its own, with both buckets. */
export function storeUnderTest(): StoreUnderTest {
  const keys = { accessKey: 'usher', secretKey: 'usher-secret' };
  let dir: string;
  let server: ObjectStoreServer;
  let client: S3Client;
  const clientOf = (own: S3ClientConfig): S3Client =>
    new S3Client({
      endpoint: server.url,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      responseChecksumValidation: 'WHEN_REQUIRED',
      credentials: { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey },
      ...own,
    });
  const open = async () => {
    server = await startObjectStore({ ...keys, port: 0, dir, bucket: locked });
    client = clientOf({});
  };
  const close = async () => {
    client.destroy();
    await server.stop();
  };
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'usher-objects-'));
    await open();
    await client.send(new CreateBucketCommand({ Bucket: plain }));
  });
  afterEach(async () => {
    await close();
    rmSync(dir, { recursive: true });
  });
  return {
    get dir() {
      return dir;
    },
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    clientOf,
    async restart() {
      await close();
      await open();
    },
    put: (Key, Body, more = {}) =>
      client.send(new PutObjectCommand({ Bucket: plain, Key, Body, ...more })),
    head: (Key, Bucket = plain) =>
      client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' })),
    async read(Key, Bucket = plain) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Body?.transformToString();
    },
    files: () =>
      readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name),
  };
}
