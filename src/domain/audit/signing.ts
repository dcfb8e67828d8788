import type { NamedKey } from '../../platform/config-values';
import { noteName } from './heads.rules';
import type { NoteKind } from './heads.rules';
import { ed25519Signer, hmacSigner, publicKeyOf, vkeyOf } from './notes';
import type { NoteSigner } from './notes';

/** What a process signs with; the API has none of it. */
export interface SigningKeys {
  /** ed25519 seeds: the first signs, those behind it hand over to it. */
  readonly seeds: readonly NamedKey[];
  /** For the HMAC line; its id is the label that the line's key id comes from. */
  readonly hmac: NamedKey;
}

/** A signing key in a log: what it is known as, and how it signs each kind of note. */
export interface LogKey {
  readonly vkey: string;
  signer(kind: NoteKind): NoteSigner;
}

/** The signing keys as keys of a log, the active one first. */
export function logKeys(keys: SigningKeys, origin: string): LogKey[] {
  return keys.seeds.map(({ key }) => ({
    vkey: vkeyOf(origin, publicKeyOf(key)),
    signer: (kind) => ed25519Signer(noteName(origin, kind), key),
  }));
}

/** The HMAC line of a log's notes. */
export function hmacLine(keys: SigningKeys, origin: string, kind: NoteKind): NoteSigner {
  return hmacSigner(noteName(origin, kind), keys.hmac.id, keys.hmac.key);
}
