import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { notWokenLately } from '../../platform/woken-lately';
import type { OnboardingDeps } from './deps';
import { wakeOnboarding, wakeRotation } from './wake';

type Deps = Pick<OnboardingDeps, 'db' | 'outbox'>;

/** Rows that one batch wakes; the pause between batches bounds the rate. */
const batchSize = 200;

const isDone = `state in ('active', 'revoked', 'declined', 'rolled_back', 'cancelled', 'expired')`;

// An open mail keeps even a final onboarding awake.
const hasMail = (ripe = ''): string => `exists (select 1 from mails as m
  where m.invite_id = o.invite_id and m.owner = 'workflow' and m.status in ('due', 'sending') ${ripe})`;

/** One that its workflow should have sent by now. */
const hasRipeMail = hasMail(`and m.created_at < now() - interval '1 minute' and m.due_at < now()`);

/**
 * Wakes what nobody has driven for too long: processes whose run was lost or terminated, and final ones with a mail
 * still due. Leaves alone what is being woken or was a moment ago. Returns how many it woke.
 */
export async function wakeUndriven(deps: Deps, hours: number): Promise<number> {
  return withSystem(deps.db, 'reconciler', async (tx) => {
    const onboardings = await tx.rows<{ invite_id: string }>(
      `select o.invite_id from onboardings as o
       where ((not ${isDone} and coalesce(o.driven_at, o.created_at) < now() - $1 * interval '1 hour')
           or (coalesce(o.driven_at, o.created_at) < now() - interval '5 minutes' and ${hasRipeMail})
           or (coalesce(o.driven_at, o.created_at) < now() - interval '5 minutes' and exists (
             select 1 from orders where onboarding_id = o.id and status = 'queued'
               and created_at < now() - interval '5 minutes')))
         and ${notWokenLately(`'onboarding/' || o.invite_id`)}
       order by o.driven_at nulls first limit $2`,
      [hours, batchSize],
    );
    for (const { invite_id: inviteId } of onboardings)
      await deps.outbox.wake(tx, wakeOnboarding(inviteId));
    const rotations = await tx.rows<{ id: string }>(
      `select o.id from token_rotations as o
       where state not in ('done', 'failed') and coalesce(driven_at, created_at) < now() - interval '15 minutes'
         and ${notWokenLately(`'token-rotation/' || o.id`)}
       limit $1`,
      [batchSize],
    );
    for (const { id } of rotations) await deps.outbox.wake(tx, wakeRotation(id));
    return onboardings.length + rotations.length;
  });
}

/**
 * Wakes every process that has not ended, a batch at a time from an id on: for a Temporal that is new or was
 * emptied. Returns the id to go on from, or null after the last batch.
 */
export async function wakeAllFrom(
  tx: Tx,
  deps: Pick<Deps, 'outbox'>,
  from: string | null,
): Promise<string | null> {
  const rows = await tx.rows<{ id: string; invite_id: string }>(
    `select o.id, o.invite_id from onboardings as o
     where ($1::uuid is null or o.id > $1) and (not ${isDone} or ${hasMail()}) order by o.id limit $2`,
    [from, batchSize],
  );
  for (const row of rows) await deps.outbox.wake(tx, wakeOnboarding(row.invite_id));
  if (from === null) await wakeRotations(tx, deps);
  return rows.length < batchSize ? null : (rows.at(-1)?.id ?? null);
}

async function wakeRotations(tx: Tx, deps: Pick<Deps, 'outbox'>): Promise<void> {
  const rows = await tx.rows<{ id: string }>(
    `select id from token_rotations where state not in ('done', 'failed')`,
  );
  for (const { id } of rows) await deps.outbox.wake(tx, wakeRotation(id));
}
