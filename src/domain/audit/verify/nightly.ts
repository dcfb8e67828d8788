import { withSystem } from '../../../platform/db';
import type { Database } from '../../../platform/db';
import type { ObjectStore } from '../../../platform/object-store';
import { append } from '../audit-entries';
import { verifyLog } from './verify-log';
import type { CheckArchive, Verdict } from './verify-log';

/** Who the nightly verification is in the log. */
export const nightlyVerifier = 'system:audit-verify';

/**
 * Verifies the whole log, against what was published and archived of it as well, and writes down what was found: the
 * entry is what alerts are raised by.
 */
export async function verifyNightly(
  {
    db,
    store,
    archive,
    trusted,
  }: {
    db: Database;
    store: ObjectStore | undefined;
    archive: CheckArchive | undefined;
    trusted: readonly string[];
  },
  signal?: AbortSignal,
): Promise<Pick<Verdict, 'ok' | 'verified' | 'break'>> {
  const verdict = await verifyLog(db, { store, archive, trusted, signal });
  await withSystem(db, 'audit', (tx) =>
    append(tx, {
      action: 'audit.verified',
      crud: 'r',
      outcome: verdict.ok ? 'success' : 'failure',
      actorId: nightlyVerifier,
      component: 'worker',
      metadata: {
        ok: verdict.ok,
        verified: verdict.verified,
        break: verdict.break?.kind ?? null,
        break_seq: verdict.break?.seq ?? null,
      },
    }),
  );
  return { ok: verdict.ok, verified: verdict.verified, break: verdict.break };
}
