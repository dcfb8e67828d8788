import type { TenantStatus } from '../../../src/contracts/registry';
import { noticeOf } from '../../../src/domain/tenants/lifecycle.rules';
import { tenantStatuses } from '../../../src/domain/tenants/tenants.rules';
import { wakeTenantsFrom, wakeUndrivenTenants } from '../../../src/domain/tenants/wake';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createOutbox } from '../../../src/platform/outbox';
import type { Outbox } from '../../../src/platform/outbox';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';

let home: TestDatabase;
let db: Database;
let outbox: Outbox;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

/** A tenant in every status, told of every status, of none yet, or never looked at. */
interface Given {
  readonly id: string;
  readonly status: TenantStatus;
  readonly told: TenantStatus | null;
}
const tenants: Given[] = [];

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'wake-test', max: 2 });
  outbox = createOutbox({
    db,
    deliver: () => Promise.resolve({ ok: true }),
    fastPath: false,
    onError: () => undefined,
  });
  await act(async (tx) => {
    for (const status of tenantStatuses) {
      for (const told of [...tenantStatuses, null]) {
        const id = await insertTenant(tx, { status });
        tenants.push({ id, status, told });
        if (told === null) continue;
        await tx.run(
          `insert into tenant_lifecycles (tenant_id, told_status, driven_at)
           values ($1, $2, now() - interval '26 hours')`,
          [id, told],
        );
      }
    }
    await tx.run(`update tenants set updated_at = now() - interval '26 hours',
      frozen_reason = case when status = 'frozen' then 'cancelled' end`);
  });
});
beforeEach(() => act((tx) => tx.run('delete from outbox')));
afterAll(async () => {
  await db.close();
  await home.drop();
});

const woken = async (): Promise<Set<string>> => {
  const rows = await act((tx) =>
    tx.rows<{ id: string }>(`select input->>'tenantId' as id from outbox`),
  );
  return new Set(rows.map(({ id }) => id));
};
const sweep = async (): Promise<Set<string>> => {
  await wakeUndrivenTenants({ db, outbox }, 25);
  return woken();
};
const wakeAll = async (): Promise<Set<string>> => {
  expect(await act((tx) => wakeTenantsFrom(tx, { outbox }, null))).toBeNull();
  return woken();
};

describe.each([
  ['the reconciler', sweep],
  ['the wake-up in a new Temporal', wakeAll],
])('%s', (_name, wake) => {
  test('wakes every tenant that waits for its time, and every one to whom a notice is due', async () => {
    const found = await wake();
    for (const { id, status, told } of tenants) {
      const waits = ['trial', 'deleted', 'purging'].includes(status);
      const notice = noticeOf({ status, toldStatus: told, frozenReason: 'cancelled' });
      if (waits || notice !== undefined)
        expect([status, told, found.has(id)]).toEqual([status, told, true]);
    }
  });

  test('leaves alone who was told, and active and pending tenants that never had anything to be told', async () => {
    const found = await wake();
    for (const { id, status, told } of tenants) {
      if (['trial', 'deleted', 'purging'].includes(status)) continue;
      const untold = told === null && (status === 'active' || status === 'pending');
      if (told === status || untold)
        expect([status, told, found.has(id)]).toEqual([status, told, false]);
    }
  });
});

test('the reconciler wakes nobody whom a run has looked at in time, or to whom a wake-up is under way', async () => {
  expect(await sweep()).not.toEqual(new Set());
  expect(await wakeUndrivenTenants({ db, outbox }, 25)).toBe(0);
  await act((tx) => tx.run('delete from outbox'));
  expect(await wakeUndrivenTenants({ db, outbox }, 27)).toBe(0);
});
