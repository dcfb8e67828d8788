import { Connection, Client as TemporalClient, WorkflowNotFoundError } from '@temporalio/client';
import type { BackendObject } from '../workflows/backend-control';
import type { Scene } from './boundaries';
import type { Customer } from './customers';
import { refusedMail } from './injections';
import { until } from './probe';

/** What became of a customer, and what is wrong with it. */
export interface Outcome {
  readonly customer: Customer;
  readonly state: string;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

interface Row {
  readonly id: string;
  readonly state: string;
  readonly problem: string | null;
  readonly waiting_for: string | null;
  readonly last_outcome: string | null;
  readonly last_problem: string | null;
  readonly users: number;
  readonly memberships: number;
  readonly activations: number;
  readonly accepted: number;
  readonly tenant: string;
}

interface MailRow {
  readonly onboarding_id: string;
  readonly kind: string;
  readonly status: string;
  readonly message_id: string;
}

const rowsOf = `select o.id, o.state, o.problem, o.waiting_for, t.status as tenant,
    a.outcome as last_outcome, a.problem as last_problem,
    (select count(*)::int from users where email = i.email) as users,
    (select count(*)::int from memberships where tenant_id = o.tenant_id and withdrawn_at is null) as memberships,
    (select count(*)::int from onboarding_events where onboarding_id = o.id and type = 'activated') as activations,
    (select count(*)::int from audit_log where tenant_id = o.tenant_id and action = 'invite.accepted')
      + (select count(*)::int from audit_pending where tenant_id = o.tenant_id and action = 'invite.accepted') as accepted
  from onboardings as o
    join invites as i on i.id = o.invite_id
    join tenants as t on t.id = o.tenant_id
    left join lateral (select outcome, problem from step_attempts
      where onboarding_id = o.id and key = o.failed_step order by n desc limit 1) as a on true
  where o.id = any($1)`;

const isParked = (row: Row): boolean => row.state === 'failed' && row.waiting_for === 'order';

/** Longest time until everything has to be at rest: a mail of a lost worker alone is silent for half a minute. */
const restSeconds = 150;

/**
 * Waits until nothing moves any more: every customer active or parked, every mail decided, every wake-up delivered.
 * Returns what still moves after that, in words.
 */
export async function settle({ probe }: Scene, customers: readonly Customer[]): Promise<string[]> {
  let moving: string[] = [];
  const look = async (): Promise<boolean> => {
    const rows = await probe.rows<{ what: string }>(
      `select concat_ws(' ', 'onboarding', o.id, o.state, o.waiting_for, 'driven', o.driven_at::time(0), (
           select concat_ws(' ', key, status, 'doubt', in_doubt, 'next', next_attempt_at::time(0))
           from onboarding_steps where onboarding_id = o.id and status not in ('done', 'skipped')
           order by position limit 1)) as what
       from onboardings as o
       where o.id = any($1) and o.state <> 'active' and not (o.state = 'failed' and o.waiting_for = 'order')
       union all select concat_ws(' ', kind, 'mail', status, due_at::time(0), 'of', onboarding_id) from mails
       where onboarding_id = any($1) and status in ('due', 'sending')
       union all select concat_ws(' ', 'wake-up of', workflow_id, attempts, last_error) from outbox
       where delivered_at is null`,
      [customers.map(({ jobId }) => jobId)],
    );
    moving = rows.map(({ what }) => what);
    return moving.length === 0;
  };
  await until('Rest', look, restSeconds).catch(() => undefined);
  return moving;
}

/** The customers whose onboarding is parked. */
export async function parkedOf(
  { probe }: Scene,
  customers: readonly Customer[],
): Promise<Customer[]> {
  const rows = await probe.rows<Row>(rowsOf, [customers.map(({ jobId }) => jobId)]);
  const parked = new Set(rows.filter(isParked).map(({ id }) => id));
  return customers.filter(({ jobId }) => parked.has(jobId));
}

/** Judges every customer by the rows, the backend's objects, the mailbox and Temporal. */
export async function judge(scene: Scene, customers: readonly Customer[]): Promise<Outcome[]> {
  const { cluster, probe } = scene;
  const ids = customers.map(({ jobId }) => jobId);
  const rows = new Map((await probe.rows<Row>(rowsOf, [ids])).map((row) => [row.id, row]));
  const mails = await probe.rows<MailRow>(
    `select onboarding_id, kind, status, message_id from mails
     where onboarding_id = any($1) and owner = 'workflow'`,
    [ids],
  );
  const { spreadsheets } = await get<{ spreadsheets: BackendObject[] }>(
    `${cluster.backendUrl}/_test/objects`,
  );
  const objects = new Map(spreadsheets.map((object) => [object.spreadsheet_id, object]));
  const box = await get<{ message_id: string }[]>(`${cluster.mailboxUrl}/api/messages`);
  const runs = await runsOf(scene, customers);
  return customers.map((customer) => {
    const lost: string[] = [];
    const doubled: string[] = [];
    const row = rows.get(customer.jobId);
    if (!row) return { customer, state: 'missing', lost: ['the onboarding'], doubled };
    judgeRows(row, lost, doubled);
    judgeObject(row, objects.get(customer.spreadsheetId), lost, doubled);
    const own = mails.filter((mail) => mail.onboarding_id === customer.jobId);
    judgeMails(customer, row, own, box, lost, doubled);
    const run = runs.get(customer.inviteId);
    if (run !== undefined) lost.push(`its workflow is ${run}`);
    return { customer, state: row.state, lost, doubled };
  });
}

function judgeRows(row: Row, lost: string[], doubled: string[]): void {
  if (row.state !== 'active' && !isParked(row)) lost.push(`it rests as ${row.state}`);
  const explained =
    row.last_problem === row.problem ||
    (row.problem === 'outcome-unknown' && row.last_outcome === 'uncertain');
  if (isParked(row) && !explained) {
    lost.push(
      `it is parked for ${String(row.problem)}, its last attempt: ${String(row.last_problem)}`,
    );
  }
  for (const what of ['users', 'memberships', 'accepted'] as const) {
    if (row[what] < 1) lost.push(what);
    if (row[what] > 1) doubled.push(what);
  }
  if (row.activations > 1) doubled.push('activations');
  if (row.state === 'active' && row.tenant !== 'active') lost.push(`its tenant is ${row.tenant}`);
}

// A registration by itself and one along with the token: two in all. The smoke call is safe to repeat.
function judgeObject(
  row: Row,
  object: BackendObject | undefined,
  lost: string[],
  doubled: string[],
): void {
  const registered = object?.registered ?? 0;
  const added = object?.tokens.reduce((sum, token) => sum + token.added, 0) ?? 0;
  if (registered > 2) doubled.push(`registered ${String(registered)} times`);
  if (added > 1) doubled.push(`token added ${String(added)} times`);
  if (row.state !== 'active') return;
  if (registered < 2) lost.push(`registered ${String(registered)} times`);
  if (added < 1) lost.push('its token');
  if ((object?.updates ?? 0) < 1) lost.push('its first update');
}

function judgeMails(
  customer: Customer,
  row: Row,
  mails: readonly MailRow[],
  box: readonly { message_id: string }[],
  lost: string[],
  doubled: string[],
): void {
  for (const kind of ['invite', 'welcome']) {
    const decided = mails.filter((mail) => mail.kind === kind).length;
    if (decided > 1) doubled.push(`${kind} mails`);
    if (decided === 0 && (kind === 'invite' || row.state === 'active')) lost.push(`${kind} mail`);
  }
  for (const { kind, status, message_id: id } of mails) {
    const copies = box.filter((mail) => mail.message_id === id).length;
    if (copies > 2) doubled.push(`${kind} mail, ${String(copies)} copies`);
    if (status === 'sent' && copies === 0) lost.push(`${kind} mail, said to be sent`);
    if (status === 'due' || status === 'sending') lost.push(`${kind} mail, still ${status}`);
    if (status === 'bounced' && customer.story !== refusedMail) lost.push(`${kind} mail bounced`);
    if (status === 'dropped' && kind === 'welcome') lost.push('welcome mail dropped');
  }
}

/** Workflows that should have ended well by now and have not, by invite. */
async function runsOf({ cluster }: Scene, customers: readonly Customer[]) {
  const connection = await Connection.connect({ address: cluster.temporal.address });
  const client = new TemporalClient({ connection });
  const wrong = new Map<string, string>();
  try {
    const look = async ({ inviteId, jobId }: Customer): Promise<void> => {
      const handle = client.workflow.getHandle(`onboarding/${inviteId}`);
      const status = async () => (await handle.describe()).status.name;
      try {
        await until('The end of a workflow', async () => (await status()) !== 'RUNNING', 15).catch(
          () => undefined,
        );
        const ended = await status();
        if (ended !== 'COMPLETED') wrong.set(inviteId, `${ended} (${jobId})`);
      } catch (error) {
        // Gone with Temporal's database, after its rows had come to their end.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    };
    await Promise.all(customers.map(look));
  } finally {
    await connection.close();
  }
  return wrong;
}

/** What is wrong with the system itself: wake-ups that are stuck, slots and places in line that nobody gives back. */
export async function leftovers({ probe }: Scene): Promise<string[]> {
  const wrong: string[] = [];
  const look = async (what: string, sql: string): Promise<void> => {
    const none = async () => (await probe.rows(sql)).length === 0;
    await until(what, none, 30).catch(() => wrong.push(what));
  };
  await look('wake-ups that are stuck', 'select 1 from outbox where delivered_at is null');
  await look('slots that are lost', `select 1 from connector_slots where free_at > now()`);
  await look('places in line of nobody', 'select 1 from connector_line');
  await look(
    'attempts that nobody closed',
    `select 1 from step_attempts as a join onboardings as o on o.id = a.onboarding_id
     where a.ended_at is null and o.state = 'active'`,
  );
  return wrong;
}

async function get<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
