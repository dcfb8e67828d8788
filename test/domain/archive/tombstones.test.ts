import { eraseSubject } from '../../../src/domain/audit/erasures';
import { placeHold, liftHold } from '../../../src/domain/archive/legal-holds';
import { putTombstones, reapplyErasures } from '../../../src/domain/archive/tombstones';
import { erasureCheck } from '../../../src/main/readiness';
import { withSystem } from '../../../src/platform/db';
import { putBytes } from '../../../src/platform/object-store-bytes';
import type { ObjectStore } from '../../../src/platform/object-store';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;
let store: ObjectStore;

beforeAll(async () => {
  log = await openArchiveLog();
  await log.fill(300);
  await log.attest();
  const objects = log.deps.store?.objects;
  if (!objects) throw new Error('There is no store');
  store = objects;
});
afterAll(() => log.close());

const erase = (subject: string): Promise<{ id: string }> =>
  withSystem(log.app, 'cli', (tx) =>
    eraseSubject(tx, {
      subject,
      reason: 'They want it',
      actorId: 'user:operator',
      source: { ip: null, userAgent: null },
    }),
  );
const put = (): Promise<number> => putTombstones(log.sequencer, store, log.keys);
const reapply = () => reapplyErasures(log.app, store, log.keys);
const partsOf = async (subject: string): Promise<number> => {
  const [row] = await log.sql<{ n: number }>(
    'select count(*)::int as n from audit_pii where subjects && array[$1]',
    [subject],
  );
  return row?.n ?? 0;
};
const stone = async (id: string): Promise<string | undefined> => {
  for await (const { key } of store.list('audit/'))
    if (key.endsWith(`/tombstones/${id}`)) return key;
  return undefined;
};
const told = (id: string) =>
  log.sql('select tombstone_at is not null as told from audit_erasures where id = $1', [id]);

/** Puts the database back to before an erasure, as a backup would have it. */
async function fromBackup<T>(subject: string, deed: () => Promise<T>): Promise<T> {
  await log.sql('create table kept as select * from audit_pii where subjects && array[$1]', [
    subject,
  ]);
  const done = await deed();
  await log.sql('insert into audit_pii select * from kept');
  await log.sql('drop table kept');
  await log.sql('delete from audit_erasures where subject = $1', [subject]);
  return done;
}

test('an erasure is done once the store has its tombstone, and not before', async () => {
  const { id } = await erase(log.people[0] ?? '');
  log.server.faults.set([{ mode: 'unstored', key: '/tombstones/' }]);
  await expect(put()).rejects.toMatchObject({ code: 'store-unreachable' });
  expect([await told(id), await stone(id)]).toEqual([[{ told: false }], undefined]);
  log.server.faults.set([]);
  expect([await put(), await told(id)]).toEqual([1, [{ told: true }]]);
  expect(await stone(id)).toBeDefined();
  expect(await put()).toBe(0);
});

test('what a restored database brings back is erased again, once, and the log says so', async () => {
  const subject = log.people[1] ?? '';
  const before = await partsOf(subject);
  const id = await fromBackup(subject, async () => {
    const erased = await erase(subject);
    await put();
    return erased.id;
  });
  expect(await partsOf(subject)).toBe(before);
  expect(await reapply()).toEqual({ erased: 1, held: [], strange: 0 });
  expect([await partsOf(subject), await told(id)]).toEqual([0, [{ told: false }]]);
  expect(await reapply()).toEqual({ erased: 0, held: [], strange: 0 });
  expect(
    await log.sql(`select actor_id from audit_pending where id = $1 and action = 'audit.erased'`, [
      id,
    ]),
  ).toContainEqual({ actor_id: 'system:restore' });
});

test('a legal hold is not broken by it, but told', async () => {
  const subject = log.people[2] ?? '';
  await fromBackup(subject, async () => {
    await erase(subject);
    await put();
  });
  const { id } = await withSystem(log.app, 'cli', (tx) =>
    placeHold(tx, { tenantId: null, subject, reason: 'A court', placedBy: 'user:operator' }),
  );
  expect(await reapply()).toEqual({ erased: 0, held: [subject], strange: 0 });
  expect(await partsOf(subject)).toBeGreaterThan(0);
  await withSystem(log.app, 'cli', (tx) => liftHold(tx, id, 'user:operator'));
  expect(await reapply()).toMatchObject({ erased: 1 });
});

test('whoever can write to the store cannot erase anybody', async () => {
  const subject = log.people[3] ?? '';
  const [, known] = [await put(), (await stoneOfAny()) ?? ''];
  const place = known.slice(0, known.lastIndexOf('/') + 1);
  const text = `x\n${JSON.stringify({ v: 1, erasure: 'e', subject, at: '2026-01-01T00:00:00Z' })}\n\n— x AAAA\n`;
  await putBytes(store, `${place}forged`, Buffer.from(text), 'text/plain');
  expect(await reapply()).toEqual({ erased: 0, held: [], strange: 1 });
  expect(await partsOf(subject)).toBeGreaterThan(0);
});

test('a copy of the database tells the store of none of its erasures', async () => {
  const { id } = await erase(log.people[4] ?? '');
  await log.sql(`update audit_head set system_identifier = '1'`);
  await expect(put()).rejects.toMatchObject({ code: 'audit-log-halted' });
  expect(await stone(id)).toBeUndefined();
});

async function stoneOfAny(): Promise<string | undefined> {
  for await (const { key } of store.list('audit/')) if (key.includes('/tombstones/')) return key;
  return undefined;
}

describe('an API', () => {
  const fresh = () => erasureCheck(log.app)();
  const asOf = (change: string) => log.sql(`update audit_comparisons set ${change}`);

  test('is not ready on a database that was restored until its erasures were done again', async () => {
    await reapply();
    const running = erasureCheck(log.app);
    expect(await running()).toBe('ok');
    // What a base backup remembers is from before its Postgres was started; a dump makes another table.
    for (const restored of [
      `at = pg_postmaster_start_time() - interval '1 day'`,
      `table_oid = 1`,
    ]) {
      await asOf(restored);
      expect(await fresh()).toContain('audit reapply-erasures');
      expect(await running()).toBe('ok');
      await reapply();
      expect(await fresh()).toBe('ok');
    }
  });

  test('waits for nobody where nothing was ever compared, and stays unready while the store is away', async () => {
    await asOf(`at = pg_postmaster_start_time() - interval '1 day'`);
    log.server.faults.set([{ mode: 'status', status: 503 }]);
    await expect(reapply()).rejects.toMatchObject({ code: 'store-unreachable' });
    expect(await fresh()).toContain('audit reapply-erasures');
    log.server.faults.set([]);
    await log.sql('delete from audit_comparisons');
    expect(await fresh()).toBe('ok');
  });
});
