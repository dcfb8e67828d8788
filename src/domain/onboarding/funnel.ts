import type { Tx } from '../../platform/db';
import { getPartner } from '../tenants/partners';
import { drawFunnel } from './funnel.rules';
import type { FunnelRow, Station } from './funnel.rules';

/** Which invites a funnel follows. */
export interface FunnelFilter {
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** Id or slug. */
  readonly partner?: string | undefined;
  readonly plan?: string | undefined;
}

/** A share of a sample; null without one. */
export interface Share {
  readonly value: number | null;
  readonly sample: number;
}

/** Median and 95th percentile in seconds; null without a sample. */
export interface Duration {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly sample: number;
}

/** How far the invited came, and the business figures of the same invites. */
export interface FunnelView {
  readonly createdAfter: Date;
  readonly createdBefore: Date;
  readonly stations: readonly Station[];
  readonly endings: Readonly<Record<string, number>>;
  readonly members: number;
  readonly held: number;
  readonly acceptanceRate: Share;
  readonly withoutManualIntervention: Share;
  readonly timeToFirstUpdate: Duration;
  readonly timeToActive: Duration;
  readonly timeToActiveWall: Duration;
}

const defaultDays = 90;

// The stations that an onboarding has passed are in its events; state and stood_at say where it stands.
const cohort = `
  cohort as materialized (
    select o.id, o.kind, o.waiting_for, o.manual_orders, o.accepted_at, o.activated_at, o.first_update_at,
      o.customer_wait_ms, o.stood_at, i.held, i.status as invite_status,
      case when o.state = 'invited' and not i.held and i.expires_at <= now() then 'expired' else o.state end as state
    from invites as i
      join onboardings as o on o.invite_id = i.id
      join tenants as t on t.id = i.tenant_id
    where i.created_at >= $1 and i.created_at < $2
      and ($3::uuid is null or t.partner_id = $3)
      and ($4::text is null or t.plan = $4)
  )`;

/**
 * Follows the invites of a time span (default: the last 90 days) to where their onboardings are now.
 * @throws DomainError `partner-not-found`
 */
export async function readFunnel(tx: Tx, filter: FunnelFilter): Promise<FunnelView> {
  const partner = filter.partner === undefined ? undefined : await getPartner(tx, filter.partner);
  const span = await tx.one<{ after: Date; before: Date }>(
    `select coalesce($1::timestamptz, now() - interval '${defaultDays} days') as after,
       coalesce($2::timestamptz, now()) as before`,
    [filter.createdAfter ?? null, filter.createdBefore ?? null],
  );
  // What is created in this very moment belongs in when no end is given.
  const end = filter.createdBefore ?? 'infinity';
  const params = [filter.createdAfter ?? span.after, end, partner?.id ?? null, filter.plan ?? null];

  const rows = await tx.rows<FunnelRow>(
    `with ${cohort}, passed as (
       select e.onboarding_id, array_agg(distinct e.to_state) as states from onboarding_events as e
         join cohort on cohort.id = e.onboarding_id
       where cohort.state in ('rolled_back', 'cancelled', 'failed') and e.to_state is not null
       group by e.onboarding_id
     )
     select state, stood_at as "stoodAt", coalesce(passed.states, '{}') as passed,
       waiting_for as "waitingFor", (accepted_at is not null) as accepted, count(*)::int as count
     from cohort left join passed on passed.onboarding_id = cohort.id
     where not held and kind is distinct from 'member'
     group by 1, 2, 3, 4, 5`,
    params,
  );
  const business = await tx.one<BusinessRow>(
    `with ${cohort}, provisioned as (
       select kind, state, manual_orders, extract(epoch from first_update_at - accepted_at) as first_update,
         extract(epoch from activated_at - accepted_at) as wall,
         greatest(0, extract(epoch from activated_at - accepted_at) - customer_wait_ms / 1000.0) as machine
       from cohort where kind = 'provision'
     )
     select
       (select count(*)::int from cohort where kind = 'member') as members,
       (select count(*)::int from cohort where held and invite_status = 'invited') as held,
       (select count(*)::int from cohort where accepted_at is not null) as accepted,
       (select count(*)::int from cohort where state in ('declined', 'expired')) as "notAccepted",
       count(*) filter (where state in ('active', 'rolled_back', 'failed'))::int as "ended",
       count(*) filter (where state = 'active' and manual_orders = 0)::int as "alone",
       count(first_update)::int as "updates",
       (percentile_cont(0.5) within group (order by first_update))::float8 as "updateP50",
       (percentile_cont(0.95) within group (order by first_update))::float8 as "updateP95",
       count(wall)::int as "activated",
       (percentile_cont(0.5) within group (order by machine) filter (where wall is not null))::float8 as "machineP50",
       (percentile_cont(0.95) within group (order by machine) filter (where wall is not null))::float8 as "machineP95",
       (percentile_cont(0.5) within group (order by wall))::float8 as "wallP50",
       (percentile_cont(0.95) within group (order by wall))::float8 as "wallP95"
     from provisioned`,
    params,
  );
  return {
    createdAfter: span.after,
    createdBefore: span.before,
    ...drawFunnel(rows),
    ...figures(business),
  };
}

interface BusinessRow {
  readonly members: number;
  readonly held: number;
  readonly accepted: number;
  readonly notAccepted: number;
  readonly ended: number;
  readonly alone: number;
  readonly updates: number;
  readonly updateP50: number | null;
  readonly updateP95: number | null;
  readonly activated: number;
  readonly machineP50: number | null;
  readonly machineP95: number | null;
  readonly wallP50: number | null;
  readonly wallP95: number | null;
}

const share = (hits: number, sample: number): Share => ({
  value: sample > 0 ? hits / sample : null,
  sample,
});

function figures(row: BusinessRow) {
  return {
    members: row.members,
    held: row.held,
    acceptanceRate: share(row.accepted, row.accepted + row.notAccepted),
    withoutManualIntervention: share(row.alone, row.ended),
    timeToFirstUpdate: { p50: row.updateP50, p95: row.updateP95, sample: row.updates },
    timeToActive: { p50: row.machineP50, p95: row.machineP95, sample: row.activated },
    timeToActiveWall: { p50: row.wallP50, p95: row.wallP95, sample: row.activated },
  };
}
