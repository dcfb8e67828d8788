import { DomainError } from '../../errors/problems';
import { sourceOf } from '../../platform/client-addresses';
import type { Passwords } from '../../platform/crypto/passwords';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { RateLimits } from '../../platform/rate-limits';
import * as audit from '../audit/audit-entries';
import { activateAccount, findAccountByEmail, lockAccount, upgradePasswordHash } from './accounts';
import type { Account } from './accounts';
import { widestSurface } from './callers';
import type { RequestSource, UserCaller } from './callers';
import { membershipsOf } from './memberships';
import { endSession, endSessionOfToken, openSession } from './sessions';
import type { OpenedSession, SessionLives, SignInMethod } from './sessions';

/** What signing in uses. */
export interface SignInDeps {
  readonly db: Database;
  readonly passwords: Passwords;
  readonly limits: RateLimits;
  readonly lives: SessionLives;
}

/** Where a sign-in comes from, and the session that the browser still carries: it ends with the new one's start. */
export interface SignInSource extends RequestSource {
  readonly formerToken?: string | undefined;
}

/** A session by password. */
export interface PasswordSignIn extends OpenedSession {
  readonly mustChangePassword: boolean;
}

/**
 * Opens a session with an address and a password. An unknown address, a wrong password and a temporary one that ran
 * out are one answer after the same work. Limits hold per source and account, and more widely per source: nobody
 * can lock somebody else's account.
 * @throws DomainError `credentials-invalid`, `user-deactivated` (only to who knows the password), `rate-limited`,
 *   `unavailable` when too many people sign in at once
 */
export async function signInWithPassword(
  deps: SignInDeps,
  credentials: { readonly email: string; readonly password: string },
  source: SignInSource,
): Promise<PasswordSignIn> {
  const { email, password } = credentials;
  const giveBack = await takeAttempt(deps.limits, email, source.ip);
  const account = await withSystem(deps.db, 'identity', (tx) => findAccountByEmail(tx, email), {
    readOnly: true,
  });
  const checked = await deps.passwords
    .check(password, account?.passwordHash ?? null)
    .catch(async (error: unknown) => {
      await giveBack();
      throw error;
    });

  if (!account || !checked.ok || account.passwordLapsed) {
    await refuse(deps.db, account, account && checked.ok ? 'password-lapsed' : 'password', source);
    throw new DomainError('credentials-invalid');
  }
  const opened = await withSystem(deps.db, 'identity', async (tx) => {
    const current = await lockAccount(tx, account.id);
    // Changed or deactivated while the password was being hashed.
    if (current?.passwordHash !== account.passwordHash) return undefined;
    if (current.status !== 'active') return 'deactivated';
    if (checked.upgrade !== null && account.passwordHash !== null) {
      await upgradePasswordHash(tx, account.id, account.passwordHash, checked.upgrade);
    }
    return startSession(tx, deps.lives, account.id, 'password', source);
  });
  if (opened === undefined || opened === 'deactivated') {
    await refuse(deps.db, account, opened ?? 'password', source);
    throw new DomainError(opened ? 'user-deactivated' : 'credentials-invalid');
  }
  await giveBack();
  return { ...opened, mustChangePassword: account.mustChangePassword };
}

/**
 * Opens a session for a person who has proved who they are, ends the one that the browser carried, and records it.
 * @param authenticatedAt when they proved it, if that was not just now
 */
export async function startSession(
  tx: Tx,
  lives: SessionLives,
  userId: string,
  method: SignInMethod,
  source: SignInSource,
  bound: Partial<Pick<OpenedSession, 'surface'>> & { readonly authenticatedAt?: Date } = {},
): Promise<OpenedSession> {
  const { authenticatedAt } = bound;
  const surface = bound.surface ?? widestSurface(await membershipsOf(tx, userId));
  await endSessionOfToken(tx, source.formerToken);
  await activateAccount(tx, userId);
  const session = await openSession(tx, lives, {
    userId,
    surface,
    method,
    ...(authenticatedAt ? { authenticatedAt } : {}),
  });
  await audit.append(tx, {
    action: 'session.opened',
    crud: 'c',
    actorId: `user:${userId}`,
    targets: [{ type: 'session', id: session.sessionId }],
    metadata: { method, surface },
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
  return session;
}

/** Ends the session of a caller; a bearer token has none, and lives until it expires. */
export async function signOut(
  db: Database,
  caller: UserCaller,
  source: RequestSource,
): Promise<void> {
  const { sessionId } = caller;
  if (sessionId === null) return;
  await withSystem(db, 'identity', async (tx) => {
    if (!(await endSession(tx, sessionId))) return;
    await audit.append(tx, {
      action: 'session.ended',
      crud: 'd',
      actorId: caller.actorId,
      targets: [{ type: 'session', id: sessionId }],
      sourceIp: source.ip,
      userAgent: source.userAgent,
    });
  });
}

/**
 * Takes an attempt of a source on an account, before anything is looked up; the returned function gives it back
 * once it turned out good. Attempts count from the start, so that parallel ones cannot slip past the limit.
 * @throws DomainError `rate-limited`
 */
export async function takeAttempt(
  limits: RateLimits,
  email: string,
  ip: string | null,
): Promise<() => Promise<void>> {
  const from = sourceOf(ip ?? undefined);
  const account = `${from}\n${email.toLowerCase()}`;
  await limits.consume('login-source', from);
  await limits.consume('login', account);
  return async () => {
    await limits.reward('login', account);
    await limits.reward('login-source', from);
  };
}

async function refuse(
  db: Database,
  account: Account | undefined,
  reason: string,
  source: RequestSource,
): Promise<void> {
  await withSystem(db, 'identity', (tx) =>
    audit.append(tx, {
      action: 'session.refused',
      crud: 'c',
      outcome: 'failure',
      actorId: 'anonymous',
      targets: account ? [{ type: 'user', id: account.id }] : [],
      metadata: { method: 'password', reason },
      sourceIp: source.ip,
      userAgent: source.userAgent,
    }),
  );
}
