import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3';
import { locked, named, plain, sha256, storeUnderTest } from './store-under-test';

const store = storeUnderTest();

describe('a request', () => {
  it('without a signature is refused', async () => {
    const answer = await fetch(`${store.server.url}/${plain}/key`, {
      headers: { connection: 'close' },
    });
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('<Code>AccessDenied</Code>'),
    ]);
  });

  it('that was signed at another time is refused', async () => {
    const late = store.clientOf({ systemClockOffset: -20 * 60_000 });
    await expect(late.send(new ListBucketsCommand({}))).rejects.toEqual(
      named('RequestTimeTooSkewed'),
    );
    late.destroy();
  });

  it.each([
    ['path', (request: { path: string }) => (request.path += 'x')],
    ['query', (request: { query: Record<string, string> }) => (request.query['x'] = 'y')],
    [
      'header that was signed',
      (request: { headers: Record<string, string> }) =>
        (request.headers['x-amz-date'] = '20200101T000000Z'),
    ],
    [
      'header that was not signed',
      (request: { headers: Record<string, string> }) =>
        (request.headers['x-amz-object-lock-legal-hold'] = 'ON'),
    ],
  ])('whose %s was changed on the way is refused', async (_what, change) => {
    const changed = store.clientOf({});
    changed.middlewareStack.add(
      (next) => (args) => {
        change(args.request as never);
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const command = new PutObjectCommand({ Bucket: plain, Key: 'key', Body: 'text' });
    await expect(changed.send(command)).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    changed.destroy();
    await expect(store.head('key')).rejects.toEqual(named('NotFound'));
  });

  it('for what the store does not know is refused, instead of half done', async () => {
    const odd = [
      store.client.send(new CreateMultipartUploadCommand({ Bucket: plain, Key: 'a' })),
      store.put('a', 'x', { IfMatch: '"etag"' }),
      store.put('a', 'x', { ServerSideEncryption: 'aws:kms' }),
      store.client.send(new GetObjectCommand({ Bucket: plain, Key: 'a', Range: 'bytes=0-1' })),
    ];
    for (const request of odd) await expect(request).rejects.toEqual(named('NotImplemented'));
    await expect(store.head('a')).rejects.toEqual(named('NotFound'));
  });

  it('for a key that no folder can be named by is refused', async () => {
    await expect(store.put('x'.repeat(300), 'text')).rejects.toEqual(named('KeyTooLongError'));
    for (const key of ['../up', '..', 'a/../../b', '.hidden', 'a//b', '/a'])
      await store.put(key, key);
    for (const key of ['../up', '..', 'a/../../b', '.hidden', 'a//b'])
      expect(await store.read(key)).toBe(key);
    expect(readdirSync(store.dir).sort()).toEqual(['.incoming', locked, plain]);
  });
});

describe('an upload', () => {
  it('of unknown length, in chunks with its checksum behind them, is stored', async () => {
    const body = Readable.from([randomBytes(70_000), randomBytes(90_000)]);
    await store.put('stream', body, { ContentLength: 160_000, ChecksumAlgorithm: 'SHA256' });
    const { ContentLength, ChecksumSHA256 } = await store.head('stream');
    expect([ContentLength, ChecksumSHA256]).toEqual([160_000, expect.any(String)]);
  });

  it.each([
    { ChecksumSHA256: sha256('other') },
    { ChecksumCRC32: 'AAAAAA==' },
    { ChecksumSHA1: Buffer.alloc(20).toString('base64') },
    { ContentMD5: Buffer.alloc(16).toString('base64') },
  ])('with %o is refused with 400, and nothing of it stays', async (checksum) => {
    await store.put('before', 'text');
    const there = store.files();
    await expect(store.put('wrong', 'text', checksum)).rejects.toMatchObject({
      name: 'BadDigest',
      $metadata: { httpStatusCode: 400 },
    });
    await expect(store.head('wrong')).rejects.toEqual(named('NotFound'));
    expect(store.files()).toEqual(there);
  });

  it('keeps what it says of itself', async () => {
    await store.put('said', 'text', {
      ContentType: 'text/plain',
      Metadata: { by: 'test' },
      ServerSideEncryption: 'AES256',
    });
    expect(await store.head('said')).toMatchObject({
      ContentType: 'text/plain',
      Metadata: { by: 'test' },
      ServerSideEncryption: 'AES256',
    });
  });

  it('to a bucket without versions takes the place of the object before, files and all', async () => {
    await store.put('key', 'one');
    await store.put('key', 'two');
    expect(await store.read('key')).toBe('two');
    expect(store.files().filter((name) => name.endsWith('.bin'))).toHaveLength(1);
    await store.client.send(new DeleteObjectCommand({ Bucket: plain, Key: 'key' }));
    expect(store.files().filter((name) => name.endsWith('.bin'))).toEqual([]);
  });

  it('with a lock needs a bucket with object lock, and a checksum', async () => {
    const lock = {
      ObjectLockMode: 'COMPLIANCE' as const,
      ObjectLockRetainUntilDate: new Date(4e12),
    };
    await expect(store.put('key', 'text', lock)).rejects.toEqual(named('InvalidRequest'));
    const careless = store.clientOf({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    careless.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        for (const name of Object.keys(headers)) {
          if (/checksum|content-md5/.test(name)) Reflect.deleteProperty(headers, name);
        }
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    const command = new PutObjectCommand({ Bucket: locked, Key: 'key', Body: 'text', ...lock });
    await expect(careless.send(command)).rejects.toEqual(named('InvalidRequest'));
    careless.destroy();
  });
});

describe('a bucket', () => {
  it('is made once, listed, and removed when nothing is in it', async () => {
    await expect(store.client.send(new CreateBucketCommand({ Bucket: plain }))).rejects.toEqual(
      named('BucketAlreadyOwnedByYou'),
    );
    const { Buckets } = await store.client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name).sort()).toEqual([locked, plain]);
    await store.put('key', 'text');
    const remove = () => store.client.send(new DeleteBucketCommand({ Bucket: plain }));
    await expect(remove()).rejects.toEqual(named('BucketNotEmpty'));
    await store.client.send(new DeleteObjectCommand({ Bucket: plain, Key: 'key' }));
    await remove();
    await expect(store.put('key', 'text')).rejects.toEqual(named('NoSuchBucket'));
  });

  it('can be given versions, and a lock for objects that say nothing themselves', async () => {
    const Bucket = plain;
    const lock = () =>
      store.client.send(
        new PutObjectLockConfigurationCommand({
          Bucket,
          ObjectLockConfiguration: {
            ObjectLockEnabled: 'Enabled',
            Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
          },
        }),
      );
    await expect(lock()).rejects.toEqual(named('InvalidBucketState'));
    await store.client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
    await lock();
    const versioning = await store.client.send(new GetBucketVersioningCommand({ Bucket }));
    expect(versioning.Status).toBe('Enabled');
    const shown = await store.client.send(new GetObjectLockConfigurationCommand({ Bucket }));
    expect(shown.ObjectLockConfiguration?.Rule?.DefaultRetention).toEqual({
      Mode: 'GOVERNANCE',
      Days: 1,
    });
    await store.put('key', 'text');
    expect((await store.head('key')).ObjectLockMode).toBe('GOVERNANCE');
  });

  it('lists what lies under a name as one group', async () => {
    for (const key of ['a/1', 'a/2', 'b', 'c/1', 'c/d/e', 'd']) await store.put(key, key);
    const list = (more: object) =>
      store.client.send(new ListObjectsV2Command({ Bucket: plain, Delimiter: '/', ...more }));
    const names = (page: Awaited<ReturnType<typeof list>>) => [
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ...(page.Contents ?? []).map(({ Key }) => Key),
    ];
    expect(names(await list({}))).toEqual(['a/', 'c/', 'b', 'd']);
    expect(names(await list({ Prefix: 'c/' }))).toEqual(['c/d/', 'c/1']);
    const first = await list({ MaxKeys: 2 });
    const rest = await list({ MaxKeys: 9, ContinuationToken: first.NextContinuationToken });
    expect([names(first), names(rest)]).toEqual([
      ['a/', 'b'],
      ['c/', 'd'],
    ]);
  });
});

describe('a store that is started again', () => {
  it('has all objects, versions, locks and settings', async () => {
    const lock = {
      ObjectLockMode: 'COMPLIANCE' as const,
      ObjectLockRetainUntilDate: new Date(4e12),
    };
    await store.put('a/b', 'text', { Bucket: locked, ...lock });
    await store.put('a', 'deleted', { Bucket: locked });
    await store.client.send(new DeleteObjectCommand({ Bucket: locked, Key: 'a' }));
    const before = await store.head('a/b', locked);
    await store.restart();
    const { $metadata: _now, ...after } = await store.head('a/b', locked);
    const { $metadata: _then, ...expected } = before;
    expect(after).toEqual(expected);
    await expect(store.head('a', locked)).rejects.toEqual(named('NotFound'));
    await expect(
      store.client.send(
        new DeleteObjectCommand({ Bucket: locked, Key: 'a/b', VersionId: before.VersionId }),
      ),
    ).rejects.toEqual(named('AccessDenied'));
  });

  it('gives newer versions higher numbers than any that was there', async () => {
    const first = await store.put('key', 'one', { Bucket: locked });
    await store.restart();
    const second = await store.put('key', 'two', { Bucket: locked });
    expect(Number(second.VersionId)).toBeGreaterThan(Number(first.VersionId));
    expect(await store.read('key', locked)).toBe('two');
  });
});
