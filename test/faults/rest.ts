import type { Customer } from './customers';
import { until } from './probe';
import type { Scene } from './scene';

/** Longest time until everything has to be at rest: a mail of a lost worker alone is silent for half a minute. */
const restSeconds = 150;

const movingSql = `select concat_ws(' ', 'onboarding', o.id, o.state, o.waiting_for, 'driven', o.driven_at::time(0), (
      select concat_ws(' ', key, status, 'doubt', in_doubt, 'next', next_attempt_at::time(0))
      from onboarding_steps where onboarding_id = o.id and status not in ('done', 'skipped')
      order by position limit 1)) as what
    from onboardings as o
    where o.id = any($1) and o.state not in ('active', 'rolled_back')
      and not (o.state = 'failed' and o.waiting_for = 'order' and not exists (
        select 1 from orders where onboarding_id = o.id and status = 'queued'))
  union all select concat_ws(' ', kind, 'mail', status, due_at::time(0), 'of', onboarding_id) from mails
    where onboarding_id = any($1) and status in ('due', 'sending')
  union all select concat_ws(' ', 'wake-up of', workflow_id, attempts, last_error) from outbox
    where delivered_at is null`;

/**
 * Waits until nothing moves any more: every customer at the end or parked, every mail decided, every order applied,
 * every wake-up delivered. Returns what still moves after that, in words.
 */
export async function settle({ probe }: Scene, customers: readonly Customer[]): Promise<string[]> {
  let moving: string[] = ['nobody could be asked'];
  const look = async (): Promise<boolean> => {
    const rows = await probe.rows<{ what: string }>(movingSql, [
      customers.map(({ jobId }) => jobId),
    ]);
    moving = rows.map(({ what }) => what);
    return moving.length === 0;
  };
  await until('Rest', look, { seconds: restSeconds, everyMs: 200 }).catch(() => undefined);
  return moving;
}

const leftoverSql = `select 'a slot that nobody gives back' as what from connector_slots where free_at > now()
  union all select 'a place in line of nobody' from connector_line
  union all select concat_ws(' ', 'an attempt that nobody closed:', a.key, 'of', a.onboarding_id)
    from step_attempts as a join onboardings as o on o.id = a.onboarding_id
    where a.ended_at is null and o.state in ('active', 'rolled_back')
  union all select concat_ws(' ', 'a wake-up that is stuck:', workflow_id, last_error) from outbox
    where delivered_at is null`;

/** What the system still holds though everybody is done: slots, places in line, open attempts, stuck wake-ups. */
export async function leftovers({ probe }: Scene): Promise<string[]> {
  let left: string[] = ['nobody could be asked'];
  const look = async (): Promise<boolean> => {
    left = (await probe.rows<{ what: string }>(leftoverSql)).map(({ what }) => what);
    return left.length === 0;
  };
  await until('Nothing', look, { seconds: 30, everyMs: 200 }).catch(() => undefined);
  return left;
}
