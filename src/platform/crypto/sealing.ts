import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { NamedKey } from '../config-values';
import { hmac } from './tokens';

/** Where a sealed value belongs; bound into the ciphertext, so that no row can be swapped for another. */
export interface SealedPlace {
  readonly table: string;
  readonly row: string;
  readonly field: string;
  readonly tenant: string;
  readonly version: number;
}

/** A value sealed under its own DEK, which the KEK named `kid` wraps. */
export interface SealedValue {
  readonly kid: string;
  readonly wrappedDek: Buffer;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** The key ring: KEKs by id, the first one active. */
export interface KeyRing {
  readonly activeKid: string;
  readonly kids: readonly string[];
  seal(place: SealedPlace, plaintext: string): SealedValue;
  /** @throws Error when the kid is unknown or the value was moved or altered. */
  open(place: SealedPlace, sealed: SealedValue): string;
  /** The same DEK wrapped by the active KEK. */
  rewrap(place: SealedPlace, sealed: SealedValue): SealedValue;
  /** Keyed digest that finds equal values without opening them. */
  fingerprint(purpose: string, plaintext: string): Buffer;
  /** A 32-byte key of this ring for one purpose (HKDF-SHA-256). */
  derive(purpose: string, salt?: Buffer): Buffer;
}

// Length-prefixed, so that no two places share an encoding.
function aadOf(place: SealedPlace): Buffer {
  const parts = [place.table, place.row, place.field, place.tenant, String(place.version)];
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function encrypt(
  key: Buffer,
  aad: Buffer,
  plaintext: Buffer,
): { iv: Buffer; ciphertext: Buffer; tag: Buffer } {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { iv, ciphertext, tag: cipher.getAuthTag() };
}

function decrypt(key: Buffer, aad: Buffer, iv: Buffer, ciphertext: Buffer, tag: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 }).setAAD(aad);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

/** Builds the key ring; AES-256-GCM with 12-byte random IVs (NIST SP 800-38D). */
export function createKeyRing(keys: readonly NamedKey[]): KeyRing {
  const byKid = new Map(keys.map(({ id, key }) => [id, key]));
  const [active] = keys;
  if (!active) throw new Error('The key ring is empty');
  // Fingerprints and one-time seals hang on the oldest key, so that adding a new active one changes none of them.
  const oldest = keys.at(-1) ?? active;

  const wrap = (aad: Buffer, dek: Buffer): Buffer => {
    const { iv, ciphertext, tag } = encrypt(active.key, aad, dek);
    return Buffer.concat([iv, tag, ciphertext]);
  };
  const unwrap = (aad: Buffer, kid: string, wrapped: Buffer): Buffer => {
    const kek = byKid.get(kid);
    if (!kek) throw new Error(`The key ring has no key ${kid}`);
    return decrypt(
      kek,
      aad,
      wrapped.subarray(0, 12),
      wrapped.subarray(28),
      wrapped.subarray(12, 28),
    );
  };
  const derive = (purpose: string, salt = Buffer.alloc(0)): Buffer =>
    Buffer.from(hkdfSync('sha256', oldest.key, salt, purpose, 32));

  return {
    activeKid: active.id,
    kids: [...byKid.keys()],
    seal: (place, plaintext) => {
      const aad = aadOf(place);
      const dek = randomBytes(32);
      const { iv, ciphertext, tag } = encrypt(dek, aad, Buffer.from(plaintext, 'utf8'));
      return { kid: active.id, wrappedDek: wrap(aad, dek), iv, ciphertext, tag };
    },
    open: (place, sealed) => {
      const aad = aadOf(place);
      const dek = unwrap(aad, sealed.kid, sealed.wrappedDek);
      return decrypt(dek, aad, sealed.iv, sealed.ciphertext, sealed.tag).toString('utf8');
    },
    rewrap: (place, sealed) => {
      const aad = aadOf(place);
      const dek = unwrap(aad, sealed.kid, sealed.wrappedDek);
      return { ...sealed, kid: active.id, wrappedDek: wrap(aad, dek) };
    },
    fingerprint: (purpose, plaintext) => hmac(derive(`usher/fingerprint/${purpose}/v1`), plaintext),
    derive,
  };
}
