import type { Tx } from '../../platform/db';
import { eraseAbandoned } from '../secrets/secrets';

/** A sign-in at an identity provider that has begun and not come back. */
export interface OidcFlow {
  /** The sealed part: verifier, nonce, what was wished for. */
  readonly secretId: string;
  readonly returnTo: string | null;
  /** The hash of the token of the invite that it was begun for. */
  readonly inviteHash: Buffer | null;
}

/** Writes a flow down; it is over after so many minutes. */
export async function beginFlow(
  tx: Tx,
  flow: OidcFlow & {
    readonly stateHash: Buffer;
    readonly issuer: string;
    readonly minutes: number;
  },
): Promise<void> {
  await tx.run(
    `insert into oidc_flows (state_hash, issuer_name, secret_id, invite_token_hash, return_to, expires_at)
     values ($1, $2, $3, $4, $5, now() + make_interval(mins => $6))`,
    [flow.stateHash, flow.issuer, flow.secretId, flow.inviteHash, flow.returnTo, flow.minutes],
  );
}

/** Takes a flow, once; undefined when there is none or it is over. Its secret is the caller's to open and erase. */
export function endFlow(tx: Tx, stateHash: Buffer, issuer: string): Promise<OidcFlow | undefined> {
  return tx.maybe<OidcFlow>(
    `delete from oidc_flows where state_hash = $1 and issuer_name = $2 and expires_at > now()
     returning secret_id as "secretId", return_to as "returnTo", invite_token_hash as "inviteHash"`,
    [stateHash, issuer],
  );
}

/** Removes up to `limit` sign-ins that were never finished, and what was sealed for them. */
export async function sweepOidcFlows(tx: Tx, limit: number): Promise<number> {
  const flows = await tx.run(
    `delete from oidc_flows where state_hash in (
       select state_hash from oidc_flows where expires_at < now() - interval '1 hour' limit $1)`,
    [limit],
  );
  return flows + (await eraseAbandoned(tx, 'oidc_flows', limit));
}
