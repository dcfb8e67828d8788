import type { Tx } from '../../platform/db';
import type { GateCounts } from './gates.rules';
import { parkedHours } from './gates.rules';

// Waits for the customer are not ours to hurry, so the clock of a gate leaves them out.
const machineSeconds = `greatest(0, extract(epoch from activated_at - accepted_at) - customer_wait_ms / 1000.0)`;

/**
 * Counts what a gate judges: everything that was decided from a moment on, and what is parked for too long now.
 * @param from the beginning of the stage, at most 30 days ago
 */
export async function countFigures(tx: Tx, from: Date): Promise<GateCounts> {
  const provisioning = await tx.one<{
    active: number;
    rolledBack: number;
    parkedLong: number;
    withOrders: number;
    p95Seconds: number | null;
    p95WallSeconds: number | null;
  }>(
    `with decided as (
       select state, manual_orders, accepted_at, activated_at, customer_wait_ms from onboardings
       where kind = 'provision' and (
         (state = 'active' and activated_at >= $1)
         or (state = 'rolled_back' and ended_at >= $1)
         or (state = 'failed' and parked_at < now() - $2 * interval '1 hour'))
     )
     select count(*) filter (where state = 'active')::int as active,
       count(*) filter (where state = 'rolled_back')::int as "rolledBack",
       count(*) filter (where state = 'failed')::int as "parkedLong",
       count(*) filter (where manual_orders > 0 or state <> 'active')::int as "withOrders",
       (percentile_cont(0.95) within group (order by ${machineSeconds})
         filter (where state = 'active'))::float8 as "p95Seconds",
       (percentile_cont(0.95) within group (order by extract(epoch from activated_at - accepted_at))
         filter (where state = 'active'))::float8 as "p95WallSeconds"
     from decided`,
    [from, parkedHours],
  );
  // An invite that an operator withdrew says nothing about the person invited.
  const invites = await tx.one<{ accepted: number; notAccepted: number }>(
    `select
       count(*) filter (where i.status = 'accepted' and i.accepted_at >= $1)::int as accepted,
       count(*) filter (where (i.status = 'declined' and o.ended_at >= $1)
         or (i.status in ('expired', 'invited') and not i.held and i.expires_at between $1 and now()))::int
         as "notAccepted"
     from invites as i join onboardings as o on o.invite_id = i.id`,
    [from],
  );
  const incidents = await tx.one<{ openCriticalIncidents: number }>(
    `select count(*)::int as "openCriticalIncidents" from incidents
     where severity = 'critical' and closed_at is null`,
  );
  return { ...provisioning, ...invites, ...incidents };
}
