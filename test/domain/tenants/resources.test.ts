import {
  currentResources,
  leaveResource,
  listResources,
  lockResource,
  recordCheck,
  recordMissing,
  recordResource,
  recordUnchecked,
} from '../../../src/domain/tenants/resources';
import { createDatabase, withOperator, withTenant } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';

let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
const newTenant = () => act((tx) => insertTenant(tx, { status: 'active' }));
const ready = (tenantId: string, externalId: string | null = 'sheet-1') => ({
  tenantId,
  connector: 'sample',
  externalId,
  status: 'ready' as const,
  onboardingId: null,
});

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'resources-test', max: 4 });
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

describe('a tenant', () => {
  it('has one current resource per connector, however often and in parallel it is recorded', async () => {
    const tenantId = await newTenant();
    const statuses = ['pending', 'ready', 'ready', 'ready'] as const;
    await Promise.all(
      statuses.map((status) => act((tx) => recordResource(tx, { ...ready(tenantId), status }))),
    );
    await act((tx) =>
      recordResource(tx, {
        ...ready(tenantId, null),
        status: 'error',
        lastError: 'backend-timeout',
      }),
    );
    expect(await act((tx) => currentResources(tx, tenantId))).toMatchObject([
      { connector: 'sample', externalId: 'sheet-1', status: 'error', lastError: 'backend-timeout' },
    ]);
  });

  it('keeps what it left beside what it has now', async () => {
    const tenantId = await newTenant();
    await act((tx) => recordResource(tx, ready(tenantId, 'old')));
    expect(await act((tx) => leaveResource(tx, { tenantId, connector: 'sample' }))).toBe(true);
    expect(await act((tx) => leaveResource(tx, { tenantId, connector: 'sample' }))).toBe(false);
    await act((tx) => recordResource(tx, ready(tenantId, 'new')));
    const list = async (left: boolean) =>
      (
        await act((tx) => listResources(tx, tenantId, { left }, { limit: 10, after: null }))
      ).items.map(({ externalId, status }) => `${String(externalId)} ${status}`);
    expect(await list(false)).toEqual(['new ready']);
    expect(await list(true)).toEqual(['new ready', 'old left']);
  });

  it('sees its own resources only', async () => {
    const [mine, other] = [await newTenant(), await newTenant()];
    await act((tx) => recordResource(tx, ready(other)));
    const { items } = await withTenant(db, mine, (tx) =>
      listResources(tx, other, { left: true }, { limit: 10, after: null }),
    );
    expect(items).toEqual([]);
  });
});

describe('a comparison', () => {
  it('marks drift, and a later good one clears it', async () => {
    const tenantId = await newTenant();
    await act((tx) => recordResource(tx, ready(tenantId)));
    const current = async () => (await act((tx) => currentResources(tx, tenantId)))[0]!;
    const { id, checkedAt } = await current();
    expect(checkedAt).toBeNull();
    await act((tx) =>
      recordCheck(tx, { id, drift: 'missing', lastError: 'workspace-not-registered' }),
    );
    expect(await current()).toMatchObject({
      status: 'error',
      drift: 'missing',
      checkedAt: expect.any(Date),
    });
    await act((tx) => recordUnchecked(tx, { id, lastError: 'backend-timeout' }));
    expect(await current()).toMatchObject({
      status: 'error',
      drift: 'missing',
      lastError: 'backend-timeout',
    });
    await act((tx) => recordCheck(tx, { id, drift: null, lastError: null }));
    expect(await current()).toMatchObject({ status: 'ready', drift: null, lastError: null });
  });

  it('writes a row for what is missing, once, and recording the resource clears the drift', async () => {
    const tenantId = await newTenant();
    for (let n = 0; n < 2; n += 1)
      await act((tx) => recordMissing(tx, { tenantId, connector: 'sample' }));
    const rows = await act((tx) => currentResources(tx, tenantId));
    expect(rows).toMatchObject([{ status: 'pending', drift: 'missing', externalId: null }]);
    await act((tx) => recordResource(tx, ready(tenantId)));
    expect(await act((tx) => currentResources(tx, tenantId))).toMatchObject([
      { id: rows[0]?.id, status: 'ready', drift: null, externalId: 'sheet-1' },
    ]);
  });

  it('leaves alone what was left meanwhile', async () => {
    const tenantId = await newTenant();
    await act((tx) => recordResource(tx, ready(tenantId)));
    const [row] = await act((tx) => currentResources(tx, tenantId));
    await act((tx) => leaveResource(tx, { tenantId, connector: 'sample' }));
    await act((tx) => recordCheck(tx, { id: row!.id, drift: 'missing', lastError: null }));
    expect(await act((tx) => lockResource(tx, tenantId, row!.id))).toMatchObject({
      status: 'left',
      drift: null,
    });
  });

  it('finds no resource under another tenant', async () => {
    const [mine, other] = [await newTenant(), await newTenant()];
    await act((tx) => recordResource(tx, ready(other)));
    const [row] = await act((tx) => currentResources(tx, other));
    await expect(act((tx) => lockResource(tx, mine, row!.id))).rejects.toMatchObject({
      code: 'resource-not-found',
    });
    await expect(act((tx) => lockResource(tx, mine, newId()))).rejects.toMatchObject({
      code: 'resource-not-found',
    });
  });
});
