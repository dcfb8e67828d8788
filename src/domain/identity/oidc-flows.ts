import type { Tx } from '../../platform/db';
import { eraseAbandoned } from '../secrets/secrets';

/** Removes up to `limit` sign-ins that were never finished, and what was sealed for them. */
export async function sweepOidcFlows(tx: Tx, limit: number): Promise<number> {
  const flows = await tx.run(
    `delete from oidc_flows where state_hash in (
       select state_hash from oidc_flows where expires_at < now() - interval '1 hour' limit $1)`,
    [limit],
  );
  return flows + (await eraseAbandoned(tx, 'oidc_flows', limit));
}
