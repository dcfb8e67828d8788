import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isRunning, markProcess, type ProcessMark } from './process-identity';
import { systemCode } from './setup-error';

/** A lock that this process holds. It needs no release to be safe: it ends with its holder. */
export interface PidLock {
  release(): void;
}

interface Holder extends ProcessMark {
  readonly token: string;
  readonly file: string;
}

function holderOf(file: string, lock = file): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    // In a copied folder the file names the holder of the original.
    return holder.file === lock ? holder : null;
  } catch {
    return null;
  }
}

/** The process that holds the lock, or null when nobody does. */
export function lockHolder(file: string): ProcessMark | null {
  const holder = holderOf(file);
  return holder !== null && isRunning(holder) ? holder : null;
}

/**
 * Takes the lock file, also from a holder that has died. Answers the living holder instead when
 * there is one.
 */
export function takePidLock(file: string): PidLock | { readonly holder: ProcessMark } {
  mkdirSync(dirname(file), { recursive: true });
  const token = randomUUID();
  const own = `${file}.${token}`;
  writeFileSync(own, JSON.stringify({ ...markProcess(process.pid), token, file }), { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, and never replaces: nobody reads a half-written
        // holder.
        linkSync(own, file);
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
        const holder = holderOf(file);
        if (holder !== null && isRunning(holder)) return { holder };
        discardStale(file, holder?.token);
        continue;
      }
      return {
        release: () => {
          if (holderOf(file)?.token === token) rmSync(file, { force: true });
        },
      };
    }
  } finally {
    rmSync(own, { force: true });
  }
}

function discardStale(file: string, token: string | undefined): void {
  const aside = `${file}.${randomUUID()}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  const moved = holderOf(aside, file);
  // Another process may have replaced the stale file in between: give it back what is its own.
  if (moved !== null && moved.token !== token && isRunning(moved)) renameSync(aside, file);
  else rmSync(aside, { force: true });
}
