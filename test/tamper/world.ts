import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCheckpoint } from '../../src/domain/audit/checkpoints';
import type { Checkpoint } from '../../src/domain/audit/checkpoints';
import { originOfLog } from '../../src/domain/audit/head';
import { allKeys } from '../../src/domain/audit/log-keys';
import { publishCheckpoints } from '../../src/domain/audit/publication';
import type { SigningKeys } from '../../src/domain/audit/signing';
import { withSystem } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStore } from '../../src/platform/object-store';
import { startObjectStore } from '../../src/servers/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';
import { anEvent, openAuditDatabase } from '../domain/audit/audit-database';
import type { AuditDatabase } from '../domain/audit/audit-database';
import { copyTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { signingKeys } from '../support/audit-keys';
import * as audit from '../../src/domain/audit/audit-entries';

/** Sizes at which the honest log was signed and published. */
export const signedAt = [300, 600] as const;

/** A log that was honestly kept, as it was at its first checkpoint and at its last, and what was published of it. */
export interface TamperWorld {
  readonly tenants: readonly [string, string];
  readonly keys: SigningKeys;
  readonly vkey: string;
  readonly store: ObjectStore;
  readonly server: ObjectStoreServer;
  /** A copy of its own for one case; `backup` is the log as it was at its first checkpoint. */
  copy(of?: 'log' | 'backup'): Promise<AuditDatabase>;
  close(): Promise<void>;
}

/** Keeps a log of 600 entries: of two tenants and of none, with personal data, signed twice. */
export async function makeTamperWorld(): Promise<TamperWorld> {
  const dir = mkdtempSync(join(tmpdir(), 'usher-tamper-'));
  const access = { bucket: 'published', accessKey: 'usher', secretKey: 'usher-secret' };
  const server = await startObjectStore({ port: 0, dir, ...access });
  const store = createObjectStore({
    ...access,
    endpoint: server.url,
    region: 'us-east-1',
    encrypt: false,
    allowCidrs: ['127.0.0.0/8'],
  });
  const keys = signingKeys();
  const tenants = [newId(), newId()] as const;
  const log = await openAuditDatabase();
  await fill(log, tenants, signedAt[0]);
  await sign(log, keys);
  await log.disconnect();
  const backup = await copyTestDatabase(log.database);
  const whole = await openAuditDatabase(log.database);
  await fill(whole, tenants, signedAt[1] - signedAt[0]);
  await sign(whole, keys);
  const origin = await withSystem(whole.sequencer, 'sequencer', originOfLog);
  await publishCheckpoints(whole.sequencer, store, keys, origin ?? '');
  const [key] = await withSystem(whole.app, 'audit', allKeys);
  await whole.disconnect();
  const made: TestDatabase[] = [log.database, backup];
  return {
    tenants,
    keys,
    vkey: key?.vkey ?? '',
    store,
    server,
    copy: async (of = 'log') =>
      openAuditDatabase(await copyTestDatabase(of === 'log' ? log.database : backup)),
    async close() {
      for (const database of made) await database.drop();
      store.close();
      await server.stop();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Appends so many entries: every third of the first tenant, every third of the second, each with a reason. */
export async function fill(
  log: AuditDatabase,
  tenants: readonly [string, string],
  count: number,
  reason = 'as it was',
): Promise<void> {
  await withSystem(log.app, 'cli', async (tx) => {
    for (let n = 0; n < count; n += 1) {
      const tenantId = n % 3 === 2 ? null : tenants[n % 3 === 0 ? 0 : 1];
      await audit.append(
        tx,
        anEvent({
          tenantId,
          actorId: `user:${tenants[0]}`,
          targets: [{ type: 'tenant', id: tenants[1], name: 'Acme' }],
          description: reason,
        }),
      );
    }
  });
  await log.sequence();
}

/** Has the head signed. */
export async function sign(log: AuditDatabase, keys: SigningKeys): Promise<Checkpoint> {
  const made = await withSystem(log.sequencer, 'sequencer', (tx) =>
    makeCheckpoint(tx, keys, 'manual'),
  );
  if (!('checkpoint' in made)) throw new Error(made.why);
  return made.checkpoint;
}
