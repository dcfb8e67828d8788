import type { auditHoldEndpoints } from '../../src/contracts/audit-holds';
import { liftHold, listHolds, placeHold } from '../../src/domain/archive/legal-holds';
import type { LegalHold } from '../../src/domain/archive/legal-holds';
import * as audit from '../../src/domain/audit/audit-entries';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';

/** Legal holds: rows that erasure and drop look at. */
export function createAuditHoldRoutes({
  db,
}: {
  readonly db: Database;
}): Handlers<typeof auditHoldEndpoints> {
  return {
    async listLegalHolds({ caller, query: { all, cursor, limit } }) {
      const rows = await withOperator(
        db,
        caller.actorId,
        (tx) => listHolds(tx, { all, before: cursor, limit: limit + 1 }),
        { readOnly: true },
      );
      const items = rows.slice(0, limit).map(toHold);
      const next = rows.length > limit ? (items.at(-1)?.id ?? null) : null;
      return { status: 200, body: { items, next_cursor: next } } as const;
    },

    placeLegalHold(call) {
      const { body, caller } = call;
      const { actorId } = caller;
      return withOperator(db, actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const { tenant_id: tenantId = null, subject = null, reason } = body;
          const hold = await placeHold(tx, { tenantId, subject, reason, placedBy: actorId });
          await audit.append(tx, {
            ...told(call, hold, reason),
            action: 'audit.hold_placed',
            crud: 'c',
          });
          return { status: 201, body: toHold(hold) } as const;
        }),
      );
    },

    liftLegalHold(call) {
      const { actorId } = call.caller;
      return withOperator(db, actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const { hold, changed } = await liftHold(tx, call.params.id, actorId);
          if (changed) {
            const entry = told(call, hold, call.body.reason);
            await audit.append(tx, { ...entry, action: 'audit.hold_lifted', crud: 'u' });
          }
          return { status: 200, body: toHold(hold) } as const;
        }),
      );
    },
  };
}

type HoldCall = Parameters<
  Handlers<typeof auditHoldEndpoints>['placeLegalHold' | 'liftLegalHold']
>[0];

function told(call: HoldCall, hold: LegalHold, reason: string) {
  const { ip, userAgent } = requestSource(call);
  return {
    actorId: call.caller.actorId,
    tenantId: hold.tenantId,
    targets: [{ type: 'legal_hold', id: hold.id }],
    description: reason,
    metadata: { subject: hold.subject },
    sourceIp: ip,
    userAgent,
  };
}

const toHold = (hold: LegalHold) => ({
  id: hold.id,
  tenant_id: hold.tenantId,
  subject: hold.subject,
  reason: hold.reason,
  placed_by: hold.placedBy,
  placed_at: hold.placedAt.toISOString(),
  lifted_by: hold.liftedBy,
  lifted_at: hold.liftedAt?.toISOString() ?? null,
});
