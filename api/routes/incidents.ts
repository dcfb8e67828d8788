import type { rolloutEndpoints } from '../../src/contracts/rollout';
import { closeIncident, listIncidents, openIncident } from '../../src/domain/onboarding/incidents';
import type { Incident } from '../../src/domain/onboarding/incidents';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';

/** What the incident routes use. */
export interface IncidentRouteDeps {
  readonly db: Database;
  readonly cursors: Cursors;
}

/** Incidents: an open critical one fails the roll-out gate. */
export function createIncidentRoutes({
  db,
  cursors,
}: IncidentRouteDeps): Pick<
  Handlers<typeof rolloutEndpoints>,
  'listIncidents' | 'openIncident' | 'closeIncident'
> {
  return {
    async listIncidents({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const keyset = cursors.open('incidents', filter, { limit, cursor });
      const page = await withOperator(
        db,
        caller.actorId,
        (tx) => listIncidents(tx, filter, keyset),
        { readOnly: true },
      );
      return { status: 200, body: cursors.answer('incidents', filter, page, toIncident) };
    },

    async openIncident({ caller, body, idempotency, ip, userAgent }) {
      return withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const incident = await openIncident(tx, {
            title: body.title,
            severity: body.severity,
            note: body.note ?? null,
            actorId: caller.actorId,
            source: { ip, userAgent },
          });
          return { status: 201 as const, body: toIncident(incident) };
        }),
      );
    },

    async closeIncident({ caller, params, body, ip, userAgent }) {
      const incident = await withOperator(db, caller.actorId, (tx) =>
        closeIncident(tx, params.id, {
          note: body.note ?? null,
          actorId: caller.actorId,
          source: { ip, userAgent },
        }),
      );
      return { status: 200, body: toIncident(incident) };
    },
  };
}

function toIncident(incident: Incident) {
  return {
    id: incident.id,
    title: incident.title,
    severity: incident.severity,
    opened_by: incident.openedBy,
    opened_at: incident.openedAt.toISOString(),
    closed_by: incident.closedBy,
    closed_at: incident.closedAt?.toISOString() ?? null,
    note: incident.note,
  };
}
