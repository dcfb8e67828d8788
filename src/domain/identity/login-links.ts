import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '../../errors/problems';
import { sourceOf } from '../../platform/client-addresses';
import type { KeyRing } from '../../platform/crypto/sealing';
import { hashToken, newToken } from '../../platform/crypto/tokens';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { RateLimits } from '../../platform/rate-limits';
import * as audit from '../audit/audit-entries';
import { enqueueMail } from '../mails/mails';
import { findAccountByEmail, lockAccount } from './accounts';
import type { Account } from './accounts';
import type { RequestSource } from './callers';
import type { OpenedSession, SessionLives } from './sessions';
import { startSession } from './sign-in';
import type { SignInSource } from './sign-in';

/** What login links use. */
export interface LoginLinkDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly limits: RateLimits;
  readonly lives: SessionLives;
}

/** Minutes that a login link lives. */
export const loginLinkMinutes = 15;

/** Milliseconds that a request takes at least: more than writing a mail's rows, so that the clock tells nothing. */
const floor = 120;

/** A link that was made; the token is in this object only. */
export interface LoginLink {
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Mails a login link to the person of an address. Neither the outcome nor the time it takes tells whether the
 * address has an account.
 * @throws DomainError `rate-limited`
 */
export async function requestLoginLink(
  deps: LoginLinkDeps,
  email: string,
  source: RequestSource,
): Promise<void> {
  const from = sourceOf(source.ip ?? undefined);
  await deps.limits.consume('login-source', from);
  await deps.limits.consume('link', `${from}\n${email.toLowerCase()}`);
  await Promise.all([
    pause(floor),
    withSystem(deps.db, 'identity', async (tx) => {
      const account = await findAccountByEmail(tx, email);
      const reachable = account?.status === 'active';
      if (reachable) await mailLink(tx, deps.ring, account);
      await audit.append(tx, {
        action: 'login_link.requested',
        crud: 'c',
        outcome: reachable ? 'success' : 'failure',
        actorId: 'anonymous',
        targets: account ? [{ type: 'user', id: account.id }] : [],
        sourceIp: source.ip,
        userAgent: source.userAgent,
      });
    }),
  ]);
}

async function mailLink(tx: Tx, ring: KeyRing, account: Account): Promise<void> {
  const { token, expiresAt } = await mintLoginLink(tx, account.id);
  await enqueueMail(tx, ring, {
    kind: 'login-link',
    owner: 'relay',
    userId: account.id,
    toEmail: account.email,
    toName: account.name,
    locale: account.locale,
    data: { expires_at: expiresAt.toISOString() },
    token,
  });
}

/** Makes a link without mailing it: for the command line, which prints it, and for invited staff. */
export async function mintLoginLink(
  tx: Tx,
  userId: string,
  minutes = loginLinkMinutes,
): Promise<LoginLink> {
  const token = newToken();
  const { expires_at: expiresAt } = await tx.one<{ expires_at: Date }>(
    `insert into login_links (id, token_hash, user_id, expires_at)
     values ($1, $2, $3, now() + make_interval(mins => $4)) returning expires_at`,
    [newId(), hashToken(token), userId, minutes],
  );
  return { token, expiresAt };
}

/** What the page of a link shows; changes nothing. Undefined when the link opens nothing (any more). */
export function peekLoginLink(
  db: Database,
  token: string,
): Promise<{ email: string; locale: string; expiresAt: Date } | undefined> {
  return withSystem(
    db,
    'identity',
    (tx) =>
      tx.maybe(
        `select u.email::text as email, u.locale, l.expires_at as "expiresAt"
         from login_links as l join users as u on u.id = l.user_id
         where l.token_hash = $1 and l.used_at is null and l.expires_at > now()`,
        [hashToken(token)],
      ),
    { readOnly: true },
  );
}

/**
 * Opens a session with a link: once, for the first of any number of concurrent posts.
 * @throws DomainError `login-link-invalid`, `user-deactivated`, `rate-limited` after too many bad links
 */
export async function openSessionByLink(
  deps: LoginLinkDeps,
  token: string,
  source: SignInSource,
): Promise<OpenedSession> {
  const from = sourceOf(source.ip ?? undefined);
  await deps.limits.consume('login-source', from);
  const session = await withSystem(deps.db, 'identity', async (tx) => {
    const link = await tx.maybe<{ user_id: string }>(
      `update login_links set used_at = now()
       where token_hash = $1 and used_at is null and expires_at > now() returning user_id`,
      [hashToken(token)],
    );
    if (!link) throw new DomainError('login-link-invalid');
    const account = await lockAccount(tx, link.user_id);
    if (account?.status !== 'active') throw new DomainError('user-deactivated');
    return startSession(tx, deps.lives, account.id, 'link', source);
  });
  await deps.limits.reward('login-source', from);
  return session;
}

/** Removes up to `limit` links that ran out more than a day ago. */
export function sweepLoginLinks(tx: Tx, limit: number): Promise<number> {
  return tx.run(
    `delete from login_links where id in (
       select id from login_links where expires_at < now() - interval '1 day' order by id limit $1)`,
    [limit],
  );
}
