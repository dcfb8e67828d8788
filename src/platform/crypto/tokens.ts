import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new 256-bit bearer token, base64url (43 characters). */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a token: SHA-256. A slow hash would add nothing at 256 random bits. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** HMAC-SHA-256 of a text. */
export function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

/** Compares two digests in constant time; false when their lengths differ. */
export function sameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Signs a JSON value: `base64url(json).base64url(hmac)`. `purpose` separates forms, cursors and cookies from each
 * other.
 */
export function signValue(key: Buffer, purpose: string, value: unknown): string {
  const body = Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${body}.${hmac(key, `${purpose}\n${body}`).toString('base64url')}`;
}

/** The value of a signed text, or undefined when the signature does not hold for this purpose. */
export function verifyValue(key: Buffer, purpose: string, text: string): unknown {
  const at = text.lastIndexOf('.');
  if (at < 0 || text.length > 4096) return undefined;
  const body = text.slice(0, at);
  const signature = Buffer.from(text.slice(at + 1), 'base64url');
  if (!sameDigest(signature, hmac(key, `${purpose}\n${body}`))) return undefined;
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
