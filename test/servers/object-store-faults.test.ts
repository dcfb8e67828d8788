import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { waitFor } from '../support/wait-for';
import { locked, named, plain, sha256, storeUnderTest } from './store-under-test';

const store = storeUnderTest();

describe('a fault', () => {
  const lose = { method: 'PUT' as const, key: 'key' };

  it('unstored: says that it stored an object and did not; phantom: even shows it', async () => {
    store.server.faults.set([{ mode: 'unstored', ...lose }]);
    expect((await store.put('key', 'text')).ETag).toBeDefined();
    await expect(store.head('key')).rejects.toEqual(named('NotFound'));
    store.server.faults.set([
      { mode: 'unstored', ...lose },
      { mode: 'phantom', method: 'HEAD' },
    ]);
    await store.put('key', 'text', { ChecksumSHA256: sha256('text') });
    expect(await store.head('key')).toMatchObject({
      ContentLength: 4,
      ChecksumSHA256: sha256('text'),
    });
    await expect(store.read('key')).rejects.toEqual(named('NoSuchKey'));
  });

  it('cut-upload: stores the first half and shows the checksum of the whole', async () => {
    store.server.faults.set([{ mode: 'cut-upload', ...lose }]);
    await store.put('key', 'text', { ChecksumSHA256: sha256('text') });
    expect(await store.head('key')).toMatchObject({
      ContentLength: 2,
      ChecksumSHA256: sha256('text'),
    });
    expect(await store.read('key')).toBe('te');
  });

  it('unchecked, unconditional, unlocked: ignores what the caller asked for', async () => {
    store.server.faults.set([
      { mode: 'unchecked' },
      { mode: 'unconditional' },
      { mode: 'unlocked' },
    ]);
    const lock = {
      ObjectLockMode: 'COMPLIANCE' as const,
      ObjectLockRetainUntilDate: new Date(4e12),
    };
    const more = { Bucket: locked, IfNoneMatch: '*', ...lock };
    await store.put('key', 'one', more);
    await store.put('key', 'two', { ...more, ChecksumSHA256: sha256('other') });
    expect(await store.read('key', locked)).toBe('two');
    const { VersionId, ObjectLockMode } = await store.head('key', locked);
    expect(ObjectLockMode).toBeUndefined();
    await store.client.send(new DeleteObjectCommand({ Bucket: locked, Key: 'key', VersionId }));
    expect(await store.read('key', locked)).toBe('one');
  });

  it('stale: answers as before the newest write', async () => {
    await store.put('key', 'one', { Bucket: locked });
    await store.put('key', 'three', { Bucket: locked });
    await store.put('new', 'text', { Bucket: locked });
    store.server.faults.set([{ mode: 'stale' }]);
    expect((await store.head('key', locked)).ContentLength).toBe(3);
    await expect(store.head('new', locked)).rejects.toEqual(named('NotFound'));
  });

  it('wrong-checksum and no-checksum: tells another one, or none', async () => {
    await store.put('key', 'text', { ChecksumSHA256: sha256('text') });
    store.server.faults.set([{ mode: 'wrong-checksum', times: 1 }]);
    expect((await store.head('key')).ChecksumSHA256).not.toBe(sha256('text'));
    expect((await store.head('key')).ChecksumSHA256).toBe(sha256('text'));
    store.server.faults.set([{ mode: 'no-checksum' }]);
    expect((await store.head('key')).ChecksumSHA256).toBeUndefined();
  });

  it('cut-body, short-body, changed-byte: hands out other bytes than are there', async () => {
    await store.put('key', '0123456789');
    store.server.faults.set([{ mode: 'short-body' }]);
    expect(await store.read('key')).toBe('01234');
    store.server.faults.set([{ mode: 'changed-byte' }]);
    expect(await store.read('key')).toBe('0123446789');
    store.server.faults.set([{ mode: 'cut-body' }]);
    await expect(store.read('key')).rejects.toThrow();
    store.server.faults.set([]);
    expect(await store.read('key')).toBe('0123456789');
  });

  it('status and reset, with after: does what was asked, and does not say so', async () => {
    for (const mode of ['status', 'reset'] as const) {
      store.server.faults.set([{ mode, after: true, method: 'PUT' }]);
      await expect(store.put(mode, 'text')).rejects.toThrow();
      store.server.faults.set([]);
      expect(await store.read(mode)).toBe('text');
    }
  });

  it('is met only by the requests after those it skips, and counted', async () => {
    store.server.faults.set([{ mode: 'status', ...lose, skip: 1, times: 1 }]);
    await store.put('key', 'one');
    expect(store.server.faults.struck()).toBe(0);
    await expect(store.put('key', 'two')).rejects.toThrow();
    await store.put('key', 'three');
    expect([store.server.faults.struck(), await store.read('key')]).toEqual([1, 'three']);
  });

  it('slow: rests before or after the deed until it is woken', async () => {
    for (const after of [false, true]) {
      store.server.faults.set([{ mode: 'slow', ...lose, after, delay_ms: 120_000, times: 1 }]);
      const put = store.put('key', String(after));
      await waitFor(
        'the PUT that rests',
        () => store.server.resting(),
        (resting) => resting === 1,
      );
      store.server.wake();
      await put;
      expect([store.server.resting(), await store.read('key')]).toEqual([0, String(after)]);
    }
  });

  it('of the disk itself, a file that was cut, is no object that looks whole', async () => {
    await store.put('key', 'x'.repeat(10_000));
    const [file = ''] = readdirSync(join(store.dir, plain, 'key@')).filter((name) =>
      name.endsWith('.bin'),
    );
    truncateSync(join(store.dir, plain, 'key@', file), 5_000);
    await expect(store.read('key')).rejects.toThrow();
    rmSync(join(store.dir, plain, 'key@', file));
    await expect(store.read('key')).rejects.toEqual(named('InternalError'));
  });
});
