import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const keepBelowBytes = 20 * 1024 * 1024;

/**
 * Position up to which a log has been written, to tell a server's own lines from those of earlier
 * starts.
 */
export function logEnd(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** What was written to a log from that position on, its last 64 KiB at most. */
export function logSince(file: string, position: number): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(handle);
    const from = Math.max(position, size - 65_536);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    readSync(handle, buffer, 0, buffer.length, from);
    return buffer.toString('utf8');
  } finally {
    closeSync(handle);
  }
}

/** The last lines of a text, for a message. */
export function lastLines(text: string, count = 8): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

/** Puts a log that has grown large aside as `<file>.1`, replacing the one before. */
export function rotateLog(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  if (logEnd(file) > keepBelowBytes) renameSync(file, `${file}.1`);
}
