import { S3Client } from '@aws-sdk/client-s3';
import { archiveCheck } from '../../src/domain/archive/verify-archive';
import { verifyLog } from '../../src/domain/audit/verify/verify-log';
import type { Verdict } from '../../src/domain/audit/verify/verify-log';
import { allKeys } from '../../src/domain/audit/log-keys';
import { withSystem } from '../../src/platform/db';
import { openArchiveLog } from '../domain/archive/archive-log';
import { archiveCases, bytesOf, keyIn, overwrite } from './archive-cases';
import type { ArchiveScene } from './archive-cases';
import { noteFinding } from './table';

jest.setTimeout(120_000);

let scene: ArchiveScene;
/** Objects and rows as they honestly are, to be put back after each case. */
let honest: { key: string; bytes: Buffer }[];
beforeAll(async () => {
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
});

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

test.each(archiveCases.map((one) => [one.name, one] as const))(
  'who would %s is found out, where and how',
  async (name, { kind, at, tamper }) => {
    try {
      await tamper(scene);
      const verdict = await verify();
      noteFinding({ name, kind, at, found: verdict.break });
      expect([verdict.ok, verdict.break?.kind, verdict.break?.seq]).toEqual([false, kind, at]);
    } finally {
      for (const { key, bytes } of honest) await overwrite(scene, key, bytes);
      await putBack();
    }
  },
);
