import { createHmac } from 'node:crypto';
import { knex } from 'knex';
import type { Knex } from 'knex';
import * as migration from '../../../migrations/20261127092000_carry_audit_entries';
import { canonical } from '../../../src/domain/audit/canonical.rules';
import type { JsonValue } from '../../../src/domain/audit/canonical.rules';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { openAuditDatabase } from './audit-database';
import type { AuditDatabase } from './audit-database';

let log: AuditDatabase;
let owner: Knex;
beforeAll(async () => {
  log = await openAuditDatabase();
  owner = knex({ client: 'pg', connection: log.database.ownerUrl });
});
afterAll(async () => {
  await owner.destroy();
  await log.close();
});

const tenantId = newId();
const userId = newId();
const old = {
  id: newId(),
  action: 'invite.accepted',
  crud: 'u',
  outcome: 'success',
  tenant_id: tenantId,
  partner_id: null,
  actor_type: 'user',
  actor_id: `user:${userId}`,
  targets: [
    { type: 'invite', id: newId() },
    { type: 'tenant', id: tenantId, name: 'ac"me' },
  ],
  description: 'Tab\there, ünïcode 😀',
  metadata: { z: 1, a: 'x', Ab: null, new_account: true },
  source_ip: '192.0.2.7',
  user_agent: 'curl "8"',
  component: 'api',
  request_id: newId(),
  client_request_id: 'ticket-1',
};
type Old = typeof old;

/** Writes a row as a process of the release before does. */
const insertOld = (row: Old): Promise<number> =>
  withSystem(log.app, 'cli', (tx) =>
    tx.run(
      `insert into audit_entries (${Object.keys(row).join(', ')})
       values (${Object.keys(row)
         .map((_, index) => `$${index + 1}`)
         .join(', ')})`,
      Object.values(row).map((value) =>
        value !== null && typeof value === 'object' ? JSON.stringify(value) : value,
      ),
    ),
  );

const trail = (): Promise<Record<string, unknown>[]> =>
  log.sql(
    `select action, crud, outcome, tenant_id, partner_id, actor_id, targets, description, metadata, host(source_ip)
       as source_ip, user_agent, component, request_id from audit_trail order by seq`,
  );
const { id: _id, actor_type: _type, client_request_id: _request, ...seen } = old;

test('what a process of the release before writes goes into the log', async () => {
  await insertOld(old);
  expect(await trail()).toEqual([seen]);
  expect(await log.sql('select 1 from audit_entries')).toEqual([]);
  expect(await log.sequence()).toBe(1);
  expect(await trail()).toEqual([seen]);
});

test('and is canonical, committed to and erasable like any other entry', async () => {
  const [row] = await log.sql<{ leaf: string; subjects: string[] }>(
    'select leaf, subjects from audit_log',
  );
  const { core } = JSON.parse(row!.leaf) as { core: Record<string, JsonValue> };
  expect(row!.leaf.startsWith(`{"core":${canonical(core)},"kind":"own"`)).toBe(true);
  expect(row!.subjects.sort()).toEqual(
    [`invite:${old.targets[0]!.id}`, `tenant:${tenantId}`, `user:${userId}`].sort(),
  );
  const parts = await log.sql<{ part: string; salt: Buffer; body: string; subjects: string[] }>(
    'select part, salt, body, subjects from audit_pii order by part',
  );
  const made = parts.map(({ part, salt, body }) => ({
    c: createHmac('sha256', salt)
      .update(`usher/audit/pii/v1\n${old.id}\n${part}\n${body}`)
      .digest('hex'),
    part,
  }));
  expect(made).toHaveLength(3);
  expect(core['pii']).toEqual(expect.arrayContaining(made));
  expect(parts.map(({ body }) => canonical(JSON.parse(body) as JsonValue))).toEqual(
    parts.map(({ body }) => body),
  );
  expect(parts.find(({ part }) => part === 'context')?.subjects).toEqual([`user:${userId}`]);
  expect(parts.find(({ part }) => part === 'targets.1')?.subjects).toEqual([`tenant:${tenantId}`]);
});

test('the migration carries what is there over, and takes it back again', async () => {
  await insertOld({ ...old, id: newId(), action: 'invite.expired' });
  await migration.down(owner);
  const before = await log.sql<{ action: string; targets: unknown; source_ip: string }>(
    'select action, targets, description, metadata, client_request_id from audit_entries order by seq',
  );
  expect(before.map(({ action }) => action)).toEqual(['invite.accepted', 'invite.expired']);
  expect(before[1]).toMatchObject({
    targets: old.targets,
    description: old.description,
    metadata: old.metadata,
    client_request_id: 'ticket-1',
  });
  await log.sql('truncate audit_pending, audit_log, audit_pii');
  await migration.up(owner);
  expect((await trail()).map(({ action }) => action)).toEqual([
    'invite.accepted',
    'invite.expired',
  ]);
});
