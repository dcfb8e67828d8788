import { openTrial } from '../../../src/domain/tenants/trials';
import type { TrialDeps } from '../../../src/domain/tenants/trials';
import { lockTenant } from '../../../src/domain/tenants/tenants';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertTenant } from '../onboarding/rows';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'trials-test', max: 4 });
});
afterAll(async () => {
  await db.close();
  await home.drop();
});

// A trial whose row is gone needs nothing but the database.
const open = (trialId: string) => openTrial({ db } as TrialDeps, trialId);
const over = { settled: true, waitMs: 0 };

test('a trial whose row is gone is over', async () => {
  expect(await open(newId())).toEqual(over);
});

test('so is one whose row goes while its look waits for the purge', async () => {
  const trialId = newId();
  const tenantId = await act(async (tx) => {
    const id = await insertTenant(tx, { status: 'purging' });
    await tx.run(`insert into products (product, name) values ('insights', 'Insights')`);
    await tx.run(
      `insert into product_trials (id, tenant_id, product, requested_by) values ($1, $2, 'insights', 'user:op')`,
      [trialId, id],
    );
    return id;
  });
  const waiting = () =>
    act((tx) =>
      tx.rows(
        `select 1 from pg_stat_activity where application_name = 'trials-test' and wait_event_type = 'Lock'`,
      ),
    );
  let look: Promise<unknown> | undefined;
  await act(async (tx) => {
    await lockTenant(tx, tenantId);
    look = open(trialId);
    await waitFor('The look that waits', waiting, (found) => found.length === 1);
    await tx.run('delete from product_trials where id = $1', [trialId]);
  });
  expect(await look).toEqual(over);
});
