import { createHash, createHmac } from 'node:crypto';
import * as audit from '../../../src/domain/audit/audit-entries';
import { createSequencer } from '../../../src/domain/audit/sequencer';
import { CompactRange } from '../../../src/domain/audit/tree';
import { verifyLog } from '../../../src/domain/audit/verify/verify-log';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { anEvent, drain, openAuditDatabase } from './audit-database';
import type { AuditDatabase } from './audit-database';

interface Row {
  readonly seq: number;
  readonly leaf: string;
  readonly hash: Buffer;
  readonly id: string;
}

let log: AuditDatabase;
beforeEach(async () => {
  log = await openAuditDatabase();
}, 120_000);
afterEach(() => log.close());

const rows = (): Promise<Row[]> =>
  log.sql<Row>('select seq, leaf, hash, id from audit_log order by seq');

const hashOf = (leaf: string): string => createHash('sha256').update(`\0${leaf}`).digest('hex');

/** Reads the whole log as an outsider would, with nothing of Usher's own; returns how many entries it has. */
async function expectHonest({ entries = true } = {}): Promise<number> {
  const all = await rows();
  const tree = new CompactRange();
  const tenants = new Map<string, { seq: number; hash: string }>();
  const zero = '0'.repeat(64);
  let prev = zero;
  for (const [index, { seq, leaf, hash }] of all.entries()) {
    const read = JSON.parse(leaf) as Record<string, unknown> & { core: Record<string, unknown> };
    expect(seq).toBe(index + 1);
    expect(hash.toString('hex')).toBe(hashOf(leaf));
    expect(read).toMatchObject({
      seq,
      prev_hash: prev,
      v: 1,
      origin: expect.stringMatching(/^usher\/audit\//),
    });
    expect(Object.keys(read)).toEqual(Object.keys(read).sort());
    prev = hashOf(leaf);
    const tenantId = read['tenant_id'] as string | null;
    if (tenantId === null) expect([read['tenant_seq'], read['tenant_prev']]).toEqual([null, null]);
    else {
      const before = tenants.get(tenantId) ?? { seq: 0, hash: zero };
      expect(read).toMatchObject({ tenant_seq: before.seq + 1, tenant_prev: before.hash });
      tenants.set(tenantId, { seq: before.seq + 1, hash: prev });
    }
    tree.append(hash);
  }
  const [head] = await log.sql<{ size: number; last_hash: Buffer; frontier: Buffer }>(
    'select size, last_hash, frontier from audit_head',
  );
  expect(head).toMatchObject({ size: all.length, frontier: tree.bytes() });
  if (all.length > 0) expect(head?.last_hash.toString('hex')).toBe(prev);
  const tiles = await log.sql<{ hashes: Buffer }>(
    'select hashes from audit_tiles where level = 0 order by idx',
  );
  expect(Buffer.concat(tiles.map(({ hashes }) => hashes))).toEqual(
    Buffer.concat(all.map(({ hash }) => hash)),
  );
  // Usher's own verifier finds nothing either, unless the cores are no entries.
  if (entries) {
    const verdict = await verifyLog(log.app);
    expect(verdict).toMatchObject({ ok: true, breaks: [], verified: all.length });
  }
  return all.length;
}

describe('an entry', () => {
  test('stands or falls with the transaction of its deed', async () => {
    await withSystem(log.app, 'cli', async (tx) => {
      await audit.append(tx, anEvent());
      throw new Error('undone');
    }).catch(() => undefined);
    const kept = await log.append();
    expect(await log.sequence()).toBe(1);
    expect((await rows()).map(({ id }) => id)).toEqual([kept]);
  });

  test('has its place, its links and its hash in a leaf of exact bytes, and the core within', async () => {
    const tenantId = newId();
    const id = await log.append({
      action: 'onboarding.parked',
      crud: 'u',
      outcome: 'failure',
      tenantId,
      actorId: 'system:workflow',
      targets: [{ type: 'onboarding', id: tenantId, name: 'Äcme' }],
      metadata: {
        step: 'sample.register',
        problem: 'backend-refused',
        number: 1,
        mail: 'a@b.example',
      },
      description: 'because "so"',
      sourceIp: '192.0.2.7',
      component: 'worker',
    });
    await log.sequence();
    const [row] = await rows();
    const { core, ...envelope } = JSON.parse(row!.leaf) as Record<string, Record<string, unknown>>;
    expect(core).toMatchObject({
      id,
      action: 'onboarding.parked',
      actor: { id: 'system:workflow', type: 'system' },
      metadata: { step: 'sample.register', problem: 'backend-refused', number: 1 },
      targets: [{ id: tenantId, type: 'onboarding' }],
      tenant_id: tenantId,
      via: 'usher',
      component: 'worker',
    });
    expect(envelope).toMatchObject({ kind: 'own', seq: 1, tenant_id: tenantId, tenant_seq: 1 });
    // Nothing personal in what can never be changed again, and no metadata that is not listed.
    expect(row!.leaf).not.toMatch(/Äcme|because|192\.0\.2|a@b/);
  });

  test('is bound to its personal data by salted commitments', async () => {
    const id = await log.append({ description: 'said so', sourceIp: '192.0.2.7', userAgent: 'x' });
    await log.append();
    await log.sequence();
    const parts = await log.sql<{ part: string; salt: Buffer; body: string; event_id: string }>(
      'select part, salt, body, event_id from audit_pii order by part',
    );
    expect(parts.map(({ part, body }) => [part, body])).toEqual([
      ['context', '{"ip":"192.0.2.7","ua":"x"}'],
      ['free', '{"description":"said so"}'],
    ]);
    const [row] = await rows();
    const { core } = JSON.parse(row!.leaf) as { core: { pii: { part: string; c: string }[] } };
    expect(core.pii).toEqual(
      parts.map(({ part, salt, body }) => ({
        c: createHmac('sha256', salt)
          .update(`usher/audit/pii/v1\n${id}\n${part}\n${body}`)
          .digest('hex'),
        part,
      })),
    );
    expect(parts[0]!.salt.equals(parts[1]!.salt)).toBe(false);
  });

  test('that commits late under a lower number goes into a later batch, and none is left out', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let appended = (): void => undefined;
    const ready = new Promise<void>((resolve) => (appended = resolve));
    const late = withSystem(log.app, 'cli', async (tx) => {
      const id = await audit.append(tx, anEvent());
      appended();
      await held;
      return id;
    });
    await ready;
    const early = await log.append();
    await log.sequence();
    expect((await rows()).map(({ id }) => id)).toEqual([early]);
    release();
    const lateId = await late;
    await log.sequence();
    expect((await rows()).map(({ id }) => id)).toEqual([early, lateId]);
    expect(await expectHonest()).toBe(2);
  });
});

describe('the sequencer', () => {
  test('loses and doubles nothing under 16 writers, rollbacks, two sequencers at once and killed connections', async () => {
    const tenants = Array.from({ length: 5 }, () => newId());
    const kept: string[] = [];
    let writing = true;
    const writer = async (n: number): Promise<void> => {
      for (let turn = 0; turn < 40; turn += 1) {
        const tenantId = tenants[(n + turn) % 6] ?? null;
        await withSystem(log.app, 'cli', async (tx) => {
          const ids = [
            await audit.append(tx, anEvent({ tenantId })),
            await audit.append(tx, anEvent({ tenantId, description: `${n}` })),
          ];
          if (turn % 5 === 0) throw new Error('undone');
          kept.push(...ids);
        }).catch((error: unknown) => {
          if ((error as Error).message !== 'undone') throw error;
        });
      }
    };
    const sequence = async (): Promise<void> => {
      const sequencer = createSequencer(log.sequencer);
      while (writing) await sequencer.round().catch(() => 0);
    };
    const killer = async (): Promise<void> => {
      while (writing) {
        await log.sql(
          `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'usher_sequencer' and datname = $1
             and state <> 'idle' limit 1`,
          [log.database.name],
        );
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    };
    const machinery = [sequence(), sequence(), killer()];
    await Promise.all(Array.from({ length: 16 }, (_, n) => writer(n)));
    writing = false;
    await Promise.all(machinery);
    await drain(log.sequencer);
    expect(await expectHonest()).toBe(16 * 32 * 2);
    expect((await rows()).map(({ id }) => id).sort()).toEqual(kept.sort());
    expect(await log.sql('select 1 from audit_pending')).toEqual([]);
  });

  test('takes a long backlog batch by batch and makes partitions as it goes', async () => {
    await log.sql(
      `insert into audit_pending (id, kind, action, outcome, target_ids, subjects, at, core, parts, part_subjects,
         part_salts, part_bodies, part_searches)
       select gen_random_uuid(), 'own', 'a', 'success', '{}', '{}', now(), '{"n":' || n || '}', '{}', '{}', '{}', '{}', '{}'
       from generate_series(1, 9000) as n`,
    );
    expect(await log.sequence()).toBe(9000);
    expect(await expectHonest({ entries: false })).toBe(9000);
    const partitions = await log.sql<{ from_seq: number; to_seq: number }>(
      'select from_seq, to_seq from audit_partitions order by from_seq',
    );
    expect(partitions[0]).toEqual({ from_seq: 1, to_seq: 8193 });
    expect(partitions[1]?.from_seq).toBe(8193);
    expect((partitions[1]!.to_seq - 1) % 256).toBe(0);
  });

  test('refuses a log that was copied here from another database', async () => {
    await log.append();
    await log.sequence();
    await log.sql(`update audit_head set database_oid = 1`);
    await log.append();
    await expect(drain(log.sequencer)).rejects.toThrow('copied here');
    expect(await log.sql('select 1 from audit_pending')).toHaveLength(1);
  });

  test('names every database’s log differently, also those of one template', async () => {
    await log.append();
    await log.sequence();
    const other = await openAuditDatabase();
    await other.append();
    await other.sequence();
    const originOf = async (one: AuditDatabase) =>
      (await one.sql<{ origin: string }>('select origin from audit_head'))[0]?.origin;
    const origins = [await originOf(log), await originOf(other)];
    await other.close();
    expect(new Set(origins).size).toBe(2);
  });
});
