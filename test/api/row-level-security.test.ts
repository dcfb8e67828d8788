import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { withOperator, withPartner, withTenant } from '../../src/platform/db';
import { accept, invite, marketplaceToken, untilState } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { backendControl, paths } from '../workflows/backend-control';
import { order, parked } from '../workflows/courses';
import { insertEntitlement, insertKey } from '../domain/api-keys/rows';

let app: TestApp;
let superuser: Client;
let owned: string[];
let tenants: Invited[];

/** Rows of a table that a query of the pool sees which has set no scope. */
const seenUnscoped = async (table: string): Promise<number> => {
  const { rows } = await app.deps.db.pool.query<{ n: number }>(
    `select count(*)::int as n from ${table}`,
  );
  return rows[0]?.n ?? -1;
};

const inAll = async (table: string): Promise<number> =>
  (await superuser.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]?.n ?? 0;

/** A key of a tenant with everything that hangs on it. */
async function insertKeyRows(tenantId: string): Promise<void> {
  const { id } = await withOperator(app.deps.db, 'user:test', async (tx) => {
    await insertEntitlement(tx, { tenantId, product: 'search' });
    return insertKey(tx, app.deps.apiKeys.hasher, { tenantId });
  });
  for (const sql of [
    `insert into api_key_foreign_hashes (key_id, tenant_id, prefix, salt, hash)
     values ($1, $2, 'bp_12345678', '\\x00', sha256('\\x00'))`,
    'insert into api_key_usage (key_id, tenant_id) values ($1, $2)',
    `insert into api_key_usage_days (key_id, tenant_id, day, code, requests)
     values ($1, $2, current_date, 'VALID', 1)`,
    `insert into key_rotations (id, old_key_id, tenant_id, family_id, state, reason, requested_by)
     values (gen_random_uuid(), $1, $2, $1, 'requested', 'routine', 'system:test')`,
    `insert into key_rotation_events (rotation_id, tenant_id, transition_id, type, to_state, actor)
     select id, $2::uuid, 'state:requested', 'requested', 'requested', 'system:test' from key_rotations
     where old_key_id = $1`,
    `insert into key_policies (tenant_id, updated_by) select tenant_id, 'system:test' from api_keys
     where id = $1 and tenant_id = $2`,
    `insert into audit_signatures (id, kind, tenant_id, requested_by) values ($1, 'tenant-head', $2, 'user:test')`,
  ])
    await superuser.query(sql, [id, tenantId]);
}

/** A row of each table of the registry that a course does not fill. */
const insertRegistryRows = async (tenantId: string): Promise<void> => {
  await superuser.query('insert into tenant_lifecycles (tenant_id) values ($1)', [tenantId]);
  for (const table of ['product_requests', 'product_trials']) {
    await superuser.query(
      `insert into ${table} (id, tenant_id, product, requested_by) values ($1, $2, 'insights', 'system:test')`,
      [randomUUID(), tenantId],
    );
  }
};

/** A hold, and an entry that was fetched back from the archive. */
const insertArchiveRows = async (tenantId: string, n: number): Promise<void> => {
  const [batch, restore] = [randomUUID(), randomUUID()];
  await superuser.query(
    `insert into audit_batches (id, n, origin, from_seq, to_seq, requested_by) values ($1, $2, 'o', $2, $2, 'system:test')`,
    [batch, n + 1],
  );
  await superuser.query(
    `insert into audit_restores (id, batch_id, requested_by) values ($1, $2, 'system:test')`,
    [restore, batch],
  );
  for (const sql of [
    `insert into audit_legal_holds (id, tenant_id, reason, placed_by) values ($1, $2, 'r', 'system:test')`,
    `insert into audit_restored (restore_id, seq, id, kind, tenant_id, tenant_seq, action, outcome, target_ids, subjects,
       at, sequenced_at, late, leaf, hash)
     values ($1, ${String(n + 1)}, gen_random_uuid(), 'own', $2, 1, 'a.b', 'success', '{}', '{}', now(), now(), false, '{}',
       sha256('\\x00'))`,
    `insert into audit_restored_pii (restore_id, seq, part, tenant_id, event_id, subjects, salt, body)
     values ($1, ${String(n + 1)}, 'free', $2, gen_random_uuid(), '{}', sha256('\\x00'), '{}')`,
  ])
    await superuser.query(sql, [restore, tenantId]);
};

beforeAll(async () => {
  app = await startTestApp();
  superuser = new Client({ connectionString: app.database.superUrl });
  await superuser.connect();
  const { rows } = await superuser.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity
       and has_table_privilege('usher_app', oid, 'select') order by 1`,
  );
  owned = rows.map(({ name }) => name);

  // Two tenants that went through everything, so that every table has rows of both.
  tenants = [];
  for (let n = 0; n < 2; n += 1) {
    await backendControl(app.backend.url).faults({
      path: paths.register,
      mode: 'status',
      status: 400,
    });
    const invited = await invite(app);
    await accept(app, invited);
    await parked(app, invited);
    await backendControl(app.backend.url).faults();
    await order(app, invited, 'retry');
    await untilState(app, invited.jobId, ['active']);
    await app.call('POST', '/onboarding/wb-tokens/rotate', {
      body: {
        client_id: invited.clientId,
        wb_token: marketplaceToken(),
        reason: 'the test wants it',
      },
    });
    await superuser.query(
      `insert into resource_repairs (id, tenant_id, resource_id, connector, onboarding_id, reason, requested_by, state)
       select $1, tenant_id, id, connector, onboarding_id, 'the test wants it', 'system:test', 'done'
       from tenant_resources where tenant_id = $2 limit 1`,
      [randomUUID(), invited.clientId],
    );
    await insertKeyRows(invited.clientId);
    await insertRegistryRows(invited.clientId);
    await insertArchiveRows(invited.clientId, n);
    tenants.push(invited);
  }
}, 120_000);
afterAll(async () => {
  await superuser.end();
  await app.stop();
});

test('every table that belongs to tenants is under row-level security, for its owner as well', async () => {
  const { rows } = await superuser.query<{ name: string; forced: boolean }>(
    `select c.relname as name, c.relforcerowsecurity as forced from pg_class as c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and (c.relname = 'tenants' or exists (
         select 1 from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped))
     order by 1`,
  );
  // Events are read by services, across tenants, with a permission of their own.
  const expected = rows.filter(({ name }) => name !== 'events');
  expect(expected.filter(({ forced }) => !forced)).toEqual([]);
  // Nobody reads audit entries before they are in the log.
  const readable = expected.map(({ name }) => name).filter((name) => name !== 'audit_pending');
  expect(owned).toEqual(readable);
  expect(owned.length).toBeGreaterThan(15);
});

test('every one of them holds rows, and unscoped none is to be seen', async () => {
  for (const table of owned) {
    // What the release before writes there goes into the log at once.
    if (table !== 'audit_entries') {
      expect([table, (await inAll(table)) > 0]).toEqual([table, true]);
    }
    expect([table, await seenUnscoped(table)]).toEqual([table, 0]);
  }
});

test('a tenant’s transaction sees its own rows only, in every table', async () => {
  const [one] = tenants as [Invited];
  for (const table of owned) {
    const column = table === 'tenants' ? 'id' : 'tenant_id';
    const strangers = await withTenant(app.deps.db, one.clientId, (tx) =>
      tx.rows(`select 1 from ${table} where ${column} is distinct from $1 limit 1`, [one.clientId]),
    );
    expect([table, strangers]).toEqual([table, []]);
  }
});

test('a tenant’s transaction can neither write into another tenant nor move its rows there', async () => {
  const [one, two] = tenants as [Invited, Invited];
  const inOne = (sql: string): Promise<unknown> =>
    withTenant(app.deps.db, one.clientId, (tx) => tx.run(sql, [two.clientId]));
  await expect(
    inOne(
      `insert into invite_tokens (id, invite_id, tenant_id, token_hash, purpose)
       select '${randomUUID()}', invite_id, $1, '\\x00', 'first' from onboardings`,
    ),
  ).rejects.toMatchObject({ code: '42501' });
  await expect(inOne('update onboardings set tenant_id = $1')).rejects.toMatchObject({
    code: '42501',
  });
  expect(await inOne('update onboardings set problem = null where tenant_id = $1')).toBe(0);
  expect(await inOne('delete from secrets where tenant_id = $1')).toBe(0);
});

test('a partner’s transaction sees the rows of its tenants only, and all of those where it sees any', async () => {
  const [one] = tenants as [Invited];
  const partner = randomUUID();
  await superuser.query(`insert into partners (id, slug, name) values ($1, 'of-one', 'Of one')`, [
    partner,
  ]);
  await superuser.query('update tenants set partner_id = $1 where id = $2', [
    partner,
    one.clientId,
  ]);
  const open: string[] = [];
  for (const table of owned) {
    const column = table === 'tenants' ? 'id' : 'tenant_id';
    const { rows } = await superuser.query<{ n: number }>(
      `select count(*)::int as n from ${table} where ${column} = $1`,
      [one.clientId],
    );
    const seen = await withPartner(app.deps.db, partner, (tx) =>
      tx.rows<{ tenant: string }>(`select ${column} as tenant from ${table}`),
    );
    if (seen.length === 0) continue;
    open.push(table);
    expect([table, seen]).toEqual([table, Array(rows[0]?.n).fill({ tenant: one.clientId })]);
  }
  expect(open).toEqual(expect.arrayContaining(['invites', 'mails', 'onboardings', 'tenants']));
  const strange = withPartner(app.deps.db, randomUUID(), (tx) =>
    tx.rows('select 1 from onboardings'),
  );
  expect(await strange).toEqual([]);
  await expect(
    withPartner(app.deps.db, partner, (tx) =>
      tx.run('update onboardings set problem = null where tenant_id = $1', [one.clientId]),
    ),
  ).rejects.toMatchObject({ code: '42501' });
});

test('unscoped writes are refused', async () => {
  const { pool } = app.deps.db;
  await expect(
    pool.query(
      `insert into tenants (id, slug, name, status, bucket) values ($1, 'x-y-z', 'x', 'active', 1)`,
      [randomUUID()],
    ),
  ).rejects.toMatchObject({ code: '42501' });
  expect((await pool.query('update invites set version = version + 1')).rowCount).toBe(0);
  expect((await pool.query('delete from mails')).rowCount).toBe(0);
});

test('the scope of a transaction ends with it, whether it commits or not', async () => {
  await withOperator(app.deps.db, 'user:test', (tx) => tx.rows('select 1 from invites'));
  await withOperator(app.deps.db, 'user:test', () => Promise.reject(new Error('undone'))).catch(
    () => undefined,
  );
  const { pool } = app.deps.db;
  const seen = await Promise.all(
    Array.from({ length: 20 }, () => pool.query('select 1 from invites')),
  );
  expect(seen.map(({ rowCount }) => rowCount)).toEqual(Array(20).fill(0));
});

test('the application can neither change nor empty the log, nor the schema', async () => {
  const run = (sql: string): Promise<unknown> =>
    withOperator(app.deps.db, 'user:test', (tx) => tx.run(sql));
  for (const sql of [
    `update audit_log set action = 'nothing'`,
    'delete from audit_log',
    'truncate audit_log',
    'delete from onboarding_events',
    'drop table invites',
    'alter table invites disable row level security',
    'create table mine (id int)',
    'set role usher_owner',
  ]) {
    await expect(run(sql)).rejects.toMatchObject({ code: '42501' });
  }
});
