import type { BreakKind } from '../../src/domain/audit/verify/verdict.rules';
import { putBytes } from '../../src/platform/object-store-bytes';
import type { AuditDatabase } from '../domain/audit/audit-database';
import { signingKeys } from '../support/audit-keys';
import { rewrite } from './rewrite';
import { fill, sign } from './world';
import type { TamperWorld } from './world';

/** One way to tamper with a stored log, and what must be found. */
export interface LogCase {
  readonly name: string;
  readonly kind: BreakKind;
  readonly at: number;
  /** Which state of the log it begins with. */
  readonly of?: 'log' | 'backup';
  readonly tamper: (log: AuditDatabase, world: TamperWorld) => Promise<unknown>;
}

const edited = `replace(leaf, '"crud":"u"', '"crud":"d"')`;
const hashOf = (leaf: string): string => `sha256('\\x00'::bytea || convert_to(${leaf}, 'UTF8'))`;
const tileWith = (seq: number, hash: string): string =>
  `update audit_tiles set hashes = overlay(hashes placing (${hash}) from ${String(((seq - 1) % 256) * 32 + 1)} for 32)
   where level = 0 and idx = ${String(Math.floor((seq - 1) / 256))}`;
const shiftTenant = (log: AuditDatabase, world: TamperWorld): Promise<void> =>
  rewrite(log, ({ seq, tenant }) =>
    tenant && tenant.id === world.tenants[0] && seq >= 400
      ? { tenant: { ...tenant, seq: tenant.seq + 1 } }
      : {},
  );
const editCore =
  (at: number) =>
  ({ seq, core }: { seq: number; core: string }) =>
    seq === at ? { core: core.replace('"crud":"u"', '"crud":"d"') } : {};

/** Every kind of tampering with what is stored. */
export const logCases: readonly LogCase[] = [
  {
    name: 'edit an entry',
    kind: 'event-hash-mismatch',
    at: 200,
    tamper: (log) => log.sql(`update audit_log set leaf = ${edited} where seq = 200`),
  },
  {
    name: 'edit a column that readers see',
    kind: 'event-hash-mismatch',
    at: 200,
    tamper: (log) => log.sql(`update audit_log set action = 'tenant.created' where seq = 200`),
  },
  {
    name: 'edit an entry and its hash',
    kind: 'tile-mismatch',
    at: 200,
    tamper: (log) =>
      log.sql(`update audit_log set leaf = ${edited}, hash = ${hashOf(edited)} where seq = 200`),
  },
  {
    name: 'edit an entry, its hash and its tile',
    kind: 'event-prev-hash-mismatch',
    at: 201,
    async tamper(log) {
      await log.sql(
        `update audit_log set leaf = ${edited}, hash = ${hashOf(edited)} where seq = 200`,
      );
      await log.sql(tileWith(200, 'select hash from audit_log where seq = 200'));
    },
  },
  {
    name: 'edit an entry and make everything after it fit',
    kind: 'root-mismatch',
    at: 600,
    tamper: (log) => rewrite(log, editCore(450)),
  },
  {
    name: 'delete an entry',
    kind: 'gap',
    at: 200,
    tamper: (log) => log.sql('delete from audit_log where seq = 200'),
  },
  {
    name: 'insert an entry',
    kind: 'duplicate',
    at: 200,
    async tamper(log) {
      await log.sql('alter table audit_log drop constraint audit_log_pkey');
      await log.sql(`insert into audit_log select * from audit_log where seq = 200`);
    },
  },
  {
    name: 'swap two entries',
    kind: 'event-hash-mismatch',
    at: 200,
    async tamper(log) {
      await log.sql('alter table audit_log drop constraint audit_log_pkey');
      await log.sql('update audit_log set seq = 401 - seq where seq in (200, 201)');
    },
  },
  {
    name: 'truncate the tail',
    kind: 'gap',
    at: 551,
    tamper: (log) => log.sql('delete from audit_log where seq > 550'),
  },
  {
    name: 'truncate the tail with its checkpoint and its head',
    kind: 'inconsistent',
    at: 301,
    of: 'backup',
    tamper: () => Promise.resolve(),
  },
  {
    name: 'restore an old backup and go on',
    kind: 'inconsistent',
    at: 600,
    of: 'backup',
    async tamper(log, world) {
      // As if it were the same server, where the database has the same number.
      await log.sql(
        `update audit_head set database_oid = (select oid::bigint from pg_database where datname = current_database())`,
      );
      await fill(log, world.tenants, 320, 'another course');
      await sign(log, world.keys);
    },
  },
  {
    name: 'fork: rewrite, and sign with the log’s own key',
    kind: 'inconsistent',
    at: 600,
    async tamper(log, world) {
      await log.sql('delete from audit_checkpoints where size = 600');
      await rewrite(log, editCore(450));
      await sign(log, world.keys);
    },
  },
  {
    name: 'sign again with another key',
    kind: 'checkpoint-signature-mismatch',
    at: 600,
    async tamper(log) {
      await log.sql('delete from audit_checkpoints where size = 600');
      await log.sql('delete from audit_keys');
      await rewrite(log, editCore(450));
      await sign(log, signingKeys());
    },
  },
  {
    name: 'edit a checkpoint',
    kind: 'checkpoint-signature-mismatch',
    at: 300,
    tamper: (log) =>
      log.sql(
        `update audit_checkpoints set note = replace(note, E'\\n300\\n', E'\\n299\\n') where size = 300`,
      ),
  },
  {
    name: 'delete a checkpoint',
    kind: 'checkpoint-missing',
    at: 300,
    tamper: (log) => log.sql('delete from audit_checkpoints where size = 300'),
  },
  {
    name: 'edit a tile',
    kind: 'tile-mismatch',
    at: 70,
    tamper: (log) => log.sql(tileWith(70, `decode(repeat('ab', 32), 'hex')`)),
  },
  {
    name: 'edit a tile of the second level',
    kind: 'tile-mismatch',
    at: 512,
    tamper: (log) =>
      log.sql(
        `update audit_tiles set hashes = overlay(hashes placing decode(repeat('ab', 32), 'hex') from 33 for 32) where level = 1`,
      ),
  },
  {
    name: 'leave a number of a tenant out',
    kind: 'tenant-gap',
    at: 400,
    tamper: shiftTenant,
  },
  {
    name: 'give a tenant a second chain',
    kind: 'tenant-fork',
    at: 400,
    tamper: (log) =>
      rewrite(log, ({ seq, tenant }) =>
        tenant && seq === 400 ? { tenant: { ...tenant, prev: 'ab'.repeat(32) } } : {},
      ),
  },
  {
    name: 'edit personal data',
    kind: 'commitment-mismatch',
    at: 200,
    tamper: (log) =>
      log.sql(
        `update audit_pii set body = replace(body, 'as it was', 'otherwise') where seq = 200`,
      ),
  },
  {
    name: 'delete personal data without an erasure',
    kind: 'opening-missing',
    at: 200,
    tamper: (log) => log.sql(`delete from audit_pii where seq = 200 and part = 'free'`),
  },
  {
    name: 'publish somebody else’s checkpoint',
    kind: 'checkpoint-signature-mismatch',
    at: 700,
    async tamper(log, { store }) {
      const [row] = await log.sql<{ origin: string }>('select origin from audit_head');
      const origin = row?.origin ?? '';
      const text = `${origin}\n700\n${'A'.repeat(43)}=\n\n— ${origin} ${'A'.repeat(92)}\n`;
      const key = `audit/${origin.split('/').at(-1) ?? ''}/checkpoints/${String(Number.MAX_SAFE_INTEGER - 700)}-700`;
      await putBytes(store, key, Buffer.from(text), 'text/plain');
    },
  },
  {
    name: 'take the published checkpoints away',
    kind: 'unattested',
    at: 600,
    tamper: (_log, { server }) => {
      server.faults.set([{ mode: 'status' }]);
      return Promise.resolve();
    },
  },
];
