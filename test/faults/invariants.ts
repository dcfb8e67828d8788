import type { Customer } from './customers';
import type { Evidence, MailRow, OnboardingRow } from './evidence';
import type { GatedCall } from './gate';

/** What became of a customer, and what is wrong with it. */
export interface Outcome {
  readonly customer: Customer;
  readonly state: string;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

/** Where findings go. */
interface Findings {
  readonly lost: string[];
  readonly doubled: string[];
}

/** Whether an onboarding waits for a person. */
export function isParked(row: Pick<OnboardingRow, 'state' | 'waiting_for'>): boolean {
  return row.state === 'failed' && row.waiting_for === 'order';
}

/** Judges a customer who has come to the end: nothing may be missing, and nothing be there twice. */
export function judge(evidence: Evidence): Outcome {
  const { customer, row } = evidence;
  if (!row) return { customer, state: 'missing', lost: ['the onboarding'], doubled: [] };
  const findings: Findings = { lost: [], doubled: [] };
  judgeRows(evidence, row, findings);
  judgeObject(evidence, findings);
  judgeKeys(evidence.calls, findings);
  judgeMails(evidence, findings);
  return { customer, state: row.state, ...findings };
}

/**
 * What is wrong with an onboarding that is parked: it has to be one that shall park, for the problem that was brought
 * about, and its attempts have to say the same.
 */
export function judgeParked({ customer, row, attempts }: Evidence): string[] {
  const problem = row?.problem ?? 'no reason';
  if (customer.parks === undefined) return [`it parked for ${problem}`];
  const wrong: string[] = [];
  if (problem !== customer.parks) wrong.push(`it parked for ${problem}, not ${customer.parks}`);
  if (!row?.told) wrong.push('it parked and nobody told the operators');
  const last = attempts[0]?.problem ?? 'none';
  if (last !== problem) wrong.push(`it parked for ${problem}, its last attempt: ${last}`);
  return wrong;
}

/** What has to be told exactly once about every customer who gets as far as that. */
const toldOnce = {
  always: ['invite.created', 'onboarding.started.v1', 'invite.accepted'],
  active: ['tenant.activated', 'onboarding.active.v1'],
} as const;

function judgeRows({ customer, run }: Evidence, row: OnboardingRow, findings: Findings): void {
  const end = customer.ends ?? 'active';
  const { lost } = findings;
  if (row.state !== end) lost.push(`it rests as ${row.state}`);
  if (row.queued > 0) lost.push('its order was never applied');
  if (row.sealed > 0) lost.push('the erasure of a token whose mail is done with');
  count(findings, 'invite', row.invites, 1);
  count(findings, 'user', row.users, 1);
  count(findings, 'membership', row.memberships, end === 'active' ? 1 : 0);
  for (const name of toldOnce.always) count(findings, name, row.counts[name] ?? 0, 1);
  for (const name of toldOnce.active)
    count(findings, name, row.counts[name] ?? 0, end === 'active' ? 1 : 0);
  if (row.state === 'active' && row.tenant !== 'active') lost.push(`its tenant is ${row.tenant}`);
  if (run !== undefined && run !== 'COMPLETED' && run !== 'GONE')
    lost.push(`its workflow is ${run}`);
}

function count({ lost, doubled }: Findings, what: string, is: number, should: number): void {
  if (is < should) lost.push(what);
  if (is > should) doubled.push(`${what}, ${String(is)} times`);
}

// A registration by itself and one along with the token: two in all. The smoke call is safe to repeat.
function judgeObject({ customer, object }: Evidence, findings: Findings): void {
  const tokens = object?.tokens.reduce((sum, token) => sum + token.added, 0) ?? 0;
  count(findings, 'registration at the backend', object?.registered ?? 0, 2);
  if (customer.ends === 'rolled_back') {
    if (object?.is_active) findings.lost.push('the deletion at the backend');
    if (tokens > 0) findings.lost.push('the deletion of the token at the backend');
    return;
  }
  count(findings, 'token at the backend', tokens, 1);
  if ((object?.updates ?? 0) < 1) findings.lost.push('the first update at the backend');
  if (object && !object.is_active) findings.lost.push('the object at the backend');
}

/** Over all attempts, crashes and unknown outcomes a step has one key; a definite refusal allows for one more. */
function judgeKeys(calls: readonly GatedCall[], { doubled }: Findings): void {
  for (const step of new Set(calls.map((call) => call.step))) {
    const own = calls.filter((call) => call.step === step);
    const keys = new Set(own.map(({ key }) => key)).size;
    const refusals = own.filter(({ status }) => status === 400).length;
    if (keys > 1 + refusals)
      doubled.push(`the Idempotency-Key of ${step}, ${String(keys)} of them`);
  }
}

/** Kinds of mails that every customer gets once. */
const needed = ['invite', 'welcome'];

function judgeMails({ customer, row, mails }: Evidence, findings: Findings): void {
  const { lost, doubled } = findings;
  for (const kind of needed) {
    const decided = mails.filter((mail) => mail.kind === kind).length;
    const should = kind === 'welcome' && row?.state !== 'active' ? 0 : 1;
    count(findings, `${kind} mail`, decided, should);
  }
  for (const mail of mails) {
    const { kind, status, copies } = mail;
    if (copies > 2) doubled.push(`${kind} mail, ${String(copies)} copies`);
    if (isMissing(mail)) lost.push(`${kind} mail, said to be ${status}`);
    if (status === 'due' || status === 'sending') lost.push(`${kind} mail, still ${status}`);
    if (status === 'bounced' && !customer.bounces) lost.push(`${kind} mail, bounced`);
    if (status === 'dropped' && kind !== 'invite') lost.push(`${kind} mail, dropped`);
  }
}

// One that is listed as `mail-uncertain` may have got lost; nobody can know.
function isMissing({ status, copies }: MailRow): boolean {
  return status === 'sent' && copies === 0;
}
