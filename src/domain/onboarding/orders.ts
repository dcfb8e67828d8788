import type { OnboardingState } from '../../contracts/onboardings';
import type { OrderKind } from '../../contracts/orders';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { noteSubject, requestContext } from '../../platform/request-context';
import * as audit from '../audit/audit-entries';
import { erase, seal } from '../secrets/secrets';
import type { OnboardingDeps } from './deps';
import { orderPossible } from './jobs.rules';
import type { NewInputs } from './inputs';
import { howItStands } from './order-refusals.rules';
import { declaredStep } from './steps';
import { wakeOnboarding } from './wake';

/** An order as a person gives it. */
export interface NewOrder {
  readonly onboardingId: string;
  readonly kind: OrderKind;
  readonly reason: string;
  readonly actorId: string;
  readonly permissions: ReadonlySet<string>;
  /** The request's id, which is the order's; a bulk order brings an id of its own. */
  readonly id?: string;
  /** For `fix` only. */
  readonly inputs?: NewInputs;
}

/** An order row. */
export interface OrderRow {
  readonly id: string;
  readonly onboardingId: string;
  readonly tenantId: string;
  readonly number: number;
  readonly kind: OrderKind;
  readonly reason: string;
  readonly actor: string;
  /** The request that gave it; null for orders of old. */
  readonly requestId: string | null;
  readonly input: { readonly spreadsheet_id?: string; readonly owner_email?: string };
  readonly secretId: string | null;
  readonly status: 'queued' | 'applied' | 'refused';
  readonly outcome: Record<string, unknown> | null;
}

const columns = `id, onboarding_id as "onboardingId", tenant_id as "tenantId", number, kind, reason, actor,
  request_id as "requestId", input, secret_id as "secretId", status, outcome`;

/**
 * Writes an order for the stop that an onboarding is at, with its audit entry and a wake-up. One order per stop: a
 * second one is refused. Works while Temporal is down.
 * @throws DomainError `onboarding-not-found`, `order-not-possible`, `order-exists`, `already-active`,
 *   `step-not-skippable`
 */
export async function placeOrder(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'outbox' | 'ring' | 'connectors'>,
  order: NewOrder,
): Promise<string> {
  const target = await tx.maybe<{
    id: string;
    invite_id: string;
    tenant_id: string;
    state: Parameters<typeof orderPossible>[0]['state'];
    kind: 'provision' | 'member' | null;
    waiting_for: 'customer' | 'order' | null;
    undoing: boolean;
    number: number;
    failed_step: string | null;
    accepted_at: Date | null;
  }>(
    `select id, invite_id, tenant_id, state, kind, waiting_for, undoing, number, failed_step, accepted_at
     from onboardings where id = $1 for no key update`,
    [order.onboardingId],
  );
  if (!target) throw new DomainError('onboarding-not-found');
  noteSubject({ tenantId: target.tenant_id, onboardingId: target.id });
  const failedStep =
    target.failed_step === null ? undefined : declaredStep(deps.connectors, target.failed_step);
  const facts = {
    state: target.state,
    waitingFor: target.waiting_for,
    undoing: target.undoing,
    kind: target.kind,
    acceptedAt: target.accepted_at,
    failedStepSkippable: failedStep?.plan.skippable ?? false,
  };
  const { possible, whyNot = 'order-not-possible' } = orderPossible(
    facts,
    order.kind,
    order.permissions,
  );
  if (!possible) {
    const said =
      whyNot === 'order-not-possible' ? { detail: howItStands(facts, order.permissions) } : {};
    throw new DomainError(whyNot, { ...said, extra: { state: target.state } });
  }
  const id = order.id ?? requestContext()?.requestId ?? newId();
  // A cancel given while nothing waits answers the stop that would come next.
  const number = target.waiting_for === null ? target.number + 1 : target.number;
  const secretId =
    order.inputs?.wbToken === undefined
      ? null
      : await seal(tx, deps.ring, {
          ownerTable: 'orders',
          ownerId: id,
          field: 'wb_token',
          tenantId: target.tenant_id,
          plaintext: order.inputs.wbToken,
        });
  const inserted = await tx.run(
    `insert into orders
       (id, onboarding_id, tenant_id, number, kind, reason, input, secret_id, actor, request_id, client_request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (onboarding_id, number) do nothing`,
    [
      id,
      target.id,
      target.tenant_id,
      number,
      order.kind,
      order.reason,
      JSON.stringify({
        ...(order.inputs?.spreadsheetId === undefined
          ? {}
          : { spreadsheet_id: order.inputs.spreadsheetId }),
        ...(order.inputs?.ownerEmail === undefined ? {} : { owner_email: order.inputs.ownerEmail }),
      }),
      secretId,
      order.actorId,
      requestContext()?.requestId ?? null,
      requestContext()?.clientRequestId ?? null,
    ],
  );
  if (inserted === 0) throw new DomainError('order-exists', { extra: { number } });
  await audit.append(tx, {
    action: `onboarding.${order.kind}_ordered`,
    crud: 'u',
    actorId: order.actorId,
    tenantId: target.tenant_id,
    targets: [{ type: 'onboarding', id: target.id }],
    metadata: { order_id: id, number, step: target.failed_step },
  });
  await deps.outbox.wake(tx, wakeOnboarding(target.invite_id));
  return id;
}

/** An order by its id. */
export async function readOrder(tx: Tx, orderId: string): Promise<OrderRow> {
  return tx.one<OrderRow>(`select ${columns} from orders where id = $1`, [orderId]);
}

/** What came of an order so far, and the state that its onboarding is in. */
export async function followOrder(
  tx: Tx,
  orderId: string,
): Promise<
  Pick<OrderRow, 'id' | 'onboardingId' | 'kind' | 'status' | 'outcome'> & {
    readonly state: OnboardingState;
  }
> {
  return tx.one(
    `select r.id, r.onboarding_id as "onboardingId", r.kind, r.status, r.outcome, o.state
     from orders as r join onboardings as o on o.id = r.onboarding_id where r.id = $1`,
    [orderId],
  );
}

/** Writes what came of an order; its sealed input is erased. */
export async function closeOrder(
  tx: Tx,
  order: OrderRow,
  status: 'applied' | 'refused',
  outcome: Readonly<Record<string, unknown>>,
): Promise<void> {
  await tx.run(
    `update orders set status = $2, outcome = $3, applied_at = now(), secret_id = null
     where id = $1 and status = 'queued'`,
    [order.id, status, JSON.stringify(outcome)],
  );
  if (order.secretId) await erase(tx, order.secretId);
}

/** Whether an order of an invite's onboarding waits to be applied. */
export async function hasQueuedOrder(tx: Tx, inviteId: string): Promise<boolean> {
  const row = await tx.maybe(
    `select 1 from orders join onboardings as o on o.id = orders.onboarding_id
     where o.invite_id = $1 and orders.status = 'queued' limit 1`,
    [inviteId],
  );
  return row !== undefined;
}
