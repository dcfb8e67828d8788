import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import type { ArchiveVerdict } from '../../src/domain/archive/archive-checker';
import { archiveCheck } from '../../src/domain/archive/verify-archive';
import { breakKinds } from '../../src/domain/audit/verify/verdict.rules';
import { verifyLog } from '../../src/domain/audit/verify/verify-log';
import type { Verdict } from '../../src/domain/audit/verify/verify-log';
import { allKeys } from '../../src/domain/audit/log-keys';
import { withSystem } from '../../src/platform/db';
import { buildSources } from '../support/start-servers';
import { openArchiveLog } from '../domain/archive/archive-log';
import { archiveCases, bytesOf, keyIn, overwrite } from './archive-cases';
import type { ArchiveScene } from './archive-cases';
import { noteFinding } from './table';

jest.setTimeout(120_000);

const verifier = join(__dirname, '..', '..', 'dist', 'audit-verify.mjs');
let folder: string;
let scene: ArchiveScene;
/** Objects and rows as they honestly are, to be put back after each case. */
let honest: { key: string; bytes: Buffer }[];
beforeAll(async () => {
  await buildSources();
  folder = mkdtempSync(join(tmpdir(), 'usher-archives-'));
  const log = await openArchiveLog();
  await log.fill(8_192 + 300);
  await log.attest();
  const batches = await log.plan();
  for (const id of batches) await log.drive(id);
  await log.age();
  for (const id of batches) await log.drive(id);
  const { endpoint, region, accessKey, secretKey } = log.deps.store!.settings;
  const thief = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  scene = { log, thief };
  const keys = ['leaves', 'personal', 'manifests'].flatMap((folder) => [
    keyIn(scene, folder),
    keyIn(scene, folder, 2),
  ]);
  honest = await Promise.all(
    (await Promise.all(keys)).map(async (key) => ({ key, bytes: await bytesOf(scene, key) })),
  );
  await log.sql('create table honest_batches as select * from audit_batches');
});
afterAll(async () => {
  scene.thief.destroy();
  await scene.log.close();
  rmSync(folder, { recursive: true });
});

const restoreObjects = async (): Promise<void> => {
  for (const { key, bytes } of honest) await overwrite(scene, key, bytes);
};
/** Copies the log's folder out of the store and has the verifier look at it, as an outsider would. */
async function offline(...more: string[]) {
  const store = scene.log.deps.store!.objects;
  const copy = mkdtempSync(join(folder, 'copy-'));
  for await (const { key } of store.list('audit/')) {
    const [kind = '', name = ''] = key.split('/').slice(-2);
    mkdirSync(join(copy, kind), { recursive: true });
    writeFileSync(join(copy, kind, name), await bytesOf(scene, key));
  }
  const [key] = await withSystem(scene.log.app, 'audit', allKeys);
  const words = [verifier, copy, '--json', '--key', key?.vkey ?? '', ...more];
  return new Promise<{ code: number; verdict: ArchiveVerdict }>((resolve, reject) => {
    execFile(process.execPath, words, { cwd: folder, env: {} }, (error, out, err) => {
      if (out === '') reject(new Error(err));
      else resolve({ code: error ? Number(error.code) : 0, verdict: JSON.parse(out) });
    });
  });
}
const putBack = async (): Promise<void> => {
  await scene.log.sql('delete from audit_batches');
  await scene.log.sql('insert into audit_batches select * from honest_batches');
};
const verify = async (over: object = {}): Promise<Verdict> => {
  const { log } = scene;
  const store = log.deps.store!.objects;
  const [key] = await withSystem(log.app, 'audit', allKeys);
  const given = { trusted: [key?.vkey ?? ''], store, archive: archiveCheck(store), ...over };
  return verifyLog(log.app, given);
};

test('an honest archive is not blamed, and all of its entries are looked at', async () => {
  expect(await verify()).toMatchObject({ ok: true, breaks: [], archived: 8_448 });
});

test('only the batches of a range are fetched', async () => {
  expect(await verify({ from: 8_200 })).toMatchObject({ ok: true, archived: 256 });
});

test('a batch that is on its way is not looked at, and nobody is blamed for it', async () => {
  const { log } = scene;
  await log.sql(
    `update audit_batches set state = 'stored', confirmed_at = null, prune_after = null where n = 2`,
  );
  const verdict = await verify();
  await putBack();
  expect(verdict).toMatchObject({ ok: true, archived: 8_192 });
});

test('an archive that cannot be read is told as such, once', async () => {
  scene.log.server.faults.set([{ mode: 'status', status: 503, key: '/leaves/' }]);
  const { breaks } = await verify();
  scene.log.server.faults.set([]);
  expect(breaks).toEqual([expect.objectContaining({ kind: 'unattested', seq: 1 })]);
});

describe('whoever has a copy of the archive and the key alone', () => {
  test('finds an honest one whole, and that it continues a checkpoint that was kept', async () => {
    const kept = join(folder, 'kept');
    const [row] = await scene.log.sql<{ note: string }>('select note from audit_checkpoints');
    writeFileSync(kept, row?.note ?? '');
    expect(await offline()).toMatchObject({ code: 0, verdict: { verified: 8_448, batches: 2 } });
    // The checkpoint covers entries that are not archived yet.
    expect(await offline('--from-checkpoint', kept)).toMatchObject({
      code: breakKinds.unattested,
      verdict: { break: { seq: 8_492 } },
    });
  });

  test.each(archiveCases.flatMap((one) => (one.needsLog ? [] : [[one.name, one] as const])))(
    'finds who would %s',
    async (name, { kind, at, tamper }) => {
      try {
        await tamper(scene);
        const { code, verdict } = await offline();
        noteFinding({ name: `a copy of the archive: ${name}`, kind, at, found: verdict.break });
        expect([verdict.break?.kind, verdict.break?.seq]).toEqual([kind, at]);
        expect(code).toBe(breakKinds[kind]);
      } finally {
        await restoreObjects();
        await putBack();
      }
    },
  );
});

test.each(archiveCases.map((one) => [one.name, one] as const))(
  'who would %s is found out, where and how',
  async (name, { kind, at, tamper }) => {
    try {
      await tamper(scene);
      const verdict = await verify();
      noteFinding({ name, kind, at, found: verdict.break });
      expect([verdict.ok, verdict.break?.kind, verdict.break?.seq]).toEqual([false, kind, at]);
    } finally {
      await restoreObjects();
      await putBack();
    }
  },
);
