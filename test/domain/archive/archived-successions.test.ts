import { randomBytes } from 'node:crypto';
import { checkArchiveCopy } from '../../../src/domain/archive/archive-checker';
import type { ArchiveCopy } from '../../../src/domain/archive/archive-checker';
import type { ArchiveDeps } from '../../../src/domain/archive/deps';
import { driveBatch } from '../../../src/domain/archive/drive-batch';
import { makeCheckpoint } from '../../../src/domain/audit/checkpoints';
import { originOfLog } from '../../../src/domain/audit/head';
import { allKeys } from '../../../src/domain/audit/log-keys';
import { publishCheckpoints } from '../../../src/domain/audit/publication';
import type { SigningKeys } from '../../../src/domain/audit/signing';
import { withSystem } from '../../../src/platform/db';
import { readObject } from '../../../src/platform/object-store-bytes';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;
/** Copied when the checkpoint that both have signed was still beyond the last archived entry. */
let early: ArchiveCopy;
let copy: ArchiveCopy;
let vkeys: string[];

const attestBy = async (keys: SigningKeys): Promise<void> => {
  const store = log.deps.store!.objects;
  await withSystem(log.sequencer, 'sequencer', (tx) => makeCheckpoint(tx, keys, 'manual'));
  const origin = (await withSystem(log.sequencer, 'sequencer', originOfLog)) ?? '';
  await publishCheckpoints(log.sequencer, store, keys, origin);
};

/** What an outsider has who copies the folder of the log. */
async function copied(): Promise<ArchiveCopy> {
  const store = log.deps.store!.objects;
  const objects = new Map<string, Buffer>();
  for await (const { key } of store.list('audit/')) {
    objects.set(key, (await readObject(store, key, 64 * 1024 * 1024))!);
  }
  const of = (kind: string) =>
    [...objects].flatMap(([key, bytes]) => (key.includes(kind) ? [bytes] : []));
  return {
    manifests: of('/manifests/'),
    checkpoints: of('/checkpoints/'),
    object: (key) => objects.get(key),
  };
}

beforeAll(async () => {
  log = await openArchiveLog();
  const old = log.keys;
  const both: SigningKeys = { ...old, seeds: [{ id: 'k2', key: randomBytes(32) }, ...old.seeds] };
  const deps: ArchiveDeps = { ...log.deps, keys: both };
  const archive = async (): Promise<void> => {
    for (const id of await log.plan()) {
      await driveBatch(deps, id, 'store');
      await driveBatch(deps, id, 'confirm');
    }
  };
  await log.fill(300);
  await attestBy(old);
  await archive();
  // Announced; then signed by both; then by the new one alone.
  await attestBy(both);
  await log.fill(400);
  await attestBy(both);
  await log.fill(400);
  await attestBy(both);
  await archive();
  early = await copied();
  await log.fill(400);
  await attestBy(both);
  await archive();
  copy = await copied();
  vkeys = (await withSystem(log.app, 'audit', allKeys)).map(({ vkey }) => vkey);
}, 120_000);
afterAll(() => log.close());

const isSecond = (bytes: Buffer): boolean => bytes.toString().includes('"n":2,');
const [first, second] = [() => vkeys[0] ?? '', () => vkeys[1] ?? ''];

test('an archive whose key was followed by another one is believed by the first key alone', () => {
  expect(vkeys).toHaveLength(2);
  expect(checkArchiveCopy(copy, [first()])).toMatchObject({ ok: true, breaks: [], batches: 3 });
  expect(checkArchiveCopy(early, [first()])).toMatchObject({ ok: true, breaks: [], batches: 2 });
});

test('but not without the checkpoint that both keys have signed', () => {
  // The second manifest holds that checkpoint as well.
  const without = {
    ...copy,
    checkpoints: [],
    manifests: copy.manifests.filter((bytes) => !isSecond(bytes)),
  };
  expect(checkArchiveCopy(without, [first()])).toMatchObject({
    ok: false,
    break: { kind: 'manifest-chain' },
  });
});

test('and not when that checkpoint speaks of another log than the copy holds', () => {
  const forged: ArchiveCopy = {
    ...copy,
    manifests: copy.manifests.filter((bytes) => !isSecond(bytes)),
    checkpoints: copy.checkpoints.map((bytes) =>
      Buffer.from(
        bytes.toString().replace(/^(.*\n\d+\n)[^\n]+/, `$1${randomBytes(32).toString('base64')}`),
      ),
    ),
  };
  expect(checkArchiveCopy(forged, [first()])).toMatchObject({ ok: false });
});

test('nor does the new key vouch for what came before it', () => {
  expect(checkArchiveCopy(copy, [second()])).toMatchObject({ ok: false });
});
