import { gunzipSync, gzipSync } from 'node:zlib';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { readObject } from '../../src/platform/object-store-bytes';
import type { BreakKind } from '../../src/domain/audit/verify/verdict.rules';
import type { ArchiveLog } from '../domain/archive/archive-log';

/** The archive of a log, and the store as somebody reaches it who has stolen its keys. */
export interface ArchiveScene {
  readonly log: ArchiveLog;
  readonly thief: S3Client;
}

/** What somebody does to an archive, and what has to be found. */
export interface ArchiveCase {
  readonly name: string;
  readonly kind: BreakKind;
  readonly at: number;
  readonly tamper: (scene: ArchiveScene) => Promise<unknown>;
}

/** The only object of the first batch below a folder. */
export async function keyIn({ log }: ArchiveScene, folder: string, n = 1): Promise<string> {
  const column = { leaves: 'leaves_key', personal: 'personal_key', manifests: 'manifest_key' }[
    folder
  ];
  const [row] = await log.sql<{ key: string }>(
    `select ${String(column)} as key from audit_batches where n = ${String(n)}`,
  );
  return row?.key ?? '';
}

/** An object's bytes as they lie in the store. */
export async function bytesOf({ log }: ArchiveScene, key: string): Promise<Buffer> {
  return (await readObject(log.deps.store!.objects, key, 2 ** 28)) ?? Buffer.alloc(0);
}

/** Puts other bytes where an object lies: a version locked against deletion stays, and is not the one that is read. */
export const overwrite = ({ log, thief }: ArchiveScene, key: string, body: Buffer) =>
  thief.send(
    new PutObjectCommand({ Bucket: log.deps.store!.settings.bucket, Key: key, Body: body }),
  );

const change =
  (folder: string, edit: (bytes: Buffer) => Buffer): ArchiveCase['tamper'] =>
  async (scene) => {
    const key = await keyIn(scene, folder);
    await overwrite(scene, key, edit(await bytesOf(scene, key)));
  };
const drop =
  (folder: string): ArchiveCase['tamper'] =>
  async (scene) => {
    const Key = await keyIn(scene, folder);
    const Bucket = scene.log.deps.store!.settings.bucket;
    await scene.thief.send(new DeleteObjectCommand({ Bucket, Key }));
  };
const flip = (bytes: Buffer): Buffer => {
  const flipped = Buffer.from(bytes);
  flipped[100] = (flipped[100] ?? 0) ^ 1;
  return flipped;
};
const editLine =
  (seq: number) =>
  (bytes: Buffer): Buffer => {
    const lines = gunzipSync(bytes).toString('utf8').split('\n');
    lines[seq - 1] = lines[seq - 1]?.replace('order.shipped', 'order.missing') ?? '';
    return gzipSync(lines.join('\n'));
  };

/** Every way in which an archive of two batches can be wrong, of which the first holds what the log has no more. */
export const archiveCases: readonly ArchiveCase[] = [
  {
    name: 'edit an entry of an archived object',
    kind: 'archive-hash-mismatch',
    at: 200,
    tamper: change('leaves', editLine(200)),
  },
  {
    name: 'cut entries off an archived object',
    kind: 'archive-hash-mismatch',
    at: 101,
    tamper: change('leaves', (bytes) =>
      gzipSync(`${gunzipSync(bytes).toString('utf8').split('\n').slice(0, 100).join('\n')}\n`),
    ),
  },
  {
    name: 'spoil an archived object',
    kind: 'archive-hash-mismatch',
    at: 1,
    tamper: change('leaves', flip),
  },
  {
    name: 'delete an archived object',
    kind: 'archive-hash-mismatch',
    at: 1,
    tamper: drop('leaves'),
  },
  {
    name: 'spoil archived personal data',
    kind: 'archive-hash-mismatch',
    at: 1,
    tamper: change('personal', flip),
  },
  { name: 'edit a manifest', kind: 'manifest-chain', at: 1, tamper: change('manifests', flip) },
  { name: 'drop a manifest', kind: 'manifest-chain', at: 1, tamper: drop('manifests') },
  {
    name: 'replace a manifest, and what the database knows of it',
    kind: 'manifest-chain',
    at: 1,
    async tamper(scene) {
      const key = await keyIn(scene, 'manifests');
      const other = flip(await bytesOf(scene, key));
      await overwrite(scene, key, other);
      await scene.log.sql('update audit_batches set manifest_sha256 = sha256($1) where n = 1', [
        other,
      ]);
    },
  },
  {
    name: 'put an older manifest of the log in another one’s place',
    kind: 'manifest-chain',
    at: 8_193,
    async tamper(scene) {
      const first = await bytesOf(scene, await keyIn(scene, 'manifests'));
      await overwrite(scene, await keyIn(scene, 'manifests', 2), first);
      await scene.log.sql('update audit_batches set manifest_sha256 = sha256($1) where n = 2', [
        first,
      ]);
    },
  },
  {
    name: 'make the database forget a batch',
    kind: 'manifest-chain',
    at: 1,
    tamper: ({ log }) => log.sql('delete from audit_batches where n = 1'),
  },
];
