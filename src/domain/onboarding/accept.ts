import type { InviteAccept } from '../../contracts/holders';
import type { OnboardingState } from '../../contracts/onboardings';
import type { z } from 'zod';
import { DomainError } from '../../errors/problems';
import type { Passwords } from '../../platform/crypto/passwords';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { activateAccount, createAccount, findAccountByEmail } from '../identity/accounts';
import type { Account } from '../identity/accounts';
import { grantTenantRole, stillHolds } from '../identity/memberships';
import { dropMails } from '../mails/mails';
import { emitEvent } from '../tenants/events';
import { lockTenant } from '../tenants/tenants';
import { waitForTurn } from './admission';
import type { OnboardingDeps } from './deps';
import { withInviteOf, requireOpen } from './holder';
import type { HeldInvite } from './holder';
import type { InviteRow } from './invites';
import { markAccepted } from './invites';
import { move } from './onboardings';
import { onboardingKind, openTenantStatuses } from './onboarding.rules';
import { planSteps } from './steps';
import { wakeOnboarding } from './wake';

/** Who accepts, and how they showed that an existing account is theirs. */
export interface Acceptance {
  readonly token: string;
  readonly body: z.output<typeof InviteAccept>;
  /** The signed-in person, whose session proves their own account. */
  readonly signedInAs: string | null;
  /** The captcha was answered; a self-serve invite needs it, whatever the deployment is set to by now. */
  readonly isPerson: boolean;
  readonly sourceIp: string;
  readonly userAgent: string | null;
}

/** An accepted invite. */
export interface AcceptedInvite {
  readonly inviteId: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly onboardingId: string;
  readonly state: OnboardingState;
  /** False when the address had an account before; the onboarding cookie never opens a session of that one. */
  readonly newAccount: boolean;
}

/** Counts passwords tried by e-mail address, so that guessing is slow whatever address it comes from. */
export interface Guesses {
  /** Takes an attempt before the password is looked at. @throws DomainError `rate-limited` */
  take(email: string): Promise<void>;
  /** Gives it back when the password was right: hits do not count. */
  giveBack(email: string): Promise<void>;
}

type Deps = Pick<OnboardingDeps, 'db' | 'outbox' | 'config' | 'metrics' | 'connectors'> & {
  readonly passwords: Passwords;
  readonly guesses: Guesses;
};

/** How the person of an accept showed who they are, as far as that is slow: before the transaction. */
type Proof =
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'new-password'; readonly hash: string }
  | { readonly kind: 'none' };

/**
 * Accepts an invite in one transaction: one winner of any number of concurrent posts. A failed accept burns nothing.
 * `within` runs in that transaction, for an answer that must commit together with it.
 * @throws DomainError with a code for each way a token, a tenant or an account can stand in the way
 */
export async function acceptInvite(
  deps: Deps,
  acceptance: Acceptance,
  within: (tx: Tx, accepted: AcceptedInvite) => Promise<void> = () => Promise.resolve(),
): Promise<AcceptedInvite> {
  const proof = await prove(deps, acceptance);
  return withInviteOf(deps.db, acceptance.token, async (tx, held) => {
    requireOpen(held);
    const accepted = await accept(tx, deps, held, acceptance, proof);
    await within(tx, accepted);
    return accepted;
  });
}

async function prove(deps: Deps, { token, body, signedInAs }: Acceptance): Promise<Proof> {
  const { password } = body;
  if (password === undefined) return { kind: 'none' };
  const { invite, account } = await withInviteOf(deps.db, token, async (tx, held) => {
    requireOpen(held);
    return { invite: held.invite, account: await findAccountByEmail(tx, held.invite.email) };
  });
  if (!account) {
    return { kind: 'new-password', hash: await chosenPassword(deps, invite, password, body.name) };
  }
  requireActive(account);
  if (signedInAs === account.id) return { kind: 'account', account };
  await deps.guesses.take(invite.email);
  const { ok } = await deps.passwords.check(password, account.passwordHash);
  // A temporary password that has run out opens nothing any more.
  if (!ok || account.passwordLapsed) throw new DomainError('credentials-invalid');
  await deps.guesses.giveBack(invite.email);
  return { kind: 'account', account };
}

function requireActive(account: Account): void {
  if (account.status !== 'active') throw new DomainError('user-deactivated');
}

async function chosenPassword(
  deps: Deps,
  invite: InviteRow,
  password: string,
  name: string | undefined,
): Promise<string> {
  const personal = personalWords(invite, name ?? invite.name ?? '');
  deps.passwords.requireStrong(password, personal, '/password');
  return deps.passwords.hash(password);
}

/** The words that a password of this invite's person must not hold. */
export function personalWords(
  invite: Pick<InviteRow, 'email' | 'tenant_name' | 'tenant_slug'>,
  name: string,
): string[] {
  return [invite.email, invite.tenant_name, invite.tenant_slug, name];
}

async function accept(
  tx: Tx,
  deps: Deps,
  { invite, tokenId }: HeldInvite,
  { body, isPerson, sourceIp, userAgent, signedInAs }: Acceptance,
  proof: Proof,
): Promise<AcceptedInvite> {
  if (invite.self_serve && !isPerson) throw new DomainError('verification-failed');
  const tenant = await lockTenant(tx, invite.tenant_id);
  if (!openTenantStatuses.includes(tenant.status)) throw new DomainError('tenant-not-open');
  if (!invite.self_serve && !(await stillHolds(tx, invite.invited_by, 'invites:create'))) {
    throw new DomainError('inviter-lost-right');
  }
  const { userId, isNew } = await settleAccount(tx, invite, body.name, proof, signedInAs);
  await grantTenantRole(tx, {
    userId,
    tenantId: tenant.id,
    role: invite.role,
    onboardingId: invite.onboarding_id,
  });
  const kind = await kindOf(tx, tenant.status, invite);
  await markAccepted(tx, invite.id, { version: deps.config.TERMS_VERSION, ip: sourceIp });
  await move(tx, {
    onboardingId: invite.onboarding_id,
    from: ['invited'],
    to: 'email_confirmed',
    transitionId: 'accepted',
    type: 'accepted',
    actor: `user:${userId}`,
    data: { kind },
    set: { sql: 'user_id = $9, kind = $10, accepted_at = now()', params: [userId, kind] },
  });
  if (kind === 'provision') await planSteps(tx, deps.connectors, invite.onboarding_id);
  await dropMails(tx, invite.id, ['invite', 'invite-reminder']);
  await audit.append(tx, {
    action: 'invite.accepted',
    crud: 'u',
    actorId: `user:${userId}`,
    tenantId: tenant.id,
    targets: [
      { type: 'invite', id: invite.id },
      { type: 'user', id: userId },
    ],
    description: 'activation link used',
    metadata: {
      kind,
      token_id: tokenId,
      terms_version: deps.config.TERMS_VERSION,
      new_account: isNew,
    },
    sourceIp,
    userAgent,
  });
  await emitEvent(tx, {
    type: 'onboarding.accepted.v1',
    tenantId: tenant.id,
    data: { invite_id: invite.id, onboarding_id: invite.onboarding_id, user_id: userId },
  });
  const afterMs = kind === 'provision' ? await waitForTurn(tx, deps, invite.onboarding_id) : 0;
  await deps.outbox.wake(tx, wakeOnboarding(invite.id), { afterMs });
  return {
    inviteId: invite.id,
    userId,
    tenantId: tenant.id,
    onboardingId: invite.onboarding_id,
    state: 'email_confirmed',
    newAccount: isNew,
  };
}

async function settleAccount(
  tx: Tx,
  invite: InviteRow,
  name: string | undefined,
  proof: Proof,
  signedInAs: string | null,
): Promise<{ userId: string; isNew: boolean }> {
  if (proof.kind === 'account') return known(tx, proof.account);
  // Looked up inside: also an account that came into being since then wants its own login.
  const account = await findAccountByEmail(tx, invite.email);
  if (account) {
    requireActive(account);
    if (account.id !== signedInAs) throw new DomainError('account-login-required');
    return known(tx, account);
  }
  const userId = await createAccount(tx, {
    email: invite.email,
    name: name ?? invite.name,
    locale: invite.locale,
    passwordHash: proof.kind === 'new-password' ? proof.hash : null,
  }).catch((error: unknown) => {
    // Another invite of this address was accepted at the same moment.
    const madeMeanwhile = error instanceof DomainError && error.code === 'user-exists';
    throw madeMeanwhile ? new DomainError('account-login-required') : error;
  });
  return { userId, isNew: true };
}

async function known(tx: Tx, account: Account): Promise<{ userId: string; isNew: boolean }> {
  await activateAccount(tx, account.id);
  return { userId: account.id, isNew: false };
}

async function kindOf(tx: Tx, status: string, invite: InviteRow): Promise<'provision' | 'member'> {
  const tenant = await tx.one<{ ready: boolean; open: boolean }>(
    `select exists (select 1 from tenant_resources where tenant_id = $1 and status = 'ready') as ready,
       exists (select 1 from onboardings where tenant_id = $1 and kind = 'provision'
         and state not in ('active', 'rolled_back', 'cancelled')) as open`,
    [invite.tenant_id],
  );
  return onboardingKind({
    status,
    hasReadyResources: tenant.ready,
    hasOpenProvisioning: tenant.open,
    role: invite.role,
  });
}
