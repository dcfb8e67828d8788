import type { OnboardingKind, OnboardingState } from '../../contracts/onboardings';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { isUuid } from '../../platform/ids';

/** An onboarding as lists show it. */
export interface Job {
  readonly id: string;
  readonly inviteId: string;
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly tenantName: string;
  readonly email: string;
  readonly kind: OnboardingKind | null;
  /** `expired` is true here from the moment the invite's time is over, not from when the workflow noticed. */
  readonly state: OnboardingState;
  /** Key of the step it is at; null before accept and once nothing is left to do. */
  readonly step: string | null;
  readonly failedStep: string | null;
  readonly problem: string | null;
  readonly waitingFor: 'customer' | 'order' | null;
  readonly waitingSince: Date | null;
  readonly parkedAt: Date | null;
  readonly drivenAt: Date | null;
  readonly held: boolean;
  readonly createdAt: Date;
  readonly acceptedAt: Date | null;
  readonly activatedAt: Date | null;
  readonly endedAt: Date | null;
  readonly updatedAt: Date;
}

/** Which onboardings a list shows; every given filter must hold. */
export interface JobFilter {
  readonly state?: OnboardingState | undefined;
  readonly failed_step?: string | undefined;
  readonly problem?: string | undefined;
  readonly parked_before?: string | undefined;
  readonly created_before?: string | undefined;
  readonly created_after?: string | undefined;
  /** Part of the address. */
  readonly email?: string | undefined;
  /** Part of the slug. */
  readonly slug?: string | undefined;
  readonly request_id?: string | undefined;
  /** Part of an address, slug or tenant name, or an id or request id. */
  readonly q?: string | undefined;
}

/** SQL of an onboarding's state as it is true now: an invite ends at its time, whoever has noticed. */
export const stateNow = `case when o.state = 'invited' and not i.held and i.expires_at <= now() then 'expired'
  else o.state end`;

/** Columns of `Job`; the query names onboardings `o`, invites `i` and tenants `t`. */
export const jobColumns = `o.id, o.invite_id as "inviteId", o.tenant_id as "tenantId", t.slug as "tenantSlug",
  t.name as "tenantName", i.email::text as email, o.kind, ${stateNow} as state,
  case when o.state = 'failed' then o.failed_step
    when o.accepted_at is not null and o.state not in ('active', 'rolled_back', 'cancelled') then
      (select s.key from onboarding_steps as s where s.onboarding_id = o.id and s.status in ('pending', 'parked')
       order by s.position limit 1) end as step,
  o.failed_step as "failedStep", o.problem, o.waiting_for as "waitingFor", o.waiting_since as "waitingSince",
  o.parked_at as "parkedAt", o.driven_at as "drivenAt", i.held, o.created_at as "createdAt",
  o.accepted_at as "acceptedAt", o.activated_at as "activatedAt", o.ended_at as "endedAt",
  o.updated_at as "updatedAt"`;

/** The tables of `jobColumns`. */
export const jobTables = `onboardings as o
  join invites as i on i.id = o.invite_id
  join tenants as t on t.id = o.tenant_id`;

/**
 * SQL of the onboardings `o` that provision a tenant, given as a parameter such as `$1`. An invite that nobody has
 * accepted yet is one only while no provisioning runs or succeeded: its accept would add a member.
 */
export const provisioningOf = (
  tenant: string,
): string => `o.tenant_id = ${tenant} and (o.kind = 'provision'
  or (o.kind is null and not exists (select 1 from onboardings as p
    where p.tenant_id = ${tenant} and p.kind = 'provision' and p.state not in ('rolled_back', 'cancelled'))))`;

const likePart = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`;

// Whatever a request id touched: the onboarding itself, its events, attempts and orders.
const touchedBy = (n: string): string => `(o.request_id = ${n} or o.id in (
  select onboarding_id from onboarding_events where request_id = ${n}
  union all select onboarding_id from step_attempts where request_id = ${n}
  union all select onboarding_id from orders where id::text = ${n} or client_request_id = ${n}))`;

type Condition = (value: string, add: (param: unknown) => string) => string;

// Times go in as dates: Postgres knows no year 0 and no offset of a whole day.
const conditions: Readonly<Record<keyof JobFilter, Condition>> = {
  state: (value, add) => `${stateNow} = ${add(value)}`,
  failed_step: (value, add) => `o.failed_step = ${add(value)}`,
  problem: (value, add) => `o.problem = ${add(value)}`,
  parked_before: (value, add) => `(o.state = 'failed' and o.parked_at < ${add(new Date(value))})`,
  created_before: (value, add) => `o.created_at < ${add(new Date(value))}`,
  created_after: (value, add) => `o.created_at > ${add(new Date(value))}`,
  email: (value, add) => `i.email::text ilike ${add(likePart(value))}`,
  slug: (value, add) => `t.slug ilike ${add(likePart(value))}`,
  request_id: (value, add) => touchedBy(add(value)),
  q: (value, add) => {
    const text = value.trim();
    if (isUuid(text)) {
      const n = add(text.toLowerCase());
      return `(${n}::uuid in (o.id, o.invite_id, o.tenant_id) or ${touchedBy(`${n}::text`)})`;
    }
    const part = add(likePart(text));
    return `(i.email::text ilike ${part} or t.slug ilike ${part} or t.name ilike ${part}
      or ${touchedBy(add(text))})`;
  },
};

/** Onboardings, newest first. */
export async function listJobs(tx: Tx, filter: JobFilter, keyset: Keyset): Promise<Page<Job>> {
  const params: unknown[] = keysetParams(keyset);
  const add = (param: unknown): string => `$${String(params.push(param))}`;
  const where = (Object.keys(conditions) as (keyof JobFilter)[]).flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [`and ${conditions[name](value, add)}`];
  });
  const rows = await tx.rows<Job & { position_at: string }>(
    `select ${jobColumns}, ${positionOf('o.created_at')}
     from ${jobTables}
     where ($1::timestamptz is null or (o.created_at, o.id) < ($1::timestamptz, $2::uuid))
       ${where.join(' ')}
     order by o.created_at desc, o.id desc limit $3`,
    params,
  );
  return pageOf(rows, keyset, (row) => row.id);
}
