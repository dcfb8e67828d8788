import { WorkflowNotFoundError } from '@temporalio/client';
import type { BackendObject } from '../workflows/backend-control';
import type { Customer } from './customers';
import type { GatedCall } from './gate';
import { until } from './probe';
import type { Scene } from './scene';
import { withTemporal } from './temporal';

/** What the database says of an onboarding. */
export interface OnboardingRow {
  readonly id: string;
  readonly state: string;
  readonly problem: string | null;
  readonly waiting_for: string | null;
  /** Mails that tell the operators of this step and this problem. */
  readonly told: number;
  readonly tenant: string;
  /** Invites of this address. */
  readonly invites: number;
  readonly users: number;
  readonly memberships: number;
  /** Audit entries and domain events by their name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Orders that nobody has applied. */
  readonly queued: number;
  /** Sealed values that should be erased by now. */
  readonly sealed: number;
}

/** A mail of an onboarding. */
export interface MailRow {
  readonly kind: string;
  readonly status: string;
  /** How often the mail server has it. */
  readonly copies: number;
}

/** An attempt of the step at which an onboarding is parked, newest first. */
export interface AttemptRow {
  readonly outcome: string | null;
  readonly problem: string | null;
}

/** Everything that is known of a customer once they have come to rest. */
export interface Evidence {
  readonly customer: Customer;
  /** Undefined when there is no such onboarding. */
  readonly row: OnboardingRow | undefined;
  readonly attempts: readonly AttemptRow[];
  readonly mails: readonly MailRow[];
  /** Of the backend; undefined when it has never heard of them. */
  readonly object: BackendObject | undefined;
  /** What went to the backend, look-ups aside. */
  readonly calls: readonly GatedCall[];
  /** Status of the newest run of a workflow that should have ended; `GONE` when Temporal knows none (any more). */
  readonly run: string | undefined;
}

const onboardingsSql = `select o.id, o.state, o.problem, o.waiting_for, t.status as tenant,
    (select count(*)::int from mails where kind = 'operator-parked'
       and data->>'step' = o.failed_step and data->>'problem' = o.problem) as told,
    (select count(*)::int from invites where email = i.email) as invites,
    (select count(*)::int from users where email = i.email) as users,
    (select count(*)::int from memberships where tenant_id = o.tenant_id and withdrawn_at is null) as memberships,
    (select coalesce(jsonb_object_agg(name, n), '{}') from (
       select action as name, count(*)::int as n from (
         select action, tenant_id from audit_log union all select action, tenant_id from audit_pending) as entries
         where tenant_id = o.tenant_id group by 1
       union all select type, count(*)::int from events where tenant_id = o.tenant_id group by 1) as told) as counts,
    (select count(*)::int from orders where onboarding_id = o.id and status = 'queued') as queued,
    (select count(*)::int from secrets as s join mails as m on s.owner_table = 'mails' and s.owner_id = m.id
     where m.onboarding_id = o.id and m.status not in ('due', 'sending')) as sealed
  from onboardings as o
    join invites as i on i.id = o.invite_id
    join tenants as t on t.id = o.tenant_id
  where o.id = any($1)`;

const attemptsSql = `select a.onboarding_id, a.outcome, a.problem
  from step_attempts as a join onboardings as o on o.id = a.onboarding_id and o.failed_step = a.key
  where o.id = any($1) and o.state = 'failed' order by a.n desc`;

/** Gathers what database, mailbox, backend, gate and Temporal know of customers. */
export async function gather(
  scene: Scene,
  customers: readonly Customer[],
  { runs: withRuns = true } = {},
): Promise<Evidence[]> {
  const { cluster, probe, gate } = scene;
  const ids = [customers.map(({ jobId }) => jobId)];
  const rows = await probe.rows<OnboardingRow>(onboardingsSql, ids);
  const attempts = await probe.rows<AttemptRow & { onboarding_id: string }>(attemptsSql, ids);
  const mails = await probe.rows<MailRow & { onboarding_id: string; message_id: string }>(
    'select onboarding_id, kind, status, message_id from mails where onboarding_id = any($1)',
    ids,
  );
  const box = await get<{ message_id: string }[]>(`${cluster.mailboxUrl}/api/messages`);
  const copies = new Map<string, number>();
  for (const { message_id: id } of box) copies.set(id, (copies.get(id) ?? 0) + 1);
  const { spreadsheets } = await get<{ spreadsheets: BackendObject[] }>(
    `${cluster.backendUrl}/_test/objects`,
  );
  const runs = withRuns ? await runsOf(scene, rows, customers) : new Map<string, string>();
  return customers.map((customer) => ({
    customer,
    row: rows.find(({ id }) => id === customer.jobId),
    attempts: attempts.filter(({ onboarding_id: id }) => id === customer.jobId),
    mails: mails
      .filter(({ onboarding_id: id }) => id === customer.jobId)
      .map((mail) => ({ ...mail, copies: copies.get(mail.message_id) ?? 0 })),
    object: spreadsheets.find(({ spreadsheet_id: id }) => id === customer.spreadsheetId),
    calls: gate.calls.filter(({ onboardingId }) => onboardingId === customer.jobId),
    run: runs.get(customer.inviteId),
  }));
}

/** The status of workflows; one whose rows are at their end gets a moment to come to its own. */
async function runsOf(
  scene: Scene,
  rows: readonly OnboardingRow[],
  customers: readonly Customer[],
) {
  const ended = new Set(rows.filter(({ state }) => state !== 'failed').map(({ id }) => id));
  const runs = new Map<string, string>();
  const isOpen = ({ inviteId, jobId }: Customer): boolean =>
    ended.has(jobId) && [undefined, 'RUNNING'].includes(runs.get(inviteId));
  await withTemporal(scene, async (client) => {
    const look = async ({ inviteId }: Customer): Promise<void> => {
      try {
        const { status } = await client.workflow.getHandle(`onboarding/${inviteId}`).describe();
        runs.set(inviteId, status.name);
      } catch (error) {
        // Gone with Temporal's database, after its rows had come to their end.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        runs.set(inviteId, 'GONE');
      }
    };
    const allEnded = async (): Promise<boolean> => {
      await Promise.all(customers.filter(isOpen).map(look));
      return !customers.some(isOpen);
    };
    await until('The end of the workflows', allEnded, { seconds: 15, everyMs: 250 }).catch(
      () => undefined,
    );
  });
  return runs;
}

async function get<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
