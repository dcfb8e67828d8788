import { askRestore, restoreById } from '../../../src/domain/archive/restores';
import { driveRestore, viewRestore } from '../../../src/domain/archive/restore-batch';
import { withSystem } from '../../../src/platform/db';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;
let batch: string;
let before: object[];

const entriesOf = (table: string) =>
  log.sql(
    `select seq, id, kind, tenant_id, tenant_seq, action, outcome, actor_id, target_ids, subjects, at, sequenced_at, late,
       leaf, hash from ${table} where seq <= 8192 order by seq`,
  );
const partsOf = (table: string, more = '') =>
  log.sql(
    `select seq, part, tenant_id, event_id, subjects, salt, body, search from ${table}
     where seq <= 8192 ${more} order by seq, part`,
  );
const ask = () => withSystem(log.app, 'cli', (tx) => askRestore(tx, batch, 'user:operator'));
const read = (id: string) => withSystem(log.app, 'cli', (tx) => restoreById(tx, id));
const end = async (id: string) => {
  await log.sql(`update audit_restores set expires_at = clock_timestamp() where id = '${id}'`);
  await driveRestore(log.deps, id);
};

beforeAll(async () => {
  log = await openArchiveLog();
  await log.fill(8_192);
  await log.attest();
  [batch = ''] = await log.plan();
  before = await entriesOf('audit_log');
});
afterAll(() => log.close());

describe('a restore', () => {
  it('of a batch whose entries are still in the log is refused', async () => {
    const id = await ask();
    expect(await driveRestore(log.deps, id)).toMatchObject({ state: 'refused', step: null });
    expect(await read(id)).toMatchObject({ problem: 'archive-still-hot' });
  });

  it('brings back every row as it was, beside the log', async () => {
    const parts = await partsOf('audit_pii');
    await log.drive(batch);
    await log.age();
    expect((await log.drive(batch)).state).toBe('pruned');
    const id = await ask();
    expect(await driveRestore(log.deps, id)).toMatchObject({ state: 'restored', step: 'drop' });
    expect(await read(id)).toMatchObject({ entries: 8_192, erased: 0 });
    expect(await entriesOf('audit_restored')).toEqual(before);
    expect(await partsOf('audit_restored_pii')).toEqual(parts);
    expect(await log.sql('select 1 from audit_log where seq <= 8192')).toEqual([]);

    const view = await viewRestore(log.deps, id);
    expect(view.waitMs).toBeGreaterThan(60_000_000);
    await end(id);
    expect(await read(id)).toMatchObject({ state: 'ended' });
    expect([await entriesOf('audit_restored'), await partsOf('audit_restored_pii')]).toEqual([
      [],
      [],
    ]);
  });

  it('brings nothing back of somebody who was erased, and says how much that is', async () => {
    const [erased = ''] = log.people;
    await log.sql('delete from audit_subject_keys where subject = $1', [erased]);
    const id = await ask();
    await driveRestore(log.deps, id);
    const left = await partsOf('audit_restored_pii');
    expect(JSON.stringify(left)).not.toContain(erased);
    expect((await read(id))?.erased).toBe(2 * 8_192 - left.length);
    expect(left.length).toBeGreaterThan(15_000);
    expect(await entriesOf('audit_restored')).toEqual(before);
    await end(id);
  });

  it.each([{ mode: 'changed-byte' as const }, { mode: 'short-body' as const }])(
    'from a store with %o is refused, and nothing of it is shown',
    async (fault) => {
      log.server.faults.set([{ ...fault, key: '/leaves/' }]);
      const id = await ask();
      expect(await driveRestore(log.deps, id)).toMatchObject({ state: 'refused', step: null });
      log.server.faults.set([]);
      expect(await read(id)).toMatchObject({ problem: 'archive-damaged' });
      expect(await entriesOf('audit_restored')).toEqual([]);
    },
  );

  it('waits for a store that does not answer', async () => {
    log.server.faults.set([{ mode: 'status', status: 503 }]);
    const id = await ask();
    expect(await driveRestore(log.deps, id)).toMatchObject({ state: 'requested', step: 'fetch' });
    expect(await read(id)).toMatchObject({ problem: 'store-unreachable' });
    log.server.faults.set([]);
    await log.sql(`update audit_restores set not_before = null`);
    expect(await driveRestore(log.deps, id)).toMatchObject({ state: 'restored' });
    await end(id);
  });

  it('is one at a time for a batch', async () => {
    const id = await ask();
    await expect(ask()).rejects.toMatchObject({ constraint: 'audit_restores_open' });
    await driveRestore(log.deps, id);
    await end(id);
  });
});
