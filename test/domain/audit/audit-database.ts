import { Client } from 'pg';
import type { QueryResultRow } from 'pg';
import * as audit from '../../../src/domain/audit/audit-entries';
import type { AuditEvent } from '../../../src/domain/audit/audit-entries';
import { createSequencer } from '../../../src/domain/audit/sequencer';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database } from '../../../src/platform/db';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

/** An audit log on a database of its own, without anything else of Usher. */
export interface AuditDatabase {
  readonly database: TestDatabase;
  /** As usher_app. */
  readonly app: Database;
  /** As usher_sequencer. */
  readonly sequencer: Database;
  /** Anything at all, as superuser: what an intruder with the whole database could do. */
  sql<R extends QueryResultRow>(text: string, params?: readonly unknown[]): Promise<R[]>;
  append(event?: Partial<AuditEvent>): Promise<string>;
  /** Sequences until nothing is pending. */
  sequence(): Promise<number>;
  /** Ends all connections and keeps the database, to be copied. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

/** Opens one; an empty log unless a database is given. */
export async function openAuditDatabase(given?: TestDatabase): Promise<AuditDatabase> {
  const database = given ?? (await createTestDatabase());
  const app = createDatabase({ url: database.appUrl, applicationName: 'test-app', max: 20 });
  const sequencer = createDatabase({ url: database.sequencerUrl, applicationName: 'test-seq' });
  const superuser = new Client({ connectionString: database.superUrl });
  await superuser.connect();
  const disconnect = async (): Promise<void> => {
    await Promise.all([superuser.end(), app.close(), sequencer.close()]);
  };
  return {
    database,
    app,
    sequencer,
    sql: async <R extends QueryResultRow>(text: string, params: readonly unknown[] = []) =>
      (await superuser.query<R>(text, [...params])).rows,
    append: (event = {}) => withSystem(app, 'cli', (tx) => audit.append(tx, anEvent(event))),
    sequence: () => drain(sequencer),
    disconnect,
    async close() {
      await disconnect();
      await database.drop();
    },
  };
}

/** An event with defaults. */
export const anEvent = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  action: 'tenant.suspended',
  crud: 'u',
  actorId: 'system:test',
  ...over,
});

/** Sequences with a sequencer of its own until a round finds nothing. */
export async function drain(db: Database): Promise<number> {
  const sequencer = createSequencer(db);
  let total = 0;
  for (;;) {
    const count = await sequencer.round();
    if (count === 0) return total;
    total += count;
  }
}
