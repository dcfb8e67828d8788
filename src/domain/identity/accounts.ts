import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from './callers';
import { lockOwners, membershipsOf, requireOwner } from './memberships';
import { endSessionsOf } from './sessions';

/** A person's account. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly locale: string;
  readonly status: 'active' | 'deactivated';
  /** Whether it ever held a platform role; such an account is never linked to an identity by its e-mail address. */
  readonly staff: boolean;
  readonly passwordHash: string | null;
  readonly mustChangePassword: boolean;
  /** A temporary password that has run out opens nothing. */
  readonly passwordLapsed: boolean;
}

const columns = `id, email::text as email, name, locale, status, staff, password_hash as "passwordHash",
  must_change_password as "mustChangePassword",
  coalesce(temporary_password_expires_at < now(), false) as "passwordLapsed"`;

/** The account of an address; letter case does not matter. */
export function findAccountByEmail(tx: Tx, email: string): Promise<Account | undefined> {
  return tx.maybe<Account>(`select ${columns} from users where email = $1`, [
    email.normalize('NFC').toLowerCase(),
  ]);
}

/** An account by its id. */
export function findAccount(tx: Tx, userId: string): Promise<Account | undefined> {
  return tx.maybe<Account>(`select ${columns} from users where id = $1`, [userId]);
}

/** An account by its id, locked against changes of its status, password and roles until the transaction ends. */
export function lockAccount(tx: Tx, userId: string): Promise<Account | undefined> {
  return tx.maybe<Account>(`select ${columns} from users where id = $1 for no key update`, [
    userId,
  ]);
}

/** An account to be created. */
export interface NewAccount {
  readonly email: string;
  readonly name?: string | null | undefined;
  readonly locale?: string | undefined;
  readonly passwordHash?: string | null | undefined;
  readonly staff?: boolean;
}

/**
 * Creates the account of a person who is there, by accepting an invite or signing in; its audit entry is the
 * caller's, who knows why.
 * @throws DomainError `user-exists`
 */
export async function createAccount(tx: Tx, account: NewAccount): Promise<string> {
  const id = newId();
  const created = await tx.run(
    `insert into users (id, email, name, locale, staff, password_hash, password_set_at, activated_at)
     values ($1, $2, $3, $4, $5, $6, case when $6::text is null then null else now() end, now())
     on conflict (email) do nothing`,
    [
      id,
      account.email.normalize('NFC').toLowerCase(),
      account.name ?? null,
      account.locale ?? 'en',
      account.staff ?? false,
      account.passwordHash ?? null,
    ],
  );
  if (created === 0) throw new DomainError('user-exists');
  return id;
}

/**
 * Creates the account of a member of staff who has not come in yet, with the hash of a temporary password if there is
 * one.
 * @throws DomainError `user-exists`
 */
export async function createInvitedAccount(
  tx: Tx,
  account: {
    readonly email: string;
    readonly name: string;
    readonly passwordHash: string | null;
    /** Hours that the temporary password lives. */
    readonly passwordHours: number;
  },
): Promise<string> {
  const id = newId();
  const created = await tx.run(
    `insert into users (id, email, name, staff, password_hash, password_set_at, must_change_password,
       temporary_password_expires_at)
     values ($1, $2, $3, true, $4, case when $4::text is null then null else now() end, $4::text is not null,
       case when $4::text is null then null else now() + $5 * interval '1 hour' end)
     on conflict (email) do nothing`,
    [
      id,
      account.email.normalize('NFC').toLowerCase(),
      account.name,
      account.passwordHash,
      account.passwordHours,
    ],
  );
  if (created === 0) throw new DomainError('user-exists');
  return id;
}

/** Marks an account as one of the platform's own people. */
export async function markStaff(tx: Tx, userId: string): Promise<void> {
  await tx.run('update users set staff = true where id = $1 and not staff', [userId]);
}

/** Records that its person has taken an account over, as by accepting an invite; once. */
export async function activateAccount(tx: Tx, userId: string): Promise<void> {
  await tx.run('update users set activated_at = now() where id = $1 and activated_at is null', [
    userId,
  ]);
}

/** Stores a password that its owner chose; a temporary one is over. */
export async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<void> {
  await tx.run(
    `update users set password_hash = $2, password_set_at = now(), must_change_password = false,
       temporary_password_expires_at = null, version = version + 1
     where id = $1`,
    [userId, passwordHash],
  );
}

/** Replaces the hash of the same password, made with today's parameters; nothing when it changed meanwhile. */
export async function upgradePasswordHash(
  tx: Tx,
  userId: string,
  from: string,
  to: string,
): Promise<void> {
  await tx.run('update users set password_hash = $3 where id = $1 and password_hash = $2', [
    userId,
    from,
    to,
  ]);
}

/**
 * Deactivates an account and ends its sessions in the same transaction; repeatable.
 * @throws DomainError `user-not-found`, `last-owner`
 */
export async function deactivateAccount(
  tx: Tx,
  userId: string,
  actorId: string,
  source: RequestSource,
  reason?: string,
): Promise<void> {
  await lockOwners(tx);
  const account = await lockAccount(tx, userId);
  if (!account) throw new DomainError('user-not-found');
  if (account.status === 'deactivated') return;
  await tx.run(
    `update users set status = 'deactivated', deactivated_at = now(), version = version + 1 where id = $1`,
    [userId],
  );
  const held = await membershipsOf(tx, userId);
  if (held.some(({ scope, role }) => scope === 'platform' && role === 'owner')) {
    await requireOwner(tx);
  }
  await endSessionsOf(tx, userId);
  await audit.append(tx, {
    action: 'user.deactivated',
    crud: 'u',
    actorId,
    targets: [{ type: 'user', id: userId }],
    ...(reason === undefined ? {} : { description: reason }),
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
}

/**
 * Lets a deactivated person in again, as what they were; repeatable.
 * @throws DomainError `user-not-found`
 */
export async function reactivateAccount(
  tx: Tx,
  userId: string,
  actorId: string,
  source: RequestSource,
  reason?: string,
): Promise<void> {
  const account = await lockAccount(tx, userId);
  if (!account) throw new DomainError('user-not-found');
  if (account.status === 'active') return;
  await tx.run(
    `update users set status = 'active', deactivated_at = null, version = version + 1 where id = $1`,
    [userId],
  );
  await audit.append(tx, {
    action: 'user.activated',
    crud: 'u',
    actorId,
    targets: [{ type: 'user', id: userId }],
    ...(reason === undefined ? {} : { description: reason }),
    sourceIp: source.ip,
    userAgent: source.userAgent,
  });
}
