import { DomainError } from '../../errors/problems';
import { hashToken } from '../../platform/crypto/tokens';
import { withHolder } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { InviteRow } from './invites';
import { lockInvite } from './invites';

/** What the holder of a token sees of its invite. */
export interface HeldInvite {
  readonly invite: InviteRow;
  readonly tokenId: string;
  readonly supersededAt: Date | null;
}

/**
 * Runs a transaction within the tenant that a token's invite belongs to. An unknown token does the same work as a
 * known one before it is refused.
 * @throws DomainError `invite-not-found`
 */
export async function withInviteOf<T>(
  db: Database,
  token: string,
  fn: (tx: Tx, held: HeldInvite) => Promise<T>,
): Promise<T> {
  return withHolder(db, hashToken(token), async (tx, found) => {
    const invite = await lockInvite(tx, found.invite_id);
    const { superseded_at: supersededAt } = await tx.one<{ superseded_at: Date | null }>(
      'select superseded_at from invite_tokens where id = $1',
      [found.invite_token_id],
    );
    return fn(tx, { invite, tokenId: found.invite_token_id, supersededAt });
  });
}

/**
 * Refuses a token that cannot be accepted any more, with a code for each reason.
 * @throws DomainError `invite-already-used`, `invite-revoked`, `invite-declined`, `invite-superseded`,
 *   `invite-expired`, `invite-held`
 */
export function requireOpen(held: HeldInvite): void {
  const { invite, supersededAt } = held;
  if (invite.status === 'accepted') throw new DomainError('invite-already-used');
  if (invite.status === 'revoked') throw new DomainError('invite-revoked');
  if (invite.status === 'declined') throw new DomainError('invite-declined');
  if (supersededAt) {
    throw new DomainError('invite-superseded', {
      extra: { newer_sent_at: (invite.last_sent_at ?? supersededAt).toISOString() },
    });
  }
  if (invite.status === 'expired' || invite.lapsed) {
    throw new DomainError('invite-expired', {
      extra: { expired_at: invite.expires_at.toISOString() },
    });
  }
  if (invite.held) throw new DomainError('invite-held');
}

/** The invited address behind an open invite's token hash; undefined when there is none. */
export async function invitedEmailOf(db: Database, tokenHash: Buffer): Promise<string | undefined> {
  try {
    return await withHolder(db, tokenHash, async (tx, found) => {
      const row = await tx.maybe<{ email: string }>(
        `select email from invites where id = $1 and status = 'invited' and expires_at > now()`,
        [found.invite_id],
      );
      return row?.email;
    });
  } catch (error) {
    if (error instanceof DomainError && error.code === 'invite-not-found') return undefined;
    throw error;
  }
}
