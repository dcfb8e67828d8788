import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { findAccount, lockAccount, setPassword } from './accounts';
import type { RequestSource, UserCaller } from './callers';
import { endSessionsOf, renewSession, sessionOrigin } from './sessions';
import { takeAttempt } from './sign-in';
import type { SignInDeps } from './sign-in';

/**
 * Changes the caller's own password, ends all their other sessions and gives this one a new token. The current
 * password may be left out by who signed in with a login link in the last 10 minutes, which is how a forgotten one
 * is replaced.
 * @returns the session's new token, or undefined for a caller without a session
 * @throws DomainError `credentials-invalid`, `password-too-weak`, `rate-limited`, `unavailable`
 */
export async function changePassword(
  deps: Pick<SignInDeps, 'db' | 'passwords' | 'limits'>,
  caller: UserCaller,
  change: { readonly current: string | undefined; readonly next: string },
  source: RequestSource,
): Promise<{ token: string; expiresAt: Date } | undefined> {
  const { userId, sessionId } = caller;
  const { account, words, origin } = await withSystem(deps.db, 'identity', async (tx) => ({
    account: await findAccount(tx, userId),
    words: await tenantWords(tx, userId),
    origin: sessionId === null ? undefined : await sessionOrigin(tx, sessionId),
  }));
  if (!account) throw new DomainError('unauthenticated');

  const byLink = origin?.method === 'link' && origin.fresh;
  if (change.current !== undefined || !byLink) {
    const giveBack = await takeAttempt(deps.limits, account.email, source.ip);
    const { ok } = await deps.passwords.check(change.current ?? '', account.passwordHash);
    if (!ok || account.passwordLapsed) throw new DomainError('credentials-invalid');
    await giveBack();
  }
  deps.passwords.requireStrong(
    change.next,
    [account.email, account.name ?? '', ...words],
    '/new_password',
  );
  const passwordHash = await deps.passwords.hash(change.next);

  return withSystem(deps.db, 'identity', async (tx) => {
    const current = await lockAccount(tx, userId);
    // Somebody else changed it, or the account, while the new one was being hashed.
    if (current?.status !== 'active' || current.passwordHash !== account.passwordHash) {
      throw new DomainError('credentials-invalid');
    }
    await setPassword(tx, userId, passwordHash);
    await endSessionsOf(tx, userId, sessionId ?? undefined);
    await audit.append(tx, {
      action: 'user.password_changed',
      crud: 'u',
      actorId: caller.actorId,
      targets: [{ type: 'user', id: userId }],
      metadata: { by: change.current === undefined ? 'link' : 'password' },
      sourceIp: source.ip,
      userAgent: source.userAgent,
    });
    return sessionId === null ? undefined : renewSession(tx, sessionId);
  });
}

async function tenantWords(tx: Tx, userId: string): Promise<string[]> {
  const tenants = await tx.rows<{ slug: string; name: string }>(
    `select t.slug, t.name from memberships as m join tenants as t on t.id = m.tenant_id
     where m.user_id = $1 and m.withdrawn_at is null`,
    [userId],
  );
  return tenants.flatMap(({ slug, name }) => [slug, name]);
}
