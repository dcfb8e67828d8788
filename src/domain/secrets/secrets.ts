import { DomainError } from '../../errors/problems';
import { ConfigError } from '../../platform/config';
import type { KeyRing, SealedPlace, SealedValue } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';

/** A value to seal, and the record that it belongs to. */
export interface NewSecret {
  readonly ownerTable: string;
  readonly ownerId: string;
  readonly field: string;
  /** Null for secrets of the platform itself. */
  readonly tenantId: string | null;
  readonly plaintext: string;
}

/** On whose behalf a secret is opened, and for what: opaque ids and catalogue words only. */
export interface Access {
  readonly who: string;
  readonly why: string;
}

interface SecretRow {
  readonly id: string;
  readonly tenant_id: string | null;
  readonly owner_table: string;
  readonly owner_id: string;
  readonly field: string;
  readonly version: number;
  readonly kid: string;
  readonly wrapped_dek: Buffer;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

const columns = `id, tenant_id, owner_table, owner_id, field, version, kid, wrapped_dek, iv, ciphertext, tag`;

const placeOf = (row: SecretRow): SealedPlace => ({
  table: row.owner_table,
  row: row.owner_id,
  field: row.field,
  tenant: row.tenant_id ?? '',
  version: row.version,
});

const sealedOf = (row: SecretRow): SealedValue => ({
  kid: row.kid,
  wrappedDek: row.wrapped_dek,
  iv: row.iv,
  ciphertext: row.ciphertext,
  tag: row.tag,
});

/** Seals a value in the caller's transaction; returns the id of its row, which is all that others may store. */
export async function seal(tx: Tx, ring: KeyRing, secret: NewSecret): Promise<string> {
  const id = newId();
  // The version is bound into the ciphertext, so that an older value cannot be put in the place of a newer one.
  const { version } = await tx.one<{ version: number }>(
    `select coalesce(max(version), 0) + 1 as version from secrets
     where owner_table = $1 and owner_id = $2 and field = $3`,
    [secret.ownerTable, secret.ownerId, secret.field],
  );
  const place: SealedPlace = {
    table: secret.ownerTable,
    row: secret.ownerId,
    field: secret.field,
    tenant: secret.tenantId ?? '',
    version,
  };
  const sealed = ring.seal(place, secret.plaintext);
  await tx.run(
    `insert into secrets
       (id, tenant_id, owner_table, owner_id, field, version, kid, wrapped_dek, iv, ciphertext, tag, fingerprint)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      id,
      secret.tenantId,
      secret.ownerTable,
      secret.ownerId,
      secret.field,
      version,
      sealed.kid,
      sealed.wrappedDek,
      sealed.iv,
      sealed.ciphertext,
      sealed.tag,
      fingerprint(ring, secret.field, secret.plaintext),
    ],
  );
  return id;
}

/** The keyed digest that a sealed value of this field has in its row: finds equal values without opening any. */
export function fingerprint(ring: KeyRing, field: string, plaintext: string): Buffer {
  return ring.fingerprint(field, plaintext);
}

/**
 * Opens a sealed value. The access-log row commits before the DEK is unwrapped, in a transaction of its own: a
 * caller that crashes or rolls back has been seen all the same.
 * @throws DomainError `input-missing` when the secret is erased
 */
export async function reveal(
  db: Database,
  ring: KeyRing,
  secretId: string,
  access: Access,
): Promise<string> {
  const row = await withSystem(db, 'identity', (tx) =>
    tx.maybe<SecretRow>(
      `with found as (select ${columns} from secrets where id = $1),
         logged as (
           insert into secret_accesses
             (id, secret_id, tenant_id, owner_table, owner_id, field, who, why, request_id)
           select $2, id, tenant_id, owner_table, owner_id, field, $3, $4, $5 from found)
       select ${columns} from found`,
      [secretId, newId(), access.who, access.why, requestContext()?.requestId ?? null],
    ),
  );
  if (!row) throw new DomainError('input-missing', { detail: 'The sealed value was erased.' });
  return ring.open(placeOf(row), sealedOf(row));
}

/** Erases a secret for good, in the caller's transaction; nothing happens when it is gone already. */
export async function erase(tx: Tx, secretId: string): Promise<void> {
  await tx.run('delete from secrets where id = $1', [secretId]);
}

/** Erases up to `limit` secrets of one kind that nobody fetched within an hour. */
export function eraseAbandoned(tx: Tx, ownerTable: string, limit: number): Promise<number> {
  return tx.run(
    `delete from secrets where id in (
       select id from secrets where owner_table = $1 and created_at < now() - interval '1 hour' limit $2)`,
    [ownerTable, limit],
  );
}

/**
 * Wraps the DEKs of up to `limit` secrets with the active KEK; returns how many. No value is decrypted, so nothing
 * is logged. Several processes may do it at a time.
 */
export async function rewrapBatch(db: Database, ring: KeyRing, limit: number): Promise<number> {
  return withSystem(db, 'identity', async (tx) => {
    const rows = await tx.rows<SecretRow>(
      `select ${columns} from secrets where kid <> $1 order by id limit $2 for update skip locked`,
      [ring.activeKid, limit],
    );
    for (const row of rows) {
      const sealed = ring.rewrap(placeOf(row), sealedOf(row));
      await tx.run(
        'update secrets set kid = $2, wrapped_dek = $3, rewrapped_at = now() where id = $1',
        [row.id, sealed.kid, sealed.wrappedDek],
      );
    }
    return rows.length;
  });
}

/**
 * Encrypts every value under a compromised KEK anew, with new DEKs, because whoever holds the KEK may hold the old
 * DEKs. Returns how many values it handled; each one is in the access log.
 * @throws Error when the compromised key is still the active one: the values would stay under it
 */
export async function reencryptCompromised(
  db: Database,
  ring: KeyRing,
  kid: string,
  access: Access = { who: 'system:identity', why: 'key compromised' },
): Promise<number> {
  if (kid === ring.activeKid) {
    throw new Error(`Put another key in front of ${kid} in SECRETS_KEY_RING first`);
  }
  let handled = 0;
  for (;;) {
    const ids = await logBatch(db, kid, access, 100);
    if (ids.length === 0) return handled;
    handled += await reencrypt(db, ring, kid, ids);
  }
}

async function logBatch(
  db: Database,
  kid: string,
  access: Access,
  limit: number,
): Promise<string[]> {
  const rows = await withSystem(db, 'identity', (tx) =>
    tx.rows<{ secret_id: string }>(
      `insert into secret_accesses (id, secret_id, tenant_id, owner_table, owner_id, field, who, why, request_id)
       select gen_random_uuid(), id, tenant_id, owner_table, owner_id, field, $2, $3, $4
       from secrets where kid = $1 order by id limit $5
       returning secret_id`,
      [kid, access.who, access.why, requestContext()?.requestId ?? null, limit],
    ),
  );
  return rows.map(({ secret_id: id }) => id);
}

async function reencrypt(
  db: Database,
  ring: KeyRing,
  kid: string,
  ids: readonly string[],
): Promise<number> {
  return withSystem(db, 'identity', async (tx) => {
    const rows = await tx.rows<SecretRow>(
      `select ${columns} from secrets where id = any($1::uuid[]) and kid = $2 order by id for no key update`,
      [ids, kid],
    );
    for (const row of rows) {
      const sealed = ring.seal(placeOf(row), ring.open(placeOf(row), sealedOf(row)));
      await tx.run(
        `update secrets set kid = $2, wrapped_dek = $3, iv = $4, ciphertext = $5, tag = $6, rewrapped_at = now()
         where id = $1`,
        [row.id, sealed.kid, sealed.wrappedDek, sealed.iv, sealed.ciphertext, sealed.tag],
      );
    }
    return rows.length;
  });
}

/** How many secrets hang on each KEK. */
export function kidsInUse(db: Database): Promise<{ kid: string; secrets: number }[]> {
  return withSystem(
    db,
    'identity',
    (tx) =>
      tx.rows<{ kid: string; secrets: number }>(
        'select kid, count(*)::int as secrets from secrets group by kid order by kid',
      ),
    { readOnly: true },
  );
}

/**
 * Refuses a key ring that lacks a KEK which secrets still hang on; for boot.
 * @throws ConfigError naming each missing one
 */
export async function requireKids(db: Database, ring: KeyRing): Promise<void> {
  const missing = (await kidsInUse(db)).filter(({ kid }) => !ring.kids.includes(kid));
  if (missing.length > 0) {
    throw new ConfigError(
      missing.map(
        ({ kid, secrets }) =>
          `SECRETS_KEY_RING lacks the key ${kid}, which ${String(secrets)} sealed value(s) need`,
      ),
    );
  }
}
