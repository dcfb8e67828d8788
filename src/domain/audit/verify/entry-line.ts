import { entryMarks } from '../export/lines.rules';
import type { ExportOpening } from '../export/lines.rules';
import { sha256 } from '../hashes';
import type { Opening } from './openings';

/** An entry's line, read. */
export interface EntryLine {
  readonly leaf: string;
  /** The leaf hash of the bytes as they stand in the line. */
  readonly hash: Buffer;
  readonly openings: readonly Opening[];
  /** base64; empty where the line has none */
  readonly proof: readonly string[];
}

const [start, mark, open] = [entryMarks.start, entryMarks.leaf, entryMarks.open].map((text) =>
  Buffer.from(text),
) as [Buffer, Buffer, Buffer];

/**
 * Reads an entry's line; undefined for a line that is none. The leaf is hashed where it lies: the byte before it
 * becomes the 0x00 of the leaf hash for that moment.
 */
export function readEntryLine(line: Buffer): EntryLine | undefined {
  if (!startsAt(line, start, 0)) return undefined;
  let at = start.length;
  let bytes = 0;
  for (let digit = (line[at] ?? 0) - 48; digit >= 0 && digit <= 9; digit = (line[at] ?? 0) - 48) {
    bytes = bytes * 10 + digit;
    at += 1;
  }
  if (!startsAt(line, mark, at)) return undefined;
  const from = at + mark.length;
  const to = from + bytes;
  if (!startsAt(line, open, to)) return undefined;
  const before = line[from - 1] ?? 0;
  line[from - 1] = 0;
  const hash = sha256(line.subarray(from - 1, to));
  line[from - 1] = before;
  const leaf = line.toString('utf8', from, to);
  return { leaf, hash, ...readRest(line.toString('utf8', to + open.length, line.length - 2)) };
}

function startsAt(line: Buffer, text: Buffer, at: number): boolean {
  if (line.length < at + text.length) return false;
  // A loop: the marks are so short that a call out of JavaScript would take longer.
  for (let index = 0; index < text.length; index += 1) {
    if (line[at + index] !== text[index]) return false;
  }
  return true;
}

function readRest(rest: string): Pick<EntryLine, 'openings' | 'proof'> {
  if (rest === '[]') return { openings: [], proof: [] };
  const { open: given, proof = [] } = JSON.parse(`{"open":${rest}}`) as {
    readonly open: readonly ExportOpening[];
    readonly proof?: readonly string[];
  };
  const openings = given.map(({ part, salt, body }) => ({
    part,
    salt: Buffer.from(salt, 'base64'),
    body,
  }));
  return { openings, proof };
}
