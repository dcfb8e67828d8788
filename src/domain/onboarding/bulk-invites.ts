import { InviteRow as InviteRowSchema } from '../../contracts/invites';
import { fieldErrors } from '../../errors/http';
import { DomainError } from '../../errors/problems';
import type { FieldError, ProblemCode } from '../../errors/problems';
import { withOperator } from '../../platform/db';
import type { Tx } from '../../platform/db';
import { createInvite } from './create-invite';
import type { BulkPlace, Inviter, InvitingDeps } from './create-invite';
import type { OnboardingDeps } from './deps';
import { findBulkInvite } from './invites';

/** Many invites at once. A batch belongs to who sends it: others may use the same name. */
export interface InviteBatch {
  readonly batchId: string;
  readonly dryRun: boolean;
  /** Not checked yet; each is judged for itself. */
  readonly rows: readonly unknown[];
}

/** What came of one row; a dry run says `valid` where a real one would say `created`. */
export interface InviteRowResult {
  /** From 1 on. */
  readonly row: number;
  readonly status: 'created' | 'repeated' | 'valid' | 'failed';
  readonly inviteId: string | null;
  readonly tenantId: string | null;
  readonly code: ProblemCode | null;
  readonly detail: string | null;
  readonly errors: readonly FieldError[];
}

type Deps = InvitingDeps & Pick<OnboardingDeps, 'db'>;

/**
 * Invites everybody of a batch. Each row is a transaction of its own, so that a bad one does not take the others with
 * it, and a repeated batch makes no row twice. A dry run tries all of it, in one transaction that is undone.
 */
export function inviteAll(
  deps: Deps,
  batch: InviteBatch,
  inviter: Inviter,
): Promise<InviteRowResult[]> {
  return batch.dryRun ? tryAll(deps, batch, inviter) : makeAll(deps, batch, inviter);
}

async function makeAll(
  deps: Deps,
  batch: InviteBatch,
  inviter: Inviter,
): Promise<InviteRowResult[]> {
  const results: InviteRowResult[] = [];
  for (const [index, row] of batch.rows.entries()) {
    const place = placeOf(batch, inviter, index);
    results.push(
      await orFailed(place, () =>
        withOperator(deps.db, inviter.actorId, (tx) => inviteRow(tx, deps, row, inviter, place)),
      ),
    );
  }
  return results;
}

/** Ends the transaction of a dry run. */
class Undo extends Error {}

async function tryAll(
  deps: Deps,
  batch: InviteBatch,
  inviter: Inviter,
): Promise<InviteRowResult[]> {
  const results: InviteRowResult[] = [];
  try {
    await withOperator(deps.db, inviter.actorId, async (tx) => {
      for (const [index, row] of batch.rows.entries()) {
        const place = placeOf(batch, inviter, index);
        await tx.run('savepoint bulk_row');
        const result = await orFailed(place, () => tryRow(tx, deps, row, inviter, place));
        if (result.status === 'failed') await tx.run('rollback to savepoint bulk_row');
        results.push(result);
      }
      throw new Undo();
    });
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
  }
  return results;
}

function placeOf(batch: InviteBatch, inviter: Inviter, index: number): BulkPlace {
  return { id: `${inviter.actorId}/${batch.batchId}`, row: index + 1 };
}

async function inviteRow(
  tx: Tx,
  deps: Deps,
  row: unknown,
  inviter: Inviter,
  place: BulkPlace,
): Promise<InviteRowResult> {
  const request = rowRequest(row);
  const before = await findBulkInvite(tx, place);
  if (before) return repeated(place, before, request.email);
  const { inviteId, tenantId } = await createInvite(tx, deps, request, inviter, { bulk: place });
  return resultOf(place, { status: 'created', inviteId, tenantId });
}

// Without its place: the row of a dry run must not stand in the way of the real one.
async function tryRow(
  tx: Tx,
  deps: Deps,
  row: unknown,
  inviter: Inviter,
  place: BulkPlace,
): Promise<InviteRowResult> {
  const request = rowRequest(row);
  const before = await findBulkInvite(tx, place);
  if (before) return repeated(place, before, request.email);
  await createInvite(tx, deps, request, inviter);
  return resultOf(place, { status: 'valid' });
}

function rowRequest(row: unknown): InviteRowSchema {
  const parsed = InviteRowSchema.safeParse(row);
  if (parsed.success) return parsed.data;
  throw new DomainError('validation-failed', { errors: fieldErrors(parsed.error) });
}

function repeated(
  place: BulkPlace,
  before: { readonly id: string; readonly tenantId: string; readonly email: string },
  email: string,
): InviteRowResult {
  if (before.email !== email) {
    throw new DomainError('idempotency-key-reused', {
      detail: 'This row of the batch invited another address before; give the batch a new name.',
    });
  }
  return resultOf(place, { status: 'repeated', inviteId: before.id, tenantId: before.tenantId });
}

async function orFailed(
  place: BulkPlace,
  work: () => Promise<InviteRowResult>,
): Promise<InviteRowResult> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { code, message, context } = error;
    return resultOf(place, {
      status: 'failed',
      code,
      detail: message,
      errors: context.errors ?? [],
    });
  }
}

function resultOf(
  { row }: BulkPlace,
  result: Pick<InviteRowResult, 'status'> & Partial<InviteRowResult>,
): InviteRowResult {
  return { row, inviteId: null, tenantId: null, code: null, detail: null, errors: [], ...result };
}
