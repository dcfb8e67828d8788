import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';

/** What an audit entry is about: an opaque id, never an address or a name of a person. */
export interface AuditTarget {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
}

/** One event of the audit log, in the shape of the audit specification. */
export interface AuditEvent {
  /** Dotted, `<noun>.<past participle>`. */
  readonly action: string;
  readonly crud: 'c' | 'r' | 'u' | 'd';
  /** `user:<id>`, `service:<id>`, `system:<purpose>` or `anonymous`. */
  readonly actorId: string;
  readonly outcome?: 'success' | 'failure' | 'denied';
  readonly tenantId?: string | null;
  readonly partnerId?: string | null;
  readonly targets?: readonly AuditTarget[];
  readonly description?: string;
  /** Ids, codes and numbers only; never secrets or personal data. */
  readonly metadata?: Readonly<Record<string, string | number | boolean | null>>;
  readonly sourceIp?: string | null;
  readonly userAgent?: string | null;
  readonly component?: 'api' | 'worker' | 'cli';
}

/**
 * Appends an entry in the caller's transaction, so that a change and its entry stand or fall together.
 * The table is append-only for the application's database role.
 */
export async function append(tx: Tx, event: AuditEvent): Promise<string> {
  const id = newId();
  const context = requestContext();
  await tx.run(
    `insert into audit_entries
       (id, action, crud, outcome, tenant_id, partner_id, actor_type, actor_id, targets, description, metadata,
        source_ip, user_agent, component, request_id, client_request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
    [
      id,
      event.action,
      event.crud,
      event.outcome ?? 'success',
      event.tenantId ?? null,
      event.partnerId ?? null,
      event.actorId.split(':')[0] ?? 'anonymous',
      event.actorId,
      JSON.stringify(event.targets ?? []),
      event.description ?? null,
      JSON.stringify(event.metadata ?? {}),
      event.sourceIp ?? null,
      event.userAgent ?? null,
      event.component ?? 'api',
      context?.requestId ?? null,
      context?.clientRequestId ?? null,
    ],
  );
  return id;
}
