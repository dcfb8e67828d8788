import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { checkArchiveCopy } from '../../../src/domain/archive/archive-checker';
import type { ArchiveCopy } from '../../../src/domain/archive/archive-checker';
import { successionsIn } from '../../../src/domain/archive/archived-successions';
import type { ArchiveDeps } from '../../../src/domain/archive/deps';
import { driveBatch } from '../../../src/domain/archive/drive-batch';
import { readManifest } from '../../../src/domain/archive/manifest.rules';
import { canonical } from '../../../src/domain/audit/canonical.rules';
import { makeCheckpoint } from '../../../src/domain/audit/checkpoints';
import { originOfLog } from '../../../src/domain/audit/head';
import { leafTail } from '../../../src/domain/audit/leaf.rules';
import { allKeys } from '../../../src/domain/audit/log-keys';
import { openNote, readVkey, signNote } from '../../../src/domain/audit/notes';
import { publishCheckpoints } from '../../../src/domain/audit/publication';
import { logKeys } from '../../../src/domain/audit/signing';
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

test('whoever can write to the store cannot make a key of their own the next one', () => {
  // A batch behind the last one announces the key and is signed by it. The published checkpoint that covers what is
  // archived so far, but not this batch, has their signature beside the log's: anybody can add one.
  const origin = readVkey(first())?.name ?? '';
  const [theirs] = logKeys({ ...log.keys, seeds: [{ id: 'evil', key: randomBytes(32) }] }, origin);
  const honest = early.manifests.map((bytes) => readManifest(openNote(bytes.toString())!.text)!);
  const last = honest.sort((a, b) => a.n - b.n)[0]!;
  const covering = openNote(last.checkpoint)!;
  const signed = `${last.checkpoint}${signNote(covering.text, [theirs!.signer('checkpoint')]).slice(covering.text.length + 1)}`;
  const leaf = `{"core":${canonical({
    action: 'audit.key_announced',
    metadata: { vkey: theirs!.vkey, after: first() },
  })}${leafTail({
    ...{ kind: 'control', origin, prevHash: last.last_hash, seq: last.to_seq + 1, tenant: null },
    sequencedAt: new Date().toISOString(),
  })}`;
  const body = gzipSync(`${leaf}\n`);
  const forged: ArchiveCopy = {
    manifests: early.manifests.filter((bytes) => !isSecond(bytes)),
    checkpoints: [Buffer.from(signed)],
    object: (key) => (key === 'forged' ? body : early.object(key)),
  };
  const batch = { ...last, n: 2, leaves: { ...last.leaves, key: 'forged' } };
  const next = { ...batch, from_seq: last.to_seq + 1, to_seq: last.to_seq + 1 };
  expect(openNote(signed)).toBeDefined();
  expect(successionsIn(forged, [last, next])).toEqual([]);
});
