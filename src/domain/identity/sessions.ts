import type { Surface } from '../../contracts/identity';
import type { Config } from '../../platform/config';
import { hashToken, newToken } from '../../platform/crypto/tokens';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { userCaller } from './callers';
import type { UserCaller } from './callers';
import { membershipsJson } from './memberships';
import type { HeldMembership } from './memberships';

/** How long the sessions of one surface live. */
export interface SessionLife {
  /** Seconds without a request after which a session ends. */
  readonly idleSeconds: number;
  /** Seconds after which a session ends in any case. */
  readonly lifeSeconds: number;
}

/** How long sessions live, by surface. */
export type SessionLives = Readonly<Record<Surface, SessionLife>>;

/** A session that was opened; the token is in this object only. */
export interface OpenedSession {
  readonly sessionId: string;
  readonly userId: string;
  /** 256 bits, base64url: the value of the cookie. */
  readonly token: string;
  readonly surface: Surface;
  readonly expiresAt: Date;
}

/** How somebody signed in. */
export type SignInMethod = 'password' | 'link' | `oidc:${string}`;

const hour = 3600;

/**
 * The lives by configuration. Customers come back over a day and can do less, so their sessions may idle for a
 * working day and last a week; what is dangerous asks for a fresh sign-in anyway.
 */
export function sessionLives(
  config: Pick<Config, 'SESSION_IDLE_MINUTES' | 'SESSION_HOURS'>,
): SessionLives {
  const staff: SessionLife = {
    idleSeconds: config.SESSION_IDLE_MINUTES * 60,
    lifeSeconds: config.SESSION_HOURS * hour,
  };
  const customer: SessionLife = {
    idleSeconds: Math.max(staff.idleSeconds, 8 * hour),
    lifeSeconds: Math.max(staff.lifeSeconds, 7 * 24 * hour),
  };
  return { operator: staff, partner: staff, customer };
}

/**
 * Opens a session in the caller's transaction.
 * @param session.authenticatedAt when the person proved who they are, if that was not just now
 */
export async function openSession(
  tx: Tx,
  lives: SessionLives,
  session: {
    readonly userId: string;
    readonly surface: Surface;
    readonly method: SignInMethod;
    readonly authenticatedAt?: Date;
  },
): Promise<OpenedSession> {
  const { userId, surface, method } = session;
  const life = lives[surface];
  const [sessionId, token] = [newId(), newToken()];
  const { expires_at: expiresAt } = await tx.one<{ expires_at: Date }>(
    `insert into sessions (id, token_hash, user_id, surface, method, expires_at, idle_seconds, authenticated_at)
     values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7, coalesce($8, now()))
     returning expires_at`,
    [
      sessionId,
      hashToken(token),
      userId,
      surface,
      method,
      life.lifeSeconds,
      life.idleSeconds,
      session.authenticatedAt ?? null,
    ],
  );
  return { sessionId, userId, token, surface, expiresAt };
}

/** Gives a running session a new token and counts it as freshly authenticated; the old token is dead at once. */
export async function renewSession(
  tx: Tx,
  sessionId: string,
): Promise<{ token: string; expiresAt: Date } | undefined> {
  const token = newToken();
  const row = await tx.maybe<{ expires_at: Date }>(
    `update sessions set token_hash = $2, authenticated_at = now(), last_seen_at = now()
     where id = $1 and ended_at is null returning expires_at`,
    [sessionId, hashToken(token)],
  );
  return row && { token, expiresAt: row.expires_at };
}

/** Ends a session; false when it had ended before. */
export async function endSession(tx: Tx, sessionId: string): Promise<boolean> {
  const ended = await tx.run(
    'update sessions set ended_at = now() where id = $1 and ended_at is null',
    [sessionId],
  );
  return ended > 0;
}

/** Ends the session of a token that somebody still carries while they sign in anew. */
export async function endSessionOfToken(tx: Tx, token: string | undefined): Promise<void> {
  if (token === undefined) return;
  await tx.run('update sessions set ended_at = now() where token_hash = $1 and ended_at is null', [
    hashToken(token),
  ]);
}

/** Ends all sessions of a person, or all but one; returns how many. */
export function endSessionsOf(tx: Tx, userId: string, except?: string): Promise<number> {
  return tx.run(
    `update sessions set ended_at = now()
     where user_id = $1 and ended_at is null and id is distinct from $2::uuid`,
    [userId, except ?? null],
  );
}

/** Ends the sessions of people on the surface of customers; what they are otherwise goes on. Returns how many. */
export function endCustomerSessions(tx: Tx, userIds: readonly string[]): Promise<number> {
  return tx.run(
    `update sessions set ended_at = now()
     where surface = 'customer' and ended_at is null and user_id = any($1::uuid[])`,
    [userIds],
  );
}

/** How a running session was opened, and whether its person proved who they are in the last 10 minutes. */
export function sessionOrigin(
  tx: Tx,
  sessionId: string,
): Promise<{ method: string; fresh: boolean } | undefined> {
  return tx.maybe(
    `select method, authenticated_at > now() - interval '10 minutes' as fresh
     from sessions where id = $1 and ended_at is null`,
    [sessionId],
  );
}

interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly surface: Surface;
  readonly authenticated_at: Date;
  readonly must_change_password: boolean;
  readonly stale: boolean;
  readonly memberships: HeldMembership[];
}

/**
 * The person behind a session token, with what they hold at this moment: read on the primary for every request and
 * never cached, so that an ended session or a withdrawn role holds at once.
 */
export function findSession(db: Database, token: string): Promise<UserCaller | undefined> {
  return withSystem(db, 'identity', async (tx) => {
    const row = await tx.maybe<SessionRow>(
      `select s.id, s.user_id, s.surface, s.authenticated_at, u.must_change_password,
         s.last_seen_at < now() - make_interval(secs => least(60, s.idle_seconds / 2)) as stale,
         ${membershipsJson('s.user_id')} as memberships
       from sessions as s join users as u on u.id = s.user_id
       where s.token_hash = $1 and s.ended_at is null and u.status = 'active' and s.expires_at > now()
         and s.last_seen_at > now() - make_interval(secs => s.idle_seconds)`,
      [hashToken(token)],
    );
    if (!row) return undefined;
    if (row.stale) await tx.run('update sessions set last_seen_at = now() where id = $1', [row.id]);
    return userCaller(
      {
        userId: row.user_id,
        sessionId: row.id,
        surface: row.surface,
        authenticatedAt: row.authenticated_at,
        mustChangePassword: row.must_change_password,
      },
      row.memberships,
    );
  });
}

/** Removes up to `limit` sessions that ended, by themselves or not, more than 30 days ago. */
export function sweepSessions(tx: Tx, limit: number): Promise<number> {
  return tx.run(
    `delete from sessions where id in (
       select id from sessions
       where coalesce(ended_at, expires_at) < now() - interval '30 days' order by id limit $1)`,
    [limit],
  );
}
