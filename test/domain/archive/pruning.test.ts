import { randomUUID } from 'node:crypto';
import { liftHold, placeHold } from '../../../src/domain/archive/legal-holds';
import { prunePartition } from '../../../src/domain/archive/batches';
import { withSystem } from '../../../src/platform/db';
import type { Database } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;

// Everything is in the store, confirmed and its grace period over: only what a test spoils stands in the way.
beforeAll(async () => {
  log = await openArchiveLog();
  await log.fill(8_192);
  await log.attest();
  const [batch = ''] = await log.plan();
  await log.drive(batch);
  await log.age();
  await log.sql('update audit_batches set verified_at = clock_timestamp()');
});
afterAll(() => log.close());

const prune = (db: Database = log.sequencer): Promise<number> =>
  withSystem(db, 'archive', (tx) => prunePartition(tx, 1, newId()));
const hold = (over: { tenantId?: string; subject?: string } = {}): Promise<{ id: string }> =>
  withSystem(log.app, 'cli', (tx) =>
    placeHold(tx, {
      tenantId: over.tenantId ?? null,
      subject: over.subject ?? null,
      reason: 'A court wants it',
      placedBy: 'user:operator',
    }),
  );
const lift = (id: string) => withSystem(log.app, 'cli', (tx) => liftHold(tx, id, 'user:operator'));
const entries = async (): Promise<number> => {
  const [row] = await log.sql<{ n: number }>(
    'select count(*)::int as n from audit_log where seq <= 8192',
  );
  return row?.n ?? 0;
};

/** Runs a test with rows in another state, then puts them back. */
async function given(change: string, back: string, test: () => Promise<void>): Promise<void> {
  await log.sql(change);
  try {
    await test();
  } finally {
    await log.sql(back);
  }
  expect(await entries()).toBe(8_192);
}

describe('the database drops no part of the log', () => {
  test.each([
    [
      'that is not wholly in batches',
      'update audit_batches set to_seq = to_seq - 256',
      'update audit_batches set to_seq = to_seq + 256',
    ],
    [
      'with a batch that is not confirmed',
      `update audit_batches set state = 'stored', confirmed_at = null, prune_after = null`,
      `update audit_batches set state = 'confirmed', confirmed_at = now(), prune_after = now()`,
    ],
    [
      'within the grace period',
      `update audit_batches set prune_after = now() + interval '1 minute'`,
      'update audit_batches set prune_after = now()',
    ],
    [
      'whose objects were looked at more than ten minutes ago',
      `update audit_batches set verified_at = now() - interval '601 seconds'`,
      'update audit_batches set verified_at = now()',
    ],
    [
      'whose objects were never looked at',
      'update audit_batches set verified_at = null',
      'update audit_batches set verified_at = now()',
    ],
  ])('%s', async (_what, change, back) => {
    await given(change, back, () => expect(prune()).rejects.toMatchObject({ code: 'UA001' }));
  });

  test('while a hold on everything, on a tenant or on a subject in it stands', async () => {
    const means = [{}, { tenantId: log.tenants[0] ?? '' }, { subject: log.people[3] ?? '' }];
    for (const what of means) {
      const { id } = await hold(what);
      await expect(prune()).rejects.toMatchObject({ code: 'UA002' });
      await lift(id);
    }
    expect(await entries()).toBe(8_192);
  });

  test('for the application, whatever it says of a batch', async () => {
    await expect(prune(log.app)).rejects.toMatchObject({ code: '42501' });
    await expect(
      withSystem(log.sequencer, 'archive', (tx) =>
        tx.run('update audit_batches set verified_at = now()'),
      ),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(
      withSystem(log.sequencer, 'archive', (tx) => tx.run('delete from audit_log where seq = 1')),
    ).rejects.toMatchObject({ code: '42501' });
  });
});

test('holds on others do not keep it, and it is dropped as a whole, once', async () => {
  await hold({ tenantId: randomUUID() });
  await hold({ subject: `user:${randomUUID()}` });
  expect(await prune()).toBe(8_192);
  expect([await entries(), await prune()]).toEqual([0, 0]);
});
