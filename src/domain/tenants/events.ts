import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';

/** Writes a domain event in the caller's transaction, for readers that poll; ids and codes only. */
export async function emitEvent(
  tx: Tx,
  event: {
    readonly type: string;
    readonly tenantId: string | null;
    readonly data: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  await tx.run(
    'insert into events (id, type, tenant_id, data, request_id) values ($1, $2, $3, $4, $5)',
    [
      newId(),
      event.type,
      event.tenantId,
      JSON.stringify(event.data),
      requestContext()?.requestId ?? null,
    ],
  );
}
