import { withSystem, withTenant } from '../../../src/platform/db';
import type { Database } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { openAuditDatabase } from './audit-database';
import type { AuditDatabase } from './audit-database';

let log: AuditDatabase;
beforeAll(async () => {
  log = await openAuditDatabase();
  await log.append({ tenantId: newId(), description: 'one' });
  await log.append({ description: 'two' });
  await log.sequence();
  await log.append();
});
afterAll(() => log.close());

const run = (db: Database, sql: string): Promise<number> =>
  withSystem(db, 'cli', (tx) => tx.run(sql));

const tables = ['audit_pending', 'audit_log', 'audit_pii', 'audit_tiles', 'audit_tenant_heads'];
const pending = (kind: string): string =>
  `insert into audit_pending (id, kind, action, outcome, target_ids, subjects, at, core, parts, part_subjects,
     part_salts, part_bodies, part_searches)
   values (gen_random_uuid(), '${kind}', 'x', 'success', '{}', '{}', now(), '{}', '{}', '{}', '{}', '{}', '{}')`;

describe('the application', () => {
  test.each(tables)('can neither change, delete nor empty %s', async (table) => {
    const column = table === 'audit_tiles' ? 'idx' : 'tenant_id';
    for (const sql of [
      `update ${table} set ${column} = null`,
      `delete from ${table}`,
      `truncate ${table}`,
    ]) {
      await expect(run(log.app, sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('cannot read what is pending, nor write the log past the sequencer', async () => {
    for (const sql of [
      'select 1 from audit_pending',
      'insert into audit_log select from audit_log',
      'insert into audit_pii select from audit_pii',
      'update audit_head set size = 0',
      'select audit_prepare_partitions(1000000)',
      'select audit_carry(e) from audit_entries as e',
    ]) {
      await expect(run(log.app, sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('cannot write an entry of the log’s own machinery', async () => {
    await expect(run(log.app, pending('control'))).rejects.toMatchObject({ code: '42501' });
    expect(await run(log.app, pending('own'))).toBe(1);
  });

  test('cannot append for another tenant from within a tenant’s transaction', async () => {
    const sql = pending('own')
      .replace('(id,', '(tenant_id, id,')
      .replace('(gen', `('${newId()}', gen`);
    await expect(withTenant(log.app, newId(), (tx) => tx.run(sql))).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('has no right on any partition', async () => {
    const partitions = await log.sql<{ name: string }>(
      `select relname as name from pg_class where relispartition and relname like 'audit_%' and relkind = 'r'`,
    );
    expect(partitions.length).toBeGreaterThan(1);
    for (const { name } of partitions) {
      await expect(run(log.app, `select 1 from ${name}`)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('cannot append a core beyond 32 KiB', async () => {
    const sql = pending('own').replace(
      `'{}', '{}', '{}', '{}', '{}', '{}')`,
      `repeat('x', 32769), '{}', '{}', '{}', '{}', '{}')`,
    );
    await expect(run(log.app, sql)).rejects.toMatchObject({ code: '23514' });
  });
});

describe('the sequencer', () => {
  test('can change and delete no entry, and brings in nobody else’s word', async () => {
    for (const sql of [
      `update audit_log set leaf = ''`,
      'delete from audit_log',
      'truncate audit_log',
      'delete from audit_pii',
      `update audit_pending set core = ''`,
      'delete from audit_tiles',
      'drop table audit_log',
      pending('own'),
    ]) {
      await expect(run(log.sequencer, sql)).rejects.toMatchObject({ code: '42501' });
    }
    expect(await run(log.sequencer, pending('control'))).toBe(1);
  });

  test('reaches nothing of Usher besides', async () => {
    for (const table of ['tenants', 'users', 'secrets', 'outbox', 'mails']) {
      await expect(run(log.sequencer, `select 1 from ${table}`)).rejects.toMatchObject({
        code: '42501',
      });
    }
  });
});
