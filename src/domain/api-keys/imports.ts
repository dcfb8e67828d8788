import { DomainError } from '../../errors/problems';
import type { KeyEnvironment } from '../../platform/crypto/keys';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { digestOf } from '../../platform/peppers';
import type { RequestSource } from '../identity/callers';
import { findByDigests, insertApiKey } from './api-keys';
import type { ApiKey } from './api-keys';
import type { ApiKeyDeps, ApiKeyMaterial } from './deps';
import { readForeignHash } from './imported-hashes';
import type { ForeignHash } from './imported-hashes';
import type { Issuer } from './issuers.rules';
import { admitKey } from './reach';
import type { WantedKey } from './reach';
import { auditKey, emitKeyEvent } from './records';

/** A key of another system, of which only the hash is known. */
export interface ForeignKey extends WantedKey {
  /** The tag and the first 8 characters. */
  readonly prefix: string;
  /** SHA-256 in hexadecimal, or `argon2id|salt|hash`. */
  readonly hash: string;
}

/** Most slow hashes of one prefix: each is computed when a key with that prefix is presented for the first time. */
const mostOfPrefix = 8;

/**
 * Takes a key of another system over. A SHA-256 becomes a digest of ours at once, since ours is made of one; a slow
 * hash waits, under the prefix of its key, for the first use.
 * @throws DomainError `tenant-not-found`, `tenant-without-keys`, `plan-limit-reached`, `role-too-high`,
 *   `scope-too-high`, `scope-planned`, `foreign-prefix-crowded`, `api-key-exists`, `validation-failed`
 */
export async function importKey(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'apiKeys'>,
  issuer: Issuer,
  wanted: ForeignKey,
  source: RequestSource,
): Promise<ApiKey> {
  const environment = environmentOf(deps.apiKeys, wanted.prefix);
  const hash = readForeignHash(wanted.hash);
  if (!hash) throw mistake('/hash', 'must be 32 bytes of SHA-256 or argon2id|salt|hash');
  const admitted = await admitKey(tx, issuer, wanted);
  const { prefix } = wanted;
  const digest =
    hash.kind === 'sha256' ? await digestOf(tx, deps.apiKeys.hasher, hash.digest) : null;
  // Under another pepper it has another digest, and the key would be there twice: once of them ended, the other good.
  if (digest && (await findByDigests(tx, deps.apiKeys.hasher.candidates(hash.digest))))
    throw new DomainError('api-key-exists');
  const id = newId();
  const own = { id, familyId: id, prefix, digest, environment, imported: true };
  const key = await insertApiKey(tx, { ...admitted, ...own });
  if (hash.kind === 'argon2id') await insertSlowHash(tx, key, hash);
  await emitKeyEvent(tx, 'apikey.imported.v1', key, { hash: hash.kind });
  await auditKey(tx, 'apikey.imported', key, {
    actorId: issuer.actorId,
    source,
    crud: 'c',
    metadata: { hash: hash.kind, scopes: key.scopes.join(' '), role: key.role },
  });
  return key;
}

async function insertSlowHash(
  tx: Tx,
  key: ApiKey,
  hash: ForeignHash & { readonly kind: 'argon2id' },
): Promise<void> {
  // One import of a prefix after the other, so that the count holds.
  await tx.run(`select pg_advisory_xact_lock(hashtextextended('foreign-prefix/' || $1, 0))`, [
    key.prefix,
  ]);
  const { n, known } = await tx.one<{ n: number; known: boolean }>(
    `select count(*)::int as n, coalesce(bool_or(salt = $2 and hash = $3), false) as known
     from api_key_foreign_hashes where prefix = $1`,
    [key.prefix, hash.salt, hash.digest],
  );
  if (known) throw new DomainError('api-key-exists');
  if (n >= mostOfPrefix) throw new DomainError('foreign-prefix-crowded');
  await tx.run(
    `insert into api_key_foreign_hashes (key_id, tenant_id, prefix, salt, hash) values ($1, $2, $3, $4, $5)`,
    [key.id, key.tenantId, key.prefix, hash.salt, hash.digest],
  );
}

// A key of this prefix, of one of the forms that are accepted, tells by its tag what it is for.
function environmentOf(keys: ApiKeyMaterial, prefix: string): KeyEnvironment {
  const tag = prefix.slice(0, -8);
  const forms: Readonly<Record<string, KeyEnvironment>> = {
    bp_: 'live',
    trk_live_: 'live',
    trk_test_: 'test',
    [`${keys.prefix}_live_`]: 'live',
    [`${keys.prefix}_test_`]: 'test',
  };
  const environment = Object.hasOwn(forms, tag) ? forms[tag] : undefined;
  if (environment === undefined) {
    throw mistake('/prefix', `must begin with ${Object.keys(forms).join(', ')}`);
  }
  return environment;
}

const mistake = (pointer: string, message: string): DomainError =>
  new DomainError('validation-failed', { errors: [{ pointer, message }] });
