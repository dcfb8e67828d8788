import { randomBytes, randomUUID } from 'node:crypto';
import type { ArchiveDeps } from '../../../src/domain/archive/deps';
import { driveBatch, viewBatch } from '../../../src/domain/archive/drive-batch';
import type { BatchView } from '../../../src/domain/archive/drive-batch';
import { planArchive } from '../../../src/domain/archive/plan';
import { makeCheckpoint } from '../../../src/domain/audit/checkpoints';
import { sealEntry } from '../../../src/domain/audit/entry';
import { originOfLog } from '../../../src/domain/audit/head';
import { insertAllPending } from '../../../src/domain/audit/pending';
import { publishCheckpoints } from '../../../src/domain/audit/publication';
import type { SigningKeys } from '../../../src/domain/audit/signing';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createLog } from '../../../src/platform/log';
import { createObjectStore } from '../../../src/platform/object-store';
import { createOutbox } from '../../../src/platform/outbox';
import type { ObjectStoreServer } from '../../../src/servers/object-store';
import { startEmbeddedStore } from '../../support/embedded-store';
import { openAuditDatabase } from '../audit/audit-database';
import type { AuditDatabase } from '../audit/audit-database';

/** An audit log with an archive: a database and an object store of their own, without Temporal. */
export interface ArchiveLog extends AuditDatabase {
  readonly server: ObjectStoreServer;
  readonly deps: ArchiveDeps;
  readonly keys: SigningKeys;
  /** People whose personal data the entries hold. */
  readonly people: readonly string[];
  readonly tenants: readonly string[];
  /** Appends entries with personal data of people by turns, and sequences them. */
  fill(count: number): Promise<void>;
  /** Signs the head and publishes it. */
  attest(): Promise<void>;
  /** Plans what there is; returns the ids of all batches in their order. */
  plan(): Promise<string[]>;
  /** Drives a batch as far as it goes without a wait, or until a number of steps. */
  drive(id: string, steps?: number): Promise<BatchView>;
  /** Lets grace periods and rests be over. */
  age(): Promise<void>;
  /** Another process: the same database and store, nothing in memory. */
  restarted(): ArchiveDeps;
}

/** Opens one; entries are old enough at once, and rests are short. */
export async function openArchiveLog(): Promise<ArchiveLog> {
  const log = await openAuditDatabase();
  const store = await startEmbeddedStore();
  const { server, settings } = store;
  const objects = createObjectStore(settings);
  const keys: SigningKeys = {
    seeds: [{ id: 'k1', key: randomBytes(32) }],
    hmac: { id: 'h1', key: randomBytes(32) },
  };
  const secret = randomBytes(32);
  const depsOf = (): ArchiveDeps => ({
    db: log.app,
    sequencer: log.sequencer,
    outbox: createOutbox({
      db: log.app,
      deliver: () => Promise.resolve({ ok: true }),
      fastPath: false,
      onError: () => undefined,
    }),
    log: createLog({ level: 'silent', process: 'test' }),
    store: { objects, settings },
    keys,
    times: { hotDays: 0, graceHours: 1, lockDays: 1, restoredDays: 7, pauseSeconds: 0.001 },
    secret: () => Promise.resolve(secret),
  });
  const deps = depsOf();
  const people = Array.from({ length: 20 }, () => `user:${randomUUID()}`);
  const tenants = Array.from({ length: 3 }, () => randomUUID());

  return {
    ...log,
    server,
    deps,
    keys,
    people,
    tenants,
    restarted: depsOf,
    async fill(count) {
      const now = new Date().toISOString();
      const entries = Array.from({ length: count }, (_, n) => {
        const actor = people[n % people.length] ?? '';
        return sealEntry({
          id: newId(),
          kind: 'foreign',
          via: 'service:test',
          action: 'order.shipped',
          crud: 'c',
          outcome: 'success',
          at: now,
          receivedAt: now,
          tenantId: tenants[n % 4] ?? null,
          actor: { type: 'user', id: actor },
          targets: [{ type: 'order', id: String(n) }],
          parts: [
            { part: 'context', body: { ip: `192.0.2.${String(n % 250)}` } },
            {
              part: 'free',
              body: { description: `Parcel ${String(n)} of ${actor}` },
              search: 'parcel',
            },
          ],
        });
      });
      await withSystem(log.app, 'cli', (tx) => insertAllPending(tx, entries));
      await log.sequence();
    },
    async attest() {
      await withSystem(log.sequencer, 'sequencer', (tx) => makeCheckpoint(tx, keys, 'manual'));
      const origin = (await withSystem(log.sequencer, 'sequencer', originOfLog)) ?? '';
      await publishCheckpoints(log.sequencer, objects, keys, origin);
    },
    async plan() {
      await planArchive(deps, 'user:operator');
      const rows = await log.sql<{ id: string }>('select id from audit_batches order by n');
      return rows.map(({ id }) => id);
    },
    async drive(id, steps = 20) {
      let view = await viewBatch(deps, id);
      for (let n = 0; n < steps && view.step !== null && view.waitMs < 1_000; n += 1) {
        view = await driveBatch(deps, id, view.step);
      }
      return view;
    },
    async age() {
      await log.sql(
        `update audit_batches set prune_after = clock_timestamp() - interval '1 second', not_before = null`,
      );
    },
    async close() {
      objects.close();
      await store.stop();
      await log.close();
    },
  };
}
