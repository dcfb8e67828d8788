import type { OnboardingState } from '../../contracts/onboardings';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { noteSubject, noteWork, requestContext } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import type { StepId } from './steps';

/** A change of an onboarding's state, made once however often it is asked for. */
export interface Move {
  readonly onboardingId: string;
  readonly from: readonly OnboardingState[];
  readonly to: OnboardingState;
  /** Made by the caller: `<what>:<generation>:<n>` or the request id; unique in the onboarding. */
  readonly transitionId: string;
  readonly type: string;
  readonly actor: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Further columns, as SQL with parameters from `$9` on. */
  readonly set?: { readonly sql: string; readonly params?: readonly unknown[] };
}

/**
 * Moves an onboarding in one guarded statement together with its event. Returns false when this very transition
 * was made before (local activities run at least once).
 * @throws DomainError `order-not-possible` when the state does not allow it.
 */
export async function move(tx: Tx, change: Move): Promise<boolean> {
  const count = await tx.run(
    `with old as (
       select id, tenant_id, state from onboardings where id = $1 for no key update
     ), moved as (
       update onboardings set state = $3, version = version + 1, updated_at = now()
         ${change.set ? `, ${change.set.sql}` : ''}
       from old
       where onboardings.id = old.id and old.state = any($2)
         and not exists (select 1 from onboarding_events where onboarding_id = $1 and transition_id = $4)
       returning onboardings.id, onboardings.tenant_id, old.state as from_state
     )
     insert into onboarding_events
       (onboarding_id, tenant_id, transition_id, type, from_state, to_state, actor, data, request_id)
     select id, tenant_id, $4, $5, from_state, $3, $6, $7, $8 from moved`,
    [
      change.onboardingId,
      change.from,
      change.to,
      change.transitionId,
      change.type,
      change.actor,
      JSON.stringify(change.data ?? {}),
      requestContext()?.requestId ?? null,
      ...(change.set?.params ?? []),
    ],
  );
  if (count === 1) {
    noteSubject({ onboardingId: change.onboardingId });
    noteWork({ event: change.type, state: change.to });
    return true;
  }
  const made = await tx.maybe(
    'select 1 from onboarding_events where onboarding_id = $1 and transition_id = $2',
    [change.onboardingId, change.transitionId],
  );
  if (made) return false;
  throw new DomainError('order-not-possible');
}

/** Notes something that happened to an onboarding without a change of state; once per transition id. */
export async function note(
  tx: Tx,
  event: Pick<Move, 'onboardingId' | 'transitionId' | 'type' | 'actor' | 'data'> & {
    readonly tenantId: string;
  },
): Promise<void> {
  await tx.run(
    `insert into onboarding_events (onboarding_id, tenant_id, transition_id, type, actor, data, request_id)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (onboarding_id, transition_id) do nothing`,
    [
      event.onboardingId,
      event.tenantId,
      event.transitionId,
      event.type,
      event.actor,
      JSON.stringify(event.data ?? {}),
      requestContext()?.requestId ?? null,
    ],
  );
}

/** Creates the onboarding of a new invite. */
export async function createOnboarding(
  tx: Tx,
  input: {
    readonly inviteId: string;
    readonly tenantId: string;
    readonly blueprint: string;
    readonly actor: string;
  },
): Promise<string> {
  const id = newId();
  const requestId = requestContext()?.requestId ?? null;
  await tx.run(
    `insert into onboardings (id, invite_id, tenant_id, blueprint, request_id) values ($1, $2, $3, $4, $5)`,
    [id, input.inviteId, input.tenantId, input.blueprint, requestId],
  );
  noteSubject({ tenantId: input.tenantId, onboardingId: id });
  await note(tx, {
    onboardingId: id,
    tenantId: input.tenantId,
    transitionId: 'created',
    type: 'invited',
    actor: input.actor,
  });
  return id;
}

/** Begins to wait for the customer; each wait takes the next number, which one order may answer. */
export async function beginWait(tx: Tx, step: StepId): Promise<void> {
  const begun = await tx.maybe<{ number: number }>(
    `update onboardings
     set waiting_for = 'customer', waiting_since = now(), number = number + 1, reminders_sent = 0, updated_at = now()
     where id = $1 and waiting_for is distinct from 'customer'
     returning number`,
    [step.onboardingId],
  );
  if (!begun) return;
  await audit.append(tx, {
    action: 'onboarding.wait_begun',
    crud: 'u',
    actorId: 'system:workflow',
    tenantId: step.tenantId,
    targets: [{ type: 'onboarding', id: step.onboardingId }],
    metadata: { step: step.key, number: begun.number },
    component: 'worker',
  });
}

/** Ends a wait; the time spent on the customer is kept, since gates do not count it. */
export async function endWait(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run(
    `update onboardings
     set customer_wait_ms = customer_wait_ms + case when waiting_for = 'customer'
           then (extract(epoch from now() - waiting_since) * 1000)::bigint else 0 end,
         waiting_for = null, waiting_since = null, updated_at = now()
     where id = $1 and waiting_for is not null`,
    [onboardingId],
  );
}

/** Records that an operator's order was carried out; gates count onboardings that needed one. */
export async function countOrder(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run('update onboardings set manual_orders = manual_orders + 1 where id = $1', [
    onboardingId,
  ]);
}

/** Records that the customer was reminded of what is missing. */
export async function countReminder(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run('update onboardings set reminders_sent = reminders_sent + 1 where id = $1', [
    onboardingId,
  ]);
}

/** Begins the undoing of an onboarding: its next steps are compensations, last in, first out. */
export async function beginUndo(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run('update onboardings set undoing = true, updated_at = now() where id = $1', [
    onboardingId,
  ]);
}

/** Records the first successful update of data. */
export async function recordFirstUpdate(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run(
    'update onboardings set first_update_at = coalesce(first_update_at, now()) where id = $1',
    [onboardingId],
  );
}

/** Locks an onboarding until the transaction ends. */
export async function lockOnboarding(tx: Tx, onboardingId: string): Promise<void> {
  await tx.run('select 1 from onboardings where id = $1 for no key update', [onboardingId]);
}

/** Locks the onboarding of an invite and records that its workflow looked at it. */
export async function touchOfInvite(tx: Tx, inviteId: string): Promise<void> {
  await tx.run('update onboardings set driven_at = now() where invite_id = $1', [inviteId]);
}

/** Refuses a stale If-Match of an onboarding. @throws DomainError `version-stale` */
export async function checkJobVersion(
  tx: Tx,
  onboardingId: string,
  expected: number | undefined,
): Promise<void> {
  if (expected === undefined) return;
  const row = await tx.maybe<{ version: number }>('select version from onboardings where id = $1', [
    onboardingId,
  ]);
  if (row && row.version !== expected) {
    throw new DomainError('version-stale', {
      extra: { current_etag: `"v${String(row.version)}"` },
    });
  }
}
