import type { EntitlementStatus } from '../../contracts/catalogue';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { emitEvent } from './events';

/** What a tenant may use. */
export interface Entitlement {
  readonly tenantId: string;
  readonly product: string;
  /** As it is at this moment: one whose time is over is expired, whoever has moved the row. */
  readonly status: EntitlementStatus;
  readonly limits: Readonly<Record<string, number | boolean | string>>;
  readonly expiresAt: Date | null;
  readonly source: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns = `tenant_id as "tenantId", product,
  case when status <> 'expired' and expires_at <= now() then 'expired' else status end as status,
  limits, expires_at as "expiresAt", source, version, created_at as "createdAt", updated_at as "updatedAt"`;

/** What a tenant may use, newest first; what has expired is there as well. */
export async function listEntitlements(
  tx: Tx,
  tenantId: string,
  keyset: Keyset,
): Promise<Page<Entitlement>> {
  const rows = await tx.rows<Entitlement & { position_at: string; place: string }>(
    `select ${columns}, md5(product)::uuid as place, ${positionOf('created_at')} from entitlements
     where tenant_id = $4
       and ($1::timestamptz is null or (created_at, md5(product)::uuid) < ($1::timestamptz, $2::uuid))
     order by created_at desc, md5(product)::uuid desc limit $3`,
    [...keysetParams(keyset), tenantId],
  );
  return pageOf(rows, keyset, (row) => row.place);
}

/** An entitlement, locked until the transaction ends; the tenant is locked before, so that two do not create one. */
export function lockEntitlement(
  tx: Tx,
  tenantId: string,
  product: string,
): Promise<Entitlement | undefined> {
  return tx.maybe<Entitlement>(
    `select ${columns} from entitlements where tenant_id = $1 and product = $2 for no key update`,
    [tenantId, product],
  );
}

/** What an entitlement is to be. */
export interface WantedEntitlement {
  readonly tenantId: string;
  readonly product: string;
  readonly status: EntitlementStatus;
  readonly limits: Readonly<Record<string, number | boolean | string>>;
  /** RFC 3339; null for no end. */
  readonly expiresAt: string | null;
  readonly source: 'trial' | 'manual';
}

/** Who changes an entitlement. */
export interface EntitlementActor {
  readonly actorId: string;
  readonly source?: RequestSource;
  readonly component?: 'api' | 'worker';
}

/** Writes an entitlement, whose row is locked if it is there, with its audit entry and its event. */
export async function writeEntitlement(
  tx: Tx,
  wanted: WantedEntitlement,
  before: Entitlement | undefined,
  by: EntitlementActor,
): Promise<Entitlement> {
  const written = await tx.one<Entitlement>(
    `insert into entitlements (tenant_id, product, status, limits, expires_at, source) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, product) do update set status = excluded.status, limits = excluded.limits,
       expires_at = excluded.expires_at, source = excluded.source, version = entitlements.version + 1,
       updated_at = now()
     returning ${columns}`,
    [
      wanted.tenantId,
      wanted.product,
      wanted.status,
      JSON.stringify(wanted.limits),
      wanted.expiresAt,
      wanted.source,
    ],
  );
  await tell(tx, written, before, by);
  return written;
}

/** Ends a trial's entitlement whose time is over. */
export async function expireEntitlement(
  tx: Tx,
  before: Entitlement,
  by: EntitlementActor,
): Promise<void> {
  const written = await tx.one<Entitlement>(
    `update entitlements set status = 'expired', version = version + 1, updated_at = now()
     where tenant_id = $1 and product = $2 returning ${columns}`,
    [before.tenantId, before.product],
  );
  await tell(tx, written, before, by);
}

async function tell(
  tx: Tx,
  now: Entitlement,
  before: Entitlement | undefined,
  by: EntitlementActor,
): Promise<void> {
  const wasLive = before !== undefined && before.status !== 'expired';
  const isLive = now.status !== 'expired';
  const what = isLive ? (wasLive ? 'changed' : 'granted') : 'expired';
  await audit.append(tx, {
    action: `entitlement.${what}`,
    crud: before ? 'u' : 'c',
    actorId: by.actorId,
    tenantId: now.tenantId,
    targets: [{ type: 'product', id: now.product }],
    metadata: {
      status: now.status,
      source: now.source,
      expires_at: now.expiresAt?.toISOString() ?? null,
    },
    sourceIp: by.source?.ip ?? null,
    userAgent: by.source?.userAgent ?? null,
    component: by.component ?? 'api',
  });
  await emitEvent(tx, {
    type: `entitlement.${what}.v1`,
    tenantId: now.tenantId,
    data: {
      tenant_id: now.tenantId,
      product: now.product,
      status: now.status,
      expires_at: now.expiresAt?.toISOString() ?? null,
    },
  });
}
