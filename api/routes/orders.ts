import type { OrderKind, orderEndpoints } from '../../src/contracts/orders';
import { DomainError } from '../../src/errors/problems';
import type { Caller } from '../../src/domain/identity/callers';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import type { NewInputs } from '../../src/domain/onboarding/inputs';
import { checkJobVersion } from '../../src/domain/onboarding/onboardings';
import { followOrder, placeOrder } from '../../src/domain/onboarding/orders';
import { matchingParked } from '../../src/domain/onboarding/parked';
import { withOperator } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import type { Call, Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';
import { pollUntil } from '../poll';

/** Milliseconds for which an order's request waits for its outcome. */
const patienceMs = 2_000;

/** What operators and support staff tell an onboarding to do. */
export function createOrderRoutes(deps: OnboardingDeps): Handlers<typeof orderEndpoints> {
  return {
    retryJob: (call) => order(deps, call, 'retry'),
    fixJob: (call) =>
      order(deps, call, 'fix', {
        spreadsheetId: call.body.spreadsheet_id,
        wbToken: call.body.wb_token,
        ownerEmail: call.body.owner_email,
      }),
    skipJob: (call) => order(deps, call, 'skip'),
    rollbackJob: (call) => order(deps, call, 'rollback'),
    cancelJob: (call) => order(deps, call, 'cancel'),

    bulkRetryJobs: ({ caller, body, idempotency }) =>
      withOperator(deps.db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const ids = await matchingParked(tx, body.filter);
          const items: BulkItem[] = [];
          for (const id of ids) {
            items.push(
              body.dry_run
                ? { job_id: id, status: 'matched', code: null }
                : await retryOne(deps, tx, caller, id, body.reason),
            );
          }
          return {
            status: 200,
            body: { success: true, dry_run: body.dry_run, matched: ids.length, items },
          } as const;
        }),
      ),
  };
}

function permissionsOf(caller: Caller): ReadonlySet<string> {
  return caller.kind === 'user' || caller.kind === 'service' ? caller.permissions : new Set();
}

async function order(
  deps: OnboardingDeps,
  call: Pick<Call, 'caller' | 'idempotency' | 'ifMatch'> & {
    readonly params: { readonly id: string };
    readonly body: { readonly reason: string };
  },
  kind: OrderKind,
  inputs?: NewInputs,
) {
  const { caller, idempotency, params, body, ifMatch } = call;
  const placed = await withOperator(deps.db, caller.actorId, (tx) =>
    once(idempotency, tx, async () => {
      await checkJobVersion(tx, params.id, ifMatch);
      const id = await placeOrder(tx, deps, {
        onboardingId: params.id,
        kind,
        reason: body.reason,
        actorId: caller.actorId,
        permissions: permissionsOf(caller),
        ...(inputs ? { inputs } : {}),
      });
      return { status: 202, body: null, waitFor: { order_id: id } };
    }),
  );
  const orderId = placed.waitFor.order_id;
  const followed = await pollUntil(
    () =>
      withOperator(deps.db, caller.actorId, (tx) => followOrder(tx, orderId), { readOnly: true }),
    ({ status }) => status !== 'queued',
    patienceMs,
  );
  return {
    status: followed.status === 'queued' ? (202 as const) : (200 as const),
    body: {
      success: true as const,
      order_id: followed.id,
      job_id: followed.onboardingId,
      order: followed.kind,
      status: followed.status,
      state: followed.state,
      outcome: followed.outcome,
    },
    ...('replayed' in placed ? { replayed: true as const } : {}),
  };
}

interface BulkItem {
  readonly job_id: string;
  readonly status: 'queued' | 'matched' | 'failed';
  readonly code: string | null;
}

// What one onboarding refuses is told in its item; the others get their orders all the same.
async function retryOne(
  deps: OnboardingDeps,
  tx: Tx,
  caller: Caller,
  onboardingId: string,
  reason: string,
): Promise<BulkItem> {
  try {
    await placeOrder(tx, deps, {
      onboardingId,
      kind: 'retry',
      reason,
      actorId: caller.actorId,
      permissions: permissionsOf(caller),
      id: newId(),
    });
    return { job_id: onboardingId, status: 'queued', code: null };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { job_id: onboardingId, status: 'failed', code: error.code };
  }
}
