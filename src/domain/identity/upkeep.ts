import { ConfigError } from '../../platform/config';
import type { KeyHasher } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import { sweepLoginLinks } from './login-links';
import { retireIssuerRoles } from './memberships';
import { sweepOidcFlows } from './oidc-flows';
import { peppersInUse } from './service-accounts';
import { sweepSessions } from './sessions';

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
