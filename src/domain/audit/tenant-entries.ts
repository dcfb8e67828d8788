import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import type { AuditTarget } from './audit-entries';

/** An audit entry of a tenant, as those who look after it read it. */
export interface TenantEntry {
  readonly id: string;
  readonly action: string;
  readonly crud: string;
  readonly outcome: string;
  readonly actorId: string;
  readonly targets: readonly AuditTarget[];
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
  readonly at: Date;
}

/** What the audit log says of a tenant, newest first. */
export async function listTenantEntries(
  tx: Tx,
  tenantId: string,
  keyset: Keyset,
): Promise<Page<TenantEntry>> {
  const rows = await tx.rows<TenantEntry & { position_at: string }>(
    `select id, action, crud, outcome, actor_id as "actorId", targets, description, metadata,
       request_id as "requestId", at, ${positionOf('at')}
     from audit_entries
     where tenant_id = $4 and ($1::timestamptz is null or (at, id) < ($1::timestamptz, $2::uuid))
     order by at desc, id desc limit $3`,
    [...keysetParams(keyset), tenantId],
  );
  return pageOf(rows, keyset, (row) => row.id);
}
