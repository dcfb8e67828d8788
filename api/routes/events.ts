import type { eventEndpoints } from '../../src/contracts/events';
import { firstPosition, listEvents } from '../../src/domain/tenants/events';
import type { EventPosition } from '../../src/domain/tenants/events';
import { DomainError } from '../../src/errors/problems';
import type { NamedKey } from '../../src/platform/config-values';
import { signValue, verifyValue } from '../../src/platform/crypto/tokens';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';

/** What the route of events uses; the first key signs cursors, all of them are accepted. */
export interface EventRouteDeps {
  readonly db: Database;
  readonly formKeys: readonly NamedKey[];
}

const purpose = 'events';

/** Events for readers that poll. */
export function createEventRoutes({
  db,
  formKeys: keys,
}: EventRouteDeps): Handlers<typeof eventEndpoints> {
  return {
    async listEvents({ caller, query }) {
      const after = query.after === undefined ? firstPosition : positionOf(keys, query.after);
      const events = await withOperator(
        db,
        caller.actorId,
        (tx) => listEvents(tx, after, query.limit),
        { readOnly: true },
      );
      const items = events.map((event) => ({
        id: event.id,
        type: event.type,
        tenant_id: event.tenantId,
        data: event.data,
        request_id: event.requestId,
        at: event.at.toISOString(),
      }));
      return { status: 200, body: { items, next_cursor: sealed(keys, events.at(-1) ?? after) } };
    },
  };
}

function sealed([active]: readonly NamedKey[], { xid, seq }: EventPosition): string {
  if (!active) throw new Error('Cursors need a key');
  return signValue(active.key, purpose, [xid, seq]);
}

/** @throws DomainError `cursor-invalid` */
function positionOf(keys: readonly NamedKey[], cursor: string): EventPosition {
  for (const { key } of keys) {
    const value = verifyValue(key, purpose, cursor);
    const [xid, seq] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof xid === 'string' && /^\d{1,20}$/.test(xid) && typeof seq === 'number') {
      return { xid, seq };
    }
  }
  throw new DomainError('cursor-invalid');
}
