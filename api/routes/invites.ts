import { BulkInvite } from '../../src/contracts/invites';
import type { BulkInviteQuery, inviteEndpoints } from '../../src/contracts/invites';
import type { z } from 'zod';
import { fieldErrors } from '../../src/errors/http';
import { DomainError } from '../../src/errors/problems';
import type { Caller } from '../../src/domain/identity/callers';
import { inviteAll } from '../../src/domain/onboarding/bulk-invites';
import type { InviteBatch, InviteRowResult } from '../../src/domain/onboarding/bulk-invites';
import { revokeInvite } from '../../src/domain/onboarding/close-invite';
import { createInvite } from '../../src/domain/onboarding/create-invite';
import type { Inviter } from '../../src/domain/onboarding/create-invite';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { csvRows } from '../../src/domain/onboarding/invite-csv';
import { listInvites, readInvite } from '../../src/domain/onboarding/invite-list';
import type { InviteShown } from '../../src/domain/onboarding/invite-list';
import { checkVersion, lockInvite } from '../../src/domain/onboarding/invites';
import { resendInvite } from '../../src/domain/onboarding/resend-invite';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import type { RateLimits } from '../../src/platform/rate-limits';
import type { Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';
import type { Idempotency } from '../middleware/idempotency';

/** What the invite routes use. */
export type InviteRouteDeps = OnboardingDeps & {
  readonly limits: RateLimits;
  readonly cursors: Cursors;
};

function selfServeOff(): DomainError {
  return new DomainError('validation-failed', {
    errors: [
      { pointer: '/self_serve', message: 'self-serve invites are off here (SELF_SERVE_INVITES)' },
    ],
  });
}

/** Inviting people, and looking after the invites until they are accepted. */
export function createInviteRoutes(deps: InviteRouteDeps): Handlers<typeof inviteEndpoints> {
  const { db, limits, cursors } = deps;
  return {
    async createInvite({ caller, body, idempotency }) {
      const { idempotency_key: _key, self_serve: selfServe, ...request } = body;
      if (selfServe && !deps.config.SELF_SERVE_INVITES) throw selfServeOff();
      return charged(deps, caller, idempotency, () =>
        withOperator(db, caller.actorId, (tx) =>
          once(idempotency, tx, async () => {
            const created = await createInvite(tx, deps, request, inviterOf(caller), { selfServe });
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
        ),
      );
    },

    async createInvites({ caller, body, query, idempotency }) {
      const batch = batchOf(body, query, idempotency?.key);
      await limits.consume('invite-create', caller.actorId);
      const rows = await inviteAll(deps, batch, inviterOf(caller));
      const count = (status: InviteRowResult['status']): number =>
        rows.filter((row) => row.status === status).length;
      return {
        status: 200,
        body: {
          success: true,
          batch_id: batch.batchId,
          dry_run: batch.dryRun,
          created: count('created'),
          repeated: count('repeated'),
          failed: count('failed'),
          rows: rows.map(toRow),
        },
      };
    },

    async listInvites({ query, caller }) {
      const { limit, cursor, ...filter } = query;
      const keyset = cursors.open('invites', filter, { limit, cursor });
      const page = await withOperator(db, caller.actorId, (tx) => listInvites(tx, filter, keyset), {
        readOnly: true,
      });
      return { status: 200, body: cursors.answer('invites', filter, page, toInvite) };
    },

    async getInvite({ params, caller }) {
      const invite = await withOperator(db, caller.actorId, (tx) => readInvite(tx, params.id), {
        readOnly: true,
      });
      return { status: 200, body: toInvite(invite), version: invite.version };
    },

    async resendInvite({ caller, params, ifMatch, idempotency }) {
      return withOperator(db, caller.actorId, (tx) =>
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
      );
    },

    async revokeInvite({ caller, params, ifMatch }) {
      await withOperator(db, caller.actorId, async (tx) => {
        const invite = await lockInvite(tx, params.id);
        checkVersion(invite, ifMatch);
        await revokeInvite(tx, deps, invite, caller.actorId);
      });
      return { status: 200, body: { success: true, invite_id: params.id, status: 'revoked' } };
    },
  };
}

// A repetition creates nothing: it costs nothing, neither after the first request nor beside it.
async function charged<T extends { readonly replayed?: true }>(
  { db, limits }: Pick<InviteRouteDeps, 'db' | 'limits'>,
  { actorId }: Caller,
  idempotency: Idempotency | undefined,
  create: () => Promise<T>,
): Promise<T> {
  const replay =
    idempotency && (await withOperator(db, actorId, idempotency.isReplay, { readOnly: true }));
  if (replay) return create();
  await limits.consume('invite-create', actorId);
  const reward = (): Promise<void> => limits.reward('invite-create', actorId);
  try {
    const answer = await create();
    // The first request ended between the look and the try.
    if (answer.replayed) await reward();
    return answer;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'request-in-progress') await reward();
    throw error;
  }
}

function inviterOf(caller: Caller): Inviter {
  return { actorId: caller.actorId, userId: caller.kind === 'user' ? caller.userId : null };
}

// A CSV has no place for a name or a dry run, so both may stand in the query; what is said twice must agree. A batch
// without a name cannot be repeated.
function batchOf(
  body: BulkInvite | string,
  query: z.output<typeof BulkInviteQuery>,
  key: string | undefined,
): InviteBatch {
  const bulk = typeof body === 'string' ? csvBulk(body) : body;
  const names = new Set([bulk.batch_id, query.batch_id, key].filter((name) => name !== undefined));
  const [batchId = newId()] = names;
  if (names.size > 1) {
    throw new DomainError('idempotency-key-mismatch', {
      detail: 'The batch has more than one name; send one of batch_id and Idempotency-Key.',
    });
  }
  return { batchId, dryRun: bulk.dry_run || query.dry_run === true, rows: bulk.rows };
}

function csvBulk(text: string): BulkInvite {
  const parsed = BulkInvite.safeParse({ rows: csvRows(text) });
  if (parsed.success) return parsed.data;
  throw new DomainError('validation-failed', { errors: fieldErrors(parsed.error) });
}

function toRow(result: InviteRowResult) {
  return {
    row: result.row,
    status: result.status,
    invite_id: result.inviteId,
    client_id: result.tenantId,
    code: result.code,
    detail: result.detail,
    errors: [...result.errors],
  };
}

const timeOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;

function toInvite(invite: InviteShown) {
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
