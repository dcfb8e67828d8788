import { DomainError } from '../../errors/problems';
import { environmentsOf, mintKey, readKey } from '../../platform/crypto/key-formats';
import type { KeyDigest, KeyEnvironment } from '../../platform/crypto/keys';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { digestOf } from '../../platform/peppers';
import type { RequestSource } from '../identity/callers';
import { insertApiKey } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps, ApiKeyMaterial } from './deps';
import type { Issuer } from './issuers.rules';
import { admitKey } from './reach';
import type { WantedKey } from './reach';
import { auditKey, emitKeyEvent } from './records';

/** A key with its plaintext, which is in this object and the answer made of it, and nowhere else. */
export interface IssuedKey {
  readonly key: ApiKey;
  readonly plaintext: string;
}

/**
 * Issues a key within what its issuer and the plan allow.
 * @throws DomainError `tenant-not-found`, `tenant-without-keys`, `environment-not-issued`, `plan-limit-reached`,
 *   `role-too-high`, `scope-too-high`, `scope-planned`, `validation-failed`
 */
export async function issueKey(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'apiKeys'>,
  issuer: Issuer,
  wanted: WantedKey & { readonly environment: KeyEnvironment },
  source: RequestSource,
): Promise<IssuedKey> {
  const admitted = await admitKey(tx, issuer, wanted);
  const { environment } = wanted;
  const { plaintext, prefix, digest } = await mint(tx, deps.apiKeys, environment);
  const id = newId();
  const own = { id, familyId: id, prefix, digest, environment, imported: false };
  const key = await insertApiKey(tx, { ...admitted, ...own });
  await emitKeyEvent(tx, 'cabinet.apikey.created.v1', key, {
    environment: key.environment,
    created_by_admin: key.createdByAdmin,
  });
  await auditKey(tx, 'apikey.created', key, {
    actorId: issuer.actorId,
    source,
    crud: 'c',
    metadata: {
      environment: key.environment,
      scopes: key.scopes.join(' '),
      role: key.role,
      created_by_admin: key.createdByAdmin,
    },
  });
  return { key, plaintext };
}

/** A new key before it has a row. */
export interface MintedKey {
  readonly plaintext: string;
  readonly prefix: string;
  readonly digest: KeyDigest;
}

/**
 * Makes a key of the form that is issued here.
 * @param fallback takes Usher's own form where that one has no such environment
 * @throws DomainError `environment-not-issued`
 */
export async function mint(
  tx: Tx,
  keys: ApiKeyMaterial,
  environment: KeyEnvironment,
  fallback = false,
): Promise<MintedKey> {
  const fits = environmentsOf(keys.format).includes(environment);
  if (!fits && !fallback) throw new DomainError('environment-not-issued');
  const plaintext = mintKey(fits ? keys.format : 'usher', keys.prefix, environment);
  const prefix = readKey(keys.prefix, plaintext)?.prefix;
  if (prefix === undefined) throw new Error('A key was made that cannot be read');
  return { plaintext, prefix, digest: await digestOf(tx, keys.hasher, plaintext) };
}
