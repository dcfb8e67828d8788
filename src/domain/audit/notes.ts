import { createHmac, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { sha256 } from './hashes';

// C2SP signed notes: https://c2sp.org/signed-note

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  /** Four bytes, lower-case hex. */
  readonly keyId: string;
  readonly signature: Buffer;
}

/** A note taken apart; nothing is verified yet. */
export interface Note {
  /** The signed text, with its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** What adds a line to a note. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: Buffer;
  readonly sign: (text: string) => Buffer;
}

/** A public key under the name that it signs as. */
export interface VerifierKey {
  readonly name: string;
  /** Four bytes, lower-case hex. */
  readonly keyId: string;
  /** 32 bytes, ed25519. */
  readonly publicKey: Buffer;
}

const ed25519Type = Buffer.of(1);
/** Signature types without a number of their own begin with 0xff and a name that nobody else has. */
const hmacType = Buffer.concat([Buffer.of(0xff), Buffer.from('usher-hmac-sha256\n')]);

const dash = '\u2014';
const mostSignatures = 16;

function keyIdOf(name: string, type: Buffer, key: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`), type, key])).subarray(0, 4);
}

/** The public key of an ed25519 seed of 32 bytes. */
export function publicKeyOf(seed: Uint8Array): Buffer {
  const { x = '' } = createPublicKey(privateKey(seed)).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

const privateKey = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });

/** A signer by an ed25519 seed. */
export function ed25519Signer(name: string, seed: Uint8Array): NoteSigner {
  const key = privateKey(seed);
  return {
    name,
    keyId: keyIdOf(name, ed25519Type, publicKeyOf(seed)),
    sign: (text) => sign(null, Buffer.from(text), key),
  };
}

/**
 * A line by HMAC-SHA-256, for whoever holds the key. Its key id comes from a label and tells nothing of the key, and
 * the line never makes a note valid: who can check it can forge it.
 */
export function hmacSigner(name: string, label: string, key: Uint8Array): NoteSigner {
  return {
    name,
    keyId: keyIdOf(name, hmacType, Buffer.from(label)),
    sign: (text) => createHmac('sha256', key).update(text).digest(),
  };
}

/** Signs a text, which ends in a newline. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const lines = signers.map(
    ({ name, keyId, sign: signText }) =>
      `${dash} ${name} ${Buffer.concat([keyId, signText(text)]).toString('base64')}\n`,
  );
  return `${text}\n${lines.join('')}`;
}

const signatureLine = new RegExp(`^${dash} ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})$`);

/** Takes a note apart; undefined for a text that is none. */
export function openNote(note: string): Note | undefined {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(note))
    return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of note.slice(end + 2, -1).split('\n')) {
    const [, name, encoded] = signatureLine.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? '', 'base64');
    if (name === undefined || bytes.length < 5 || signatures.length === mostSignatures)
      return undefined;
    signatures.push({
      name,
      keyId: bytes.subarray(0, 4).toString('hex'),
      signature: bytes.subarray(4),
    });
  }
  return { text: note.slice(0, end + 1), signatures };
}

/** The verifier key of a public key under a name, as `name+keyid+base64(type ‖ key)`. */
export function vkeyOf(name: string, publicKey: Uint8Array): string {
  const id = keyIdOf(name, ed25519Type, publicKey).toString('hex');
  return `${name}+${id}+${Buffer.concat([ed25519Type, publicKey]).toString('base64')}`;
}

/** Reads a verifier key; undefined for anything else, and for a key that does not belong to its id. */
export function readVkey(vkey: string): VerifierKey | undefined {
  const [, name = '', keyId = '', encoded = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(vkey.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 33 || bytes[0] !== 1) return undefined;
  const publicKey = bytes.subarray(1);
  if (keyIdOf(name, ed25519Type, publicKey).toString('hex') !== keyId) return undefined;
  return { name, keyId, publicKey };
}

/** The same public key under another name. */
export function renamed({ publicKey }: VerifierKey, name: string): VerifierKey {
  return { name, keyId: keyIdOf(name, ed25519Type, publicKey).toString('hex'), publicKey };
}

/** Whether a note carries a valid line of a key: `absent` when it has no line of it at all. */
export function checkNote(note: Note, key: VerifierKey): 'valid' | 'invalid' | 'absent' {
  const line = note.signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId);
  if (!line) return 'absent';
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.publicKey.toString('base64url') };
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    const holds = verify(null, Buffer.from(note.text), publicKey, line.signature);
    return holds ? 'valid' : 'invalid';
  } catch {
    return 'invalid';
  }
}
