import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { statusOf } from '../tenants/tenants';
import { lockOnboarding, touchOfInvite } from './onboardings';
import type { OnboardingFacts } from './view.rules';

// What anybody may change while a call of a step is under way.
const header = `o.id, o.invite_id as "inviteId", o.tenant_id as "tenantId", t.slug as "tenantSlug",
    t.name as "tenantName", ${statusOf('t')} as "tenantStatus", o.user_id as "userId", o.kind, o.state,
    o.stood_at as "stoodAt", o.blueprint, o.number, o.waiting_for as "waitingFor",
    coalesce(extract(epoch from now() - o.waiting_since) * 1000, 0)::float8 as "waitingMs",
    o.reminders_sent as "remindersSent", o.undoing, o.failed_step as "failedStep", o.request_id as "requestId",
    n.spreadsheet_id as "spreadsheetId", n.owner_email as "ownerEmail",
    n.wb_token_secret_id as "wbTokenSecretId", n.wb_token_fingerprint as "wbTokenFingerprint",
    (select id from orders where onboarding_id = o.id and status = 'queued' limit 1) as "queuedOrderId",
    (select extract(epoch from min(case status when 'due' then due_at else sending_since + interval '30 seconds' end)
        - now()) * 1000
     from mails where invite_id = o.invite_id and owner = 'workflow' and status in ('due', 'sending'))::float8
      as "mailInMs",
    json_build_object(
      'email', i.email, 'locale', i.locale, 'held', i.held, 'reminded', i.reminded_at is not null,
      'expiresInMs', extract(epoch from i.expires_at - now()) * 1000,
      'lifetimeMs', i.expires_in_hours * 3600000
    ) as invite`;

// What only the step's own driver changes.
const steps = `coalesce((
      select json_agg(json_build_object(
        'key', s.key, 'connector', s.connector, 'step', s.step, 'status', s.status,
        'generation', s.generation, 'failures', s.failures, 'series', s.series, 'inDoubt', s.in_doubt,
        'begun', s.started_at is not null,
        'open', exists (select 1 from step_attempts as a
          where a.onboarding_id = s.onboarding_id and a.key = s.key and a.ended_at is null),
        'retryInMs', greatest(0, coalesce(extract(epoch from s.next_attempt_at - now()) * 1000, 0)),
        'limitedMs', extract(epoch from now() - s.limited_since) * 1000,
        'extract', s.extract, 'undoGeneration', s.undo_generation, 'undoFailures', s.undo_failures
      ) order by s.position) from onboarding_steps as s where s.onboarding_id = o.id
    ), '[]'::json) as steps`;

const tables = `onboardings as o
    join invites as i on i.id = o.invite_id
    join tenants as t on t.id = o.tenant_id
    left join onboarding_inputs as n on n.onboarding_id = o.id`;

const everything = `select ${header}, ${steps} from ${tables}`;

function found(facts: OnboardingFacts | undefined): OnboardingFacts {
  if (!facts) throw new DomainError('onboarding-not-found');
  return facts;
}

/** Reads the facts; a caller that decides by them has locked the onboarding before. */
export async function readFacts(tx: Tx, onboardingId: string): Promise<OnboardingFacts> {
  return found(await tx.maybe<OnboardingFacts>(`${everything} where o.id = $1`, [onboardingId]));
}

/**
 * Locks an onboarding until the transaction ends and reads all that decides what happens next. Two statements,
 * because a row that was waited for would bring the old rows of the joined tables with it.
 */
export async function lockFacts(tx: Tx, onboardingId: string): Promise<OnboardingFacts> {
  const [, facts] = await Promise.all([
    lockOnboarding(tx, onboardingId),
    readFacts(tx, onboardingId),
  ]);
  return facts;
}

/** The same for the onboarding of an invite, which is marked as driven: its workflow looks at it. */
export async function lockFactsOfInvite(tx: Tx, inviteId: string): Promise<OnboardingFacts> {
  const [, facts] = await Promise.all([
    touchOfInvite(tx, inviteId),
    tx.maybe<OnboardingFacts>(`${everything} where o.invite_id = $1`, [inviteId]),
  ]);
  return found(facts);
}

/**
 * Locks the onboarding of a call that has come back, and reads again what others may have changed meanwhile. While
 * its attempt is open nobody else has touched the steps; undefined when a later execution has closed it.
 */
export async function relockFacts(
  tx: Tx,
  before: OnboardingFacts,
  attemptId: string,
): Promise<OnboardingFacts | undefined> {
  const [, now] = await Promise.all([
    lockOnboarding(tx, before.id),
    tx.maybe<Omit<OnboardingFacts, 'steps'> & { readonly attemptOpen: boolean | null }>(
      `select ${header}, (select ended_at is null from step_attempts where id = $2) as "attemptOpen"
       from ${tables} where o.id = $1`,
      [before.id, attemptId],
    ),
  ]);
  if (!now?.attemptOpen) return undefined;
  return { ...now, steps: before.steps };
}
