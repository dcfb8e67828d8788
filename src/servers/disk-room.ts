import { statfsSync } from 'node:fs';
import { SetupError } from './setup-error';

const neededBytes = 250 * 1024 * 1024;

/** The advice for a disk without room. */
export function fullDisk(folder: string, cause?: unknown): SetupError {
  let room = '';
  try {
    const { bavail, bsize } = statfsSync(folder);
    room = ` (${String(Math.floor((bavail * bsize) / 1024 / 1024))} MB are left)`;
  } catch {
    // The folder itself could not be made; the message is clear without the figure.
  }
  return new SetupError(
    `The disk that holds ${folder} is full${room}.`,
    'Free at least 250 MB and run the command again. Nothing is lost: the servers go on from their last commit.',
    cause,
  );
}

/**
 * Refuses to start on a nearly full disk, where a database would stop in the middle of its work.
 */
export function requireRoom(folder: string, bytes = neededBytes): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes) throw fullDisk(folder);
}
