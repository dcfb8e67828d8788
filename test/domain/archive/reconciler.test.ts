import { askRestore } from '../../../src/domain/archive/restores';
import { askRun } from '../../../src/domain/archive/runs';
import { wakeArchiveFrom, wakeUndrivenArchive } from '../../../src/domain/archive/reconciler';
import { withSystem } from '../../../src/platform/db';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;
let names: string[];

// A batch that is through as far as its partition is, one that is planned, a restore, and a run.
beforeAll(async () => {
  log = await openArchiveLog();
  await log.fill(512);
  await log.attest();
  const [through = ''] = await log.plan();
  expect(await log.drive(through)).toMatchObject({ state: 'confirmed', step: null });
  await log.fill(300);
  await log.attest();
  const [, planned = ''] = await log.plan();
  const { restore, run } = await withSystem(log.app, 'cli', async (tx) => ({
    restore: await askRestore(tx, through, 'user:operator'),
    run: await askRun(tx, log.deps.outbox, 'user:operator'),
  }));
  names = [`audit-archive/${planned}`, `audit-restore/${restore}`, `audit-archive-run/${run}`];
});
beforeEach(() => log.sql('delete from outbox'));
afterAll(() => log.close());

const woken = async (): Promise<string[]> => {
  const rows = await log.sql<{ workflow_id: string }>('select workflow_id from outbox');
  return rows.map(({ workflow_id: id }) => id).sort();
};

test('what nobody has driven for hours is woken, and nothing else', async () => {
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(0);
  expect(await woken()).toEqual([]);
  const long = `clock_timestamp() - interval '26 hours'`;
  await log.sql(`update audit_batches set driven_at = ${long}`);
  await log.sql(`update audit_restores set driven_at = ${long}`);
  await log.sql(`update audit_archive_runs set requested_at = ${long}`);
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(3);
  expect(await woken()).toEqual([...names].sort());
});

test('what is being woken, or was within five minutes, is left alone', async () => {
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(3);
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(0);
  await log.sql(`update outbox set delivered_at = now() - interval '4 minutes 50 seconds'`);
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(0);
  await log.sql(`update outbox set delivered_at = now() - interval '5 minutes 1 second'`);
  expect(await wakeUndrivenArchive(log.deps, 25)).toBe(3);
});

test('in a new Temporal everything that has not ended is woken', async () => {
  const next = await withSystem(log.app, 'reconciler', (tx) => wakeArchiveFrom(tx, log.deps, null));
  expect([next, await woken()]).toEqual([null, [...names].sort()]);
});
