import type { auditErasureEndpoints } from '../../src/contracts/audit-erasures';
import { eraseSubject, listErasures } from '../../src/domain/audit/erasures';
import type { ErasureRecord } from '../../src/domain/audit/erasures';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';

const mostListed = 500;

/** Erasing people from the audit log. */
export function createAuditErasureRoutes({
  db,
}: {
  readonly db: Database;
}): Handlers<typeof auditErasureEndpoints> {
  return {
    eraseFromAudit(call) {
      const { body, caller, idempotency } = call;
      return withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const { actorId } = caller;
          const erased = await eraseSubject(tx, { ...body, actorId, source: requestSource(call) });
          return { status: 201, body: toErasure(erased) } as const;
        }),
      );
    },

    async listAuditErasures({ caller }) {
      const found = await withOperator(db, caller.actorId, (tx) => listErasures(tx, mostListed), {
        readOnly: true,
      });
      return { status: 200, body: { items: found.map(toErasure) } };
    },
  };
}

const toErasure = ({ id, subject, at, parts, tombstoneAt }: ErasureRecord) => ({
  id,
  subject,
  at: at.toISOString(),
  parts,
  state: tombstoneAt === null ? ('erased' as const) : ('done' as const),
  tombstone_at: tombstoneAt?.toISOString() ?? null,
});
