/** A hash under which another system kept a key. */
export type ForeignHash =
  | { readonly kind: 'sha256'; readonly digest: Buffer }
  | { readonly kind: 'argon2id'; readonly salt: Buffer; readonly digest: Buffer };

/** Bytes of either digest. */
const digestLength = 32;

/** Fewest and most bytes of a salt: the least that argon2 takes, and more than anybody uses. */
const saltLengths = { min: 8, max: 64 } as const;

const hexadecimal = /^[0-9a-f]{64}$/i;
const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * Reads a hash: SHA-256 as 64 hexadecimal digits, or `argon2id|salt|hash` in base64 or base64url, made with t=1,
 * m=64 MiB, p=4 and 32 bytes. Undefined for anything else.
 */
export function readForeignHash(text: string): ForeignHash | undefined {
  if (hexadecimal.test(text)) {
    return { kind: 'sha256', digest: Buffer.from(text, 'hex') };
  }
  const [kind, saltText = '', digestText = '', ...rest] = text.split('|');
  if (kind !== 'argon2id' || rest.length > 0) return undefined;
  const [salt, digest] = [bytesOf(saltText), bytesOf(digestText)];
  if (!salt || digest?.length !== digestLength) return undefined;
  if (salt.length < saltLengths.min || salt.length > saltLengths.max) return undefined;
  return { kind: 'argon2id', salt, digest };
}

function bytesOf(text: string): Buffer | undefined {
  return base64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
