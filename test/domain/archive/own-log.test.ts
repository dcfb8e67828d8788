import { putBytes } from '../../../src/platform/object-store-bytes';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;

beforeEach(async () => {
  log = await openArchiveLog();
  await log.fill(600);
  await log.attest();
});
afterEach(() => log.close());

const objects = async (folder: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of log.deps.store?.objects.list('audit/') ?? []) {
    if (key.includes(`/${folder}/`)) keys.push(key);
  }
  return keys;
};
const refused = async (batch: string): Promise<void> => {
  expect(await log.drive(batch, 3)).toMatchObject({ state: 'planned' });
  expect(await log.sql('select problem from audit_batches')).toEqual([
    { problem: 'audit-log-halted' },
  ]);
  expect([await objects('leaves'), await objects('manifests')]).toEqual([[], []]);
};

test('a database restored from before the newest published checkpoint adds nothing to the archive', async () => {
  const [batch = ''] = await log.plan();
  await log.fill(300);
  await log.attest();
  // As an older copy of the database has it.
  await log.sql('update audit_head set size = 600');
  await refused(batch);
});

test('a database that the log was copied into adds nothing to the archive', async () => {
  const [batch = ''] = await log.plan();
  await log.sql(`update audit_head set system_identifier = '1'`);
  await refused(batch);
});

test('a checkpoint that somebody else put into the store stops nothing', async () => {
  const [batch = ''] = await log.plan();
  const [newest = ''] = await objects('checkpoints');
  const store = log.deps.store?.objects;
  if (!store) throw new Error('There is no store');
  const place = `${newest.slice(0, newest.lastIndexOf('/') + 1)}0000000000000000-9007199254740991`;
  await putBytes(store, place, Buffer.from('somebody was here\n'), 'text/plain');
  await log.drive(batch);
  expect(await objects('manifests')).toHaveLength(1);
});
