import { hash, hkdfSync, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { NamedKey } from '../config-values';
import { sameDigest } from './tokens';

/** What a key may be used on. */
export type KeyEnvironment = 'live' | 'test';

/** Labels that keep digests of different kinds of keys apart, although they share peppers and format. */
export type KeyLabel = 'usher/api-key/v1' | 'usher/service-account/v1';

/** A digest as it is stored, and the pepper that it was made with. */
export interface KeyDigest {
  readonly pepperId: string;
  readonly digest: Buffer;
}

/** Makes what is stored of keys. */
export interface KeyHasher {
  readonly activePepperId: string;
  /** All of them, the active one first. */
  readonly pepperIds: readonly string[];
  /** Digest under the active pepper. */
  digest(key: string): KeyDigest;
  /** Digests under every pepper, the active one first; of a key, or of the SHA-256 that is known of it. */
  candidates(key: string | Buffer): readonly KeyDigest[];
  /** The same as hex, without their peppers: what the hot path needs. */
  hexCandidates(key: string): readonly string[];
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const bodyLength = 30;
const checksumLength = 6;

/**
 * A new key: `<prefix>_<live|test>_`, 30 random base62 characters (about 178 bits), 6 base62 characters of their
 * CRC32. The checksum lets scanners drop look-alikes offline; it is no protection.
 */
export function newKey(prefix: string, environment: KeyEnvironment): string {
  const body = randomBase62(bodyLength);
  return `${prefix}_${environment}_${body}${checksumOf(body)}`;
}

/** Random base62 characters, each as likely as any other. */
export function randomBase62(length: number): string {
  let text = '';
  // Bytes from 248 on are dropped: 248 is the largest multiple of 62 in a byte, so no character is likelier.
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62);
    }
  }
  return text;
}

const checksumOf = (body: string): string => base62Checksum(crc32(body));

/** A CRC32 as 6 base62 characters. */
export function base62Checksum(crc: number): string {
  let rest = crc;
  let text = '';
  while (text.length < checksumLength) {
    text = alphabet.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/**
 * The environment of a well-formed key, or undefined. Does the same work for every text of a key's length,
 * wherever it is wrong.
 */
export function parseKey(prefix: string, text: string): KeyEnvironment | undefined {
  if (text.length !== prefix.length + '_live_'.length + bodyLength + checksumLength) {
    return undefined;
  }
  const [head, body, checksum] = [
    text.slice(0, -(bodyLength + checksumLength)),
    text.slice(-(bodyLength + checksumLength), -checksumLength),
    text.slice(-checksumLength),
  ];
  const live = same(head, `${prefix}_live_`);
  const test = same(head, `${prefix}_test_`);
  const clean = /^[0-9A-Za-z]*$/.test(body + checksum);
  const intact = same(checksum, checksumOf(body));
  return Number(clean) & Number(intact) & (Number(live) | Number(test))
    ? live
      ? 'live'
      : 'test'
    : undefined;
}

function same(a: string, b: string): boolean {
  return sameDigest(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** What lists show of a key: the tag and the first 8 random characters. */
export function visiblePrefix(key: string): string {
  return key.slice(0, -(bodyLength + checksumLength) + 8);
}

/**
 * Builds the hasher of one kind of keys: `HMAC-SHA-256(HKDF(pepper, label), SHA-256(key))`. A slow hash would add
 * nothing at 178 random bits; the pepper keeps a stolen table useless and a planted digest out.
 * @param peppers the first is active, the others are for look-up
 */
export function createKeyHasher(peppers: readonly NamedKey[], label: KeyLabel): KeyHasher {
  const macs = peppers.map(({ id, key }) => ({
    id,
    mac: createMac(Buffer.from(hkdfSync('sha256', key, '', label, 32))),
  }));
  const [active] = macs;
  if (!active) throw new Error('KEYS_HASH_PEPPER is empty');

  const under = ({ id, mac }: (typeof macs)[number], inner: Buffer): KeyDigest => ({
    pepperId: id,
    digest: Buffer.from(mac(inner), 'hex'),
  });
  const innerOf = (key: string): Buffer => hash('sha256', key, 'buffer');

  return {
    activePepperId: active.id,
    pepperIds: macs.map(({ id }) => id),
    digest: (key) => under(active, innerOf(key)),
    candidates: (key) => {
      const inner = typeof key === 'string' ? innerOf(key) : key;
      return macs.map((mac) => under(mac, inner));
    },
    hexCandidates: (key) => {
      const inner = innerOf(key);
      return macs.map(({ mac }) => mac(inner));
    },
  };
}

const blockLength = 64;
const digestLength = 32;

/**
 * HMAC-SHA-256 of 32 bytes under a key of 32 bytes (RFC 2104), as hex, by the one-shot hash: the streaming objects of
 * createHmac cost several times the hashing, on every request.
 */
function createMac(key: Buffer): (text: Buffer) => string {
  const padded = (pad: number): Buffer => {
    const block = Buffer.alloc(blockLength + digestLength, pad);
    for (const [at, byte] of key.entries()) block[at] = byte ^ pad;
    return block;
  };
  const [inner, outer] = [padded(0x36), padded(0x5c)];
  return (text) => {
    text.copy(inner, blockLength);
    hash('sha256', inner, 'buffer').copy(outer, blockLength);
    return hash('sha256', outer, 'hex');
  };
}
