import { hashToken, newToken } from '../../platform/crypto/tokens';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';

/** A token that was just minted: its row, and the plaintext for the mail or the answer. */
export interface MintedToken {
  readonly id: string;
  readonly token: string;
}

/** Mints a token for an invite; only its hash is stored. A resend ends all tokens before it. */
export async function mintToken(
  tx: Tx,
  invite: { readonly id: string; readonly tenant_id: string },
  purpose: 'first' | 'resend' | 'reminder',
): Promise<MintedToken> {
  const [id, token] = [newId(), newToken()];
  if (purpose === 'resend') {
    await tx.run(
      'update invite_tokens set superseded_at = now() where invite_id = $1 and superseded_at is null',
      [invite.id],
    );
  }
  await tx.run(
    'insert into invite_tokens (id, invite_id, tenant_id, token_hash, purpose) values ($1, $2, $3, $4, $5)',
    [id, invite.id, invite.tenant_id, hashToken(token), purpose],
  );
  return { id, token };
}

/** The link that a token opens. */
export function activationLink(
  deps: { readonly config: { readonly PUBLIC_URL: string } },
  token: string,
): string {
  return `${deps.config.PUBLIC_URL}/invite/${token}`;
}
