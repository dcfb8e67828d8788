import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { emitEvent } from '../tenants/events';
import type { ApiKey } from './api-keys';

/** Where something was ordered that no request brought. */
export const nowhere: RequestSource = { ip: null, userAgent: null };

/** Events of keys that readers of GET /v1/events see. */
export type KeyEvent =
  | 'cabinet.apikey.created.v1'
  | 'cabinet.apikey.revoked.v1'
  | 'cabinet.apikey.rotated.v1'
  | 'cabinet.apikey.renamed.v1'
  | 'cabinet.apikey.deleted.v1'
  | 'apikey.blocked.v1'
  | 'apikey.unblocked.v1'
  | 'apikey.expired.v1'
  | 'apikey.leaked.v1'
  | 'apikey.imported.v1';

type Values = Readonly<Record<string, string | number | boolean | null>>;

/** Writes the event of a key in the caller's transaction; ids and codes only. */
export function emitKeyEvent(
  tx: Tx,
  type: KeyEvent,
  key: Pick<ApiKey, 'id' | 'tenantId'>,
  data: Values = {},
): Promise<void> {
  return emitEvent(tx, { type, tenantId: key.tenantId, data: { key_id: key.id, ...data } });
}

/** Writes the audit entry of what was done to a key. */
export async function auditKey(
  tx: Tx,
  action: Extract<audit.OwnAction, `apikey.${string}`>,
  key: Pick<ApiKey, 'id' | 'tenantId' | 'name' | 'prefix'>,
  by: {
    readonly actorId: string;
    readonly source?: RequestSource;
    readonly outcome?: 'success' | 'failure' | 'denied';
    readonly crud?: 'c' | 'r' | 'u' | 'd';
    readonly reason?: string | null;
    readonly metadata?: Values;
  },
): Promise<void> {
  const { source = nowhere } = by;
  await audit.append(tx, {
    action,
    crud: by.crud ?? 'u',
    outcome: by.outcome ?? 'success',
    actorId: by.actorId,
    tenantId: key.tenantId,
    targets: [{ type: 'api_key', id: key.id, name: key.name }],
    metadata: { prefix: key.prefix, ...by.metadata },
    ...(by.reason ? { description: by.reason } : {}),
    sourceIp: source.ip,
    userAgent: source.userAgent,
    component: componentOf(by.actorId),
  });
}

function componentOf(actorId: string): 'api' | 'worker' | 'cli' {
  if (actorId === 'system:cli') return 'cli';
  return actorId.startsWith('system:') ? 'worker' : 'api';
}
