import type { z } from 'zod';
import { BulkInvite, InviteRow as InviteRowSchema } from '../../src/contracts/invites';
import type { BulkInviteResult, inviteEndpoints } from '../../src/contracts/invites';
import { fieldErrors } from '../../src/errors/http';
import { DomainError } from '../../src/errors/problems';
import type { FieldError } from '../../src/errors/problems';
import type { Caller } from '../../src/domain/identity/callers';
import { createInvite } from '../../src/domain/onboarding/create-invite';
import type { Inviter } from '../../src/domain/onboarding/create-invite';
import { listInvites, readInvite } from '../../src/domain/onboarding/invite-list';
import type { InviteShown } from '../../src/domain/onboarding/invite-list';
import {
  checkVersion,
  findBulkInvite,
  lockInvite,
  resendInvite,
  revokeInvite,
} from '../../src/domain/onboarding/invites';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { csvRows } from '../../src/domain/onboarding/invite-csv';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import type { RateLimits } from '../../src/platform/rate-limits';
import type { Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';

type InviteHandlers = Pick<
  Handlers<typeof inviteEndpoints>,
  'createInvite' | 'createInvites' | 'listInvites' | 'getInvite' | 'resendInvite' | 'revokeInvite'
>;

/** Inviting people, and looking after the invites until they are accepted. */
export function createInviteRoutes(
  deps: OnboardingDeps & { readonly limits: RateLimits; readonly cursors: Cursors },
): InviteHandlers {
  const { db, limits } = deps;
  return {
    createInvite: async ({ caller, body, idempotency }) => {
      await limits.consume('invite-create', caller.actorId);
      const { idempotency_key: _key, ...request } = body;
      return withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const created = await createInvite(tx, deps, request, inviterOf(caller));
          return {
            status: 201,
            body: {
              success: true,
              invite_id: created.inviteId,
              client_id: created.tenantId,
              job_id: created.onboardingId,
              activation_link: created.link,
              status: 'invited',
              expires_at: created.expiresAt.toISOString(),
              held: created.held,
            },
          } as const;
        }),
      );
    },

    createInvites: async ({ caller, body, query, headers }) => {
      await limits.consume('invite-create', caller.actorId);
      const isCsv = (headers['content-type'] ?? '').startsWith('text/csv');
      const batch = isCsv ? csvBatch(body, query) : body;
      return { status: 200, body: await inviteAll(deps, batch, caller) };
    },

    listInvites: async ({ query, caller }) => {
      const { limit, cursor, ...filter } = query;
      const keyset = deps.cursors.open('invites', filter, { limit, cursor });
      const page = await withOperator(db, caller.actorId, (tx) => listInvites(tx, filter, keyset), {
        readOnly: true,
      });
      return { status: 200, body: deps.cursors.answer('invites', filter, page, shown) };
    },

    getInvite: async ({ params, caller }) => {
      const invite = await withOperator(db, caller.actorId, (tx) => readInvite(tx, params.id), {
        readOnly: true,
      });
      return { status: 200, body: shown(invite), version: invite.version };
    },

    resendInvite: async ({ caller, params, ifMatch, idempotency }) =>
      withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const invite = await lockInvite(tx, params.id);
          checkVersion(invite, ifMatch);
          const resent = await resendInvite(tx, deps, invite, caller.actorId);
          return {
            status: 200,
            body: {
              success: true,
              invite_id: invite.id,
              status: 'invited',
              expires_at: resent.expiresAt.toISOString(),
              resend_count: resent.resendCount,
              activation_link: resent.link,
            },
          } as const;
        }),
      ),

    revokeInvite: async ({ caller, params, ifMatch }) =>
      withOperator(db, caller.actorId, async (tx) => {
        const invite = await lockInvite(tx, params.id);
        checkVersion(invite, ifMatch);
        await revokeInvite(tx, deps, invite, caller.actorId);
        return { status: 200, body: { success: true, invite_id: invite.id, status: 'revoked' } };
      }),
  };
}

const timeOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;

function shown(invite: InviteShown) {
  return {
    id: invite.id,
    email: invite.email,
    name: invite.name,
    role: invite.role,
    locale: invite.locale,
    status: invite.status,
    tenant_id: invite.tenantId,
    tenant_slug: invite.tenantSlug,
    job_id: invite.onboardingId,
    invited_by: invite.invitedBy,
    expires_at: invite.expiresAt.toISOString(),
    accepted_at: timeOrNull(invite.acceptedAt),
    opened_at: timeOrNull(invite.openedAt),
    last_sent_at: timeOrNull(invite.lastSentAt),
    resend_count: invite.resendCount,
    held: invite.held,
    mail_status: invite.mailStatus,
    created_at: invite.createdAt.toISOString(),
    version: invite.version,
  };
}

function inviterOf(caller: Caller): Inviter {
  return { actorId: caller.actorId, userId: caller.kind === 'user' ? caller.userId : null };
}

type Batch = z.output<typeof BulkInvite>;

function csvBatch(
  text: unknown,
  query: { readonly batch_id?: string | undefined; readonly dry_run?: boolean | undefined },
): Batch {
  const parsed = BulkInvite.safeParse({
    batch_id: query.batch_id,
    dry_run: query.dry_run ?? false,
    rows: csvRows(text),
  });
  if (!parsed.success) {
    throw new DomainError('validation-failed', { errors: fieldErrors(parsed.error) });
  }
  return parsed.data;
}

type RowResult = z.output<typeof BulkInviteResult>['rows'][number];

// Each row is a transaction of its own: one bad row does not take the others with it.
async function inviteAll(
  deps: OnboardingDeps,
  batch: Batch,
  caller: Caller,
): Promise<z.output<typeof BulkInviteResult>> {
  const bulkId = `${caller.actorId}/${batch.batch_id}`;
  const rows: RowResult[] = [];
  for (const [index, row] of batch.rows.entries()) {
    rows.push(await inviteRow(deps, batch, { id: bulkId, row: index + 1 }, row, caller));
  }
  const count = (status: RowResult['status']): number =>
    rows.filter((row) => row.status === status).length;
  return {
    success: true,
    batch_id: batch.batch_id,
    dry_run: batch.dry_run,
    created: count('created'),
    repeated: count('repeated'),
    failed: count('failed'),
    rows,
  };
}

/** Ends the transaction of a dry run after everything was tried. */
class DryRun extends Error {}

async function inviteRow(
  deps: OnboardingDeps,
  batch: Batch,
  bulk: { readonly id: string; readonly row: number },
  row: unknown,
  caller: Caller,
): Promise<RowResult> {
  const base = {
    row: bulk.row,
    invite_id: null,
    client_id: null,
    code: null,
    detail: null,
    errors: [],
  };
  const parsed = InviteRowSchema.safeParse(row);
  if (!parsed.success) {
    return {
      ...base,
      status: 'failed',
      code: 'validation-failed',
      errors: fieldErrors(parsed.error),
    };
  }
  try {
    return await withOperator(deps.db, caller.actorId, async (tx) => {
      const before = await findBulkInvite(tx, bulk.id, bulk.row);
      if (before)
        return { ...base, status: 'repeated', invite_id: before.id, client_id: before.tenant_id };
      const created = await createInvite(tx, deps, parsed.data, inviterOf(caller), { bulk });
      if (batch.dry_run) throw new DryRun();
      return {
        ...base,
        status: 'created',
        invite_id: created.inviteId,
        client_id: created.tenantId,
      };
    });
  } catch (error) {
    if (error instanceof DryRun) return { ...base, status: 'valid' };
    if (error instanceof DomainError) {
      const errors: readonly FieldError[] = error.context.errors ?? [];
      return {
        ...base,
        status: 'failed',
        code: error.code,
        detail: error.message,
        errors: [...errors],
      };
    }
    throw error;
  }
}
