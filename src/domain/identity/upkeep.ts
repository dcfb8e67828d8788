import { DomainError } from '../../errors/problems';
import { ConfigError } from '../../platform/config';
import type { KeyHasher } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import { createAccount, findAccountByEmail } from './accounts';
import { mintLoginLink, sweepLoginLinks } from './login-links';
import type { LoginLink } from './login-links';
import { retireIssuerRoles } from './memberships';
import { sweepOidcFlows } from './oidc-sign-in';
import { makeOwner } from './platform-roles';
import { peppersInUse } from './service-accounts';
import { sweepSessions } from './sessions';

/** An owner as the command line made or found it. */
export interface Owner {
  readonly userId: string;
  readonly created: boolean;
}

/**
 * Makes somebody an owner: creates the account where there is none, and gives the role. Repeatable.
 * @param owner.passwordHash null when the owner signs in with links; an existing account keeps its password
 * @throws DomainError `user-deactivated`
 */
export function createOwner(
  db: Database,
  owner: {
    readonly email: string;
    readonly name?: string | undefined;
    readonly locale?: string | undefined;
    readonly passwordHash: string | null;
  },
): Promise<Owner> {
  return withSystem(db, 'cli', async (tx) => {
    const existing = await findAccountByEmail(tx, owner.email);
    if (existing && existing.status !== 'active') throw new DomainError('user-deactivated');
    const userId = existing?.id ?? (await createAccount(tx, { ...owner, staff: true }));
    if (!existing) {
      await audit.append(tx, {
        action: 'user.created',
        crud: 'c',
        actorId: 'system:cli',
        targets: [{ type: 'user', id: userId }],
        component: 'cli',
      });
    }
    await makeOwner(tx, userId);
    return { userId, created: !existing };
  });
}

/** Makes a login link for the command line to print. @throws DomainError `user-not-found`, `user-deactivated` */
export function printableLoginLink(db: Database, email: string): Promise<LoginLink> {
  return withSystem(db, 'cli', async (tx) => {
    const account = await findAccountByEmail(tx, email);
    if (!account) throw new DomainError('user-not-found');
    if (account.status !== 'active') throw new DomainError('user-deactivated');
    await audit.append(tx, {
      action: 'login_link.printed',
      crud: 'c',
      actorId: 'system:cli',
      targets: [{ type: 'user', id: account.id }],
      component: 'cli',
    });
    return mintLoginLink(tx, account.id);
  });
}

/** Removes what is over: sessions, login links and sign-ins at providers; returns how many rows. For the worker. */
export function sweepIdentity(db: Database, limit: number): Promise<number> {
  return withSystem(
    db,
    'identity',
    async (tx) =>
      (await sweepSessions(tx, limit)) +
      (await sweepLoginLinks(tx, limit)) +
      (await sweepOidcFlows(tx, limit)),
  );
}

/**
 * Settles at boot what hangs on the configuration: withdraws roles of issuers that are gone.
 * @throws ConfigError when a pepper is missing that service accounts still hang on
 */
export async function settleIdentity(
  db: Database,
  configured: { readonly issuerNames: readonly string[]; readonly hasher: KeyHasher },
): Promise<void> {
  const known = configured.hasher.pepperIds;
  const missing = (await peppersInUse(db)).filter(({ pepperId }) => !known.includes(pepperId));
  if (missing.length > 0) {
    throw new ConfigError(
      missing.map(
        ({ pepperId, accounts }) =>
          `KEYS_HASH_PEPPER lacks the pepper ${pepperId}, which ${String(accounts)} service account(s) need`,
      ),
    );
  }
  await withSystem(db, 'boot', (tx) => retireIssuerRoles(tx, configured.issuerNames));
}
