import { Context } from '@temporalio/activity';
import { archiveCheck } from '../src/domain/archive/verify-archive';
import { verifyNightly } from '../src/domain/audit/verify/nightly';
import type { Database } from '../src/platform/db';
import type { ObjectStore } from '../src/platform/object-store';
import { beating } from './heartbeat';

/** What verifying the audit log uses. */
export interface AuditActivityDeps {
  readonly db: Database;
  /** Where checkpoints are published and the archive lies; undefined for nowhere. */
  readonly auditStore: ObjectStore | undefined;
  /** Verifier keys that are believed; without any, the first stored one is. */
  readonly auditTrusted: readonly string[];
}

/** What looks after the audit log. */
export function createAuditActivities(deps: AuditActivityDeps) {
  const { db, auditStore: store, auditTrusted: trusted } = deps;
  const whole = { db, store, trusted, archive: store && archiveCheck(store) };
  return {
    /** Verifies the whole log and writes down what was found. */
    verifyAuditLog: () => beating(() => verifyNightly(whole, Context.current().cancellationSignal)),
  };
}
