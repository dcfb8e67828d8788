import type { KeyRing } from '../../platform/crypto/sealing';
import type { Tx } from '../../platform/db';
import { erase, seal } from '../secrets/secrets';

/** What the steps of an onboarding may be given. */
export interface Inputs {
  readonly spreadsheetId: string | null;
  readonly ownerEmail: string | null;
  readonly wbTokenSecretId: string | null;
  readonly wbTokenFingerprint: Buffer | null;
}

/** New values; absent ones stay as they are. */
export interface NewInputs {
  readonly spreadsheetId?: string | undefined;
  readonly ownerEmail?: string | undefined;
  readonly wbToken?: string | undefined;
}

/** The inputs of an onboarding; all null when nothing was handed over yet. */
export async function readInputs(tx: Tx, onboardingId: string): Promise<Inputs> {
  const row = await tx.maybe<Inputs>(
    `select spreadsheet_id as "spreadsheetId", owner_email as "ownerEmail",
       wb_token_secret_id as "wbTokenSecretId", wb_token_fingerprint as "wbTokenFingerprint"
     from onboarding_inputs where onboarding_id = $1`,
    [onboardingId],
  );
  return (
    row ?? {
      spreadsheetId: null,
      ownerEmail: null,
      wbTokenSecretId: null,
      wbTokenFingerprint: null,
    }
  );
}

/** Keyed digest by which an equal token is recognised without opening the sealed one. */
export function tokenFingerprint(ring: KeyRing, wbToken: string): Buffer {
  return ring.fingerprint('wb-token', wbToken);
}

/** Stores new inputs; a token is sealed, the one before it is erased. */
export async function writeInputs(
  tx: Tx,
  ring: KeyRing,
  owner: { readonly onboardingId: string; readonly tenantId: string },
  inputs: NewInputs,
): Promise<void> {
  const before = await readInputs(tx, owner.onboardingId);
  const sealed =
    inputs.wbToken === undefined
      ? undefined
      : await seal(tx, ring, {
          ownerTable: 'onboarding_inputs',
          ownerId: owner.onboardingId,
          field: 'wb_token',
          tenantId: owner.tenantId,
          plaintext: inputs.wbToken,
        });
  await tx.run(
    `insert into onboarding_inputs
       (onboarding_id, tenant_id, spreadsheet_id, owner_email, wb_token_secret_id, wb_token_fingerprint)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (onboarding_id) do update set
       spreadsheet_id = coalesce(excluded.spreadsheet_id, onboarding_inputs.spreadsheet_id),
       owner_email = coalesce(excluded.owner_email, onboarding_inputs.owner_email),
       wb_token_secret_id = coalesce(excluded.wb_token_secret_id, onboarding_inputs.wb_token_secret_id),
       wb_token_fingerprint = coalesce(excluded.wb_token_fingerprint, onboarding_inputs.wb_token_fingerprint),
       updated_at = now()`,
    [
      owner.onboardingId,
      owner.tenantId,
      inputs.spreadsheetId ?? null,
      inputs.ownerEmail ?? null,
      sealed ?? null,
      inputs.wbToken === undefined ? null : tokenFingerprint(ring, inputs.wbToken),
    ],
  );
  if (sealed && before.wbTokenSecretId) await erase(tx, before.wbTokenSecretId);
}

/** Puts a proven token of a rotation in the place of the old one. */
export async function replaceToken(
  tx: Tx,
  owner: { readonly onboardingId: string; readonly tenantId: string },
  token: { readonly secretId: string; readonly fingerprint: Buffer },
): Promise<void> {
  const before = await readInputs(tx, owner.onboardingId);
  await tx.run(
    `insert into onboarding_inputs (onboarding_id, tenant_id, wb_token_secret_id, wb_token_fingerprint)
     values ($1, $2, $3, $4)
     on conflict (onboarding_id) do update set wb_token_secret_id = excluded.wb_token_secret_id,
       wb_token_fingerprint = excluded.wb_token_fingerprint, updated_at = now()`,
    [owner.onboardingId, owner.tenantId, token.secretId, token.fingerprint],
  );
  if (before.wbTokenSecretId) await erase(tx, before.wbTokenSecretId);
}
