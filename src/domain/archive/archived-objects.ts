import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { readCheckpoint } from '../audit/heads.rules';
import { openNote } from '../audit/notes';
import type { Trust } from '../audit/verify/trust';
import { readManifest } from './manifest.rules';
import type { Manifest } from './manifest.rules';

/** Most bytes of an object that is fetched; a batch is far below it. */
export const mostBytes = 512 * 1024 * 1024;

/** SHA-256 of an object, in hex, as its key and its manifest name it. */
export const digestOf = (bytes: Buffer | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** The lines of a packed object; undefined for bytes that are none. */
export function linesOf(bytes: Buffer): string[] | undefined {
  try {
    const lines = gunzipSync(bytes, { maxOutputLength: 4 * mostBytes })
      .toString('utf8')
      .split('\n');
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  } catch {
    return undefined;
  }
}

/** A manifest, and whether a key that is believed when its checkpoint was made has signed it. */
export interface SignedManifest {
  readonly manifest: Manifest;
  readonly believed: boolean;
}

/** Reads the note that a manifest is; undefined for bytes that are none. */
export function signedManifest(bytes: Buffer, trust: Trust): SignedManifest | undefined {
  const note = openNote(bytes.toString('utf8'));
  const manifest = note && readManifest(note.text);
  if (!note || !manifest) return undefined;
  const covering = openNote(manifest.checkpoint);
  const size = (covering && readCheckpoint(covering.text)?.size) ?? 0;
  return { manifest, believed: trust.signs(note, 'manifest', { origin: manifest.origin, size }) };
}
