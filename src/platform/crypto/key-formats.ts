import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { base62Checksum, newKey, randomBase62 } from './keys';
import type { KeyEnvironment } from './keys';

/** The forms that an API key may have; `KEYS_FORMAT` says in which one new keys are issued. */
export const keyFormats = ['usher', 'trk', 'bp'] as const;

/** One of the forms of API keys. */
export type KeyFormat = (typeof keyFormats)[number];

/** What the text of an API key says of itself. */
export interface ReadKey {
  readonly format: KeyFormat;
  readonly environment: KeyEnvironment;
  /** The tag and the first 8 random characters: what is stored and listed. */
  readonly prefix: string;
}

/** The longest text that can be a key. */
export const longestKey = 10 + '_live_'.length + 36;

const visible = 8;
const trkLength = 31;
const trkTag = 'trk_live_'.length;
const bpBody = /^bp_[A-Za-z0-9+/_-]{22}$/;
const bpLength = 'bp_'.length + 22;
const usherBody = 30;
const usherChecksum = 6;

/**
 * Reads the text of a key in any of the forms: `<prefix>_<live|test>_` + 30 base62 + 6 base62 of their CRC32;
 * `trk_<live|test>_` and base62, 31 characters in all; `bp_` + 22 base64 or base64url, which counts as live.
 * Undefined for everything else.
 * @param usherPrefix `USHER_KEY_PREFIX`
 */
export function readKey(usherPrefix: string, text: string): ReadKey | undefined {
  switch (text.length) {
    case bpLength:
      return bpBody.test(text) ? readAs('bp', 'live', text, 'bp_'.length) : undefined;
    case trkLength: {
      const environment = tagged('trk', text);
      return environment && isBase62(text, trkTag)
        ? readAs('trk', environment, text, trkTag)
        : undefined;
    }
    case usherPrefix.length + '_live_'.length + usherBody + usherChecksum: {
      const tag = usherPrefix.length + '_live_'.length;
      const environment = tagged(usherPrefix, text);
      if (!environment || !isBase62(text, tag)) return undefined;
      const end = tag + usherBody;
      return text.slice(end) === base62Checksum(crc32(text.slice(tag, end)))
        ? readAs('usher', environment, text, tag)
        : undefined;
    }
    default:
      return undefined;
  }
}

const readAs = (
  format: KeyFormat,
  environment: KeyEnvironment,
  text: string,
  tag: number,
): ReadKey => ({ format, environment, prefix: text.slice(0, tag + visible) });

function tagged(prefix: string, text: string): KeyEnvironment | undefined {
  if (!text.startsWith(prefix)) return undefined;
  if (text.startsWith('_live_', prefix.length)) return 'live';
  return text.startsWith('_test_', prefix.length) ? 'test' : undefined;
}

function isBase62(text: string, from: number): boolean {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const digit = code >= 48 && code <= 57;
    const upper = code >= 65 && code <= 90;
    const lower = code >= 97 && code <= 122;
    if (!digit && !upper && !lower) return false;
  }
  return true;
}

/** The environments that keys of a form can say they are for. */
export function environmentsOf(format: KeyFormat): readonly KeyEnvironment[] {
  return format === 'bp' ? ['live'] : ['live', 'test'];
}

/**
 * A new key: about 178 random bits in Usher's own form, 131 as `trk`, 132 as `bp`.
 * @throws RangeError for an environment that the form does not have: ask `environmentsOf` first
 */
export function mintKey(
  format: KeyFormat,
  usherPrefix: string,
  environment: KeyEnvironment,
): string {
  if (!environmentsOf(format).includes(environment)) {
    throw new RangeError(`Keys of the form ${format} are never ${environment}`);
  }
  switch (format) {
    case 'usher':
      return newKey(usherPrefix, environment);
    case 'trk':
      return `trk_${environment}_${randomBase62(trkLength - trkTag)}`;
    case 'bp':
      // 17 bytes are 136 bits: more than the 132 that 22 characters hold.
      return `bp_${randomBytes(17).toString('base64url').slice(0, 22)}`;
  }
}
