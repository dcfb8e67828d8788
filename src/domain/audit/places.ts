import type { Tx } from '../../platform/db';

/** Where entries and their personal data lie: in the log, or beside it when they were fetched back from the archive. */
export interface Place {
  readonly entries: 'audit_log' | 'audit_restored';
  readonly personal: 'audit_pii' | 'audit_restored_pii';
}

/** The log itself. */
export const hot: Place = { entries: 'audit_log', personal: 'audit_pii' };

/** What was fetched back; no entry is in both. */
export const restored: Place = { entries: 'audit_restored', personal: 'audit_restored_pii' };

/** The places that entries may be found in at present. */
export async function placesNow(tx: Tx): Promise<readonly Place[]> {
  const { any } = await tx.one<{ any: boolean }>(
    `select exists (select 1 from audit_restores where state = 'restored') as any`,
  );
  return any ? [hot, restored] : [hot];
}
