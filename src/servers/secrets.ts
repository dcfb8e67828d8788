import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, systemCode } from './setup-error';
import { writePrivateFile } from './state-files';

const heading = [
  '# Secrets of this development system, made once by bin/dev or bin/demo.',
  '# The databases beside this file cannot be opened without them.',
];

/**
 * The secrets of a development system, kept as `NAME=value` lines in the file `secrets` of its
 * state folder (0600).
 */
export interface DevSecrets {
  /** The secret of that name, made and stored at the first call. */
  get(name: string, make?: () => string): string;
  /** The stored secret, or undefined. */
  find(name: string): string | undefined;
  /** Stores a secret, replacing an older one. */
  set(name: string, value: string): void;
}

/** A random value of `bytes` bytes as base64; base64url where it must fit into a URL. */
export function randomSecret(
  bytes: number,
  encoding: 'base64' | 'base64url' = 'base64url',
): string {
  return randomBytes(bytes).toString(encoding);
}

function read(file: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return new Map();
    throw new SetupError(
      `The secrets in ${file} cannot be read (${systemCode(error) ?? 'unknown error'}).`,
      'Run the command as the user that owns the file, or begin anew with bin/dev --reset.',
      error,
    );
  }
  return new Map(
    text
      .split('\n')
      .map((line) => /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line))
      .flatMap((match) => (match ? [[String(match[1]), String(match[2])] as const] : [])),
  );
}

/** A copy that was made by hand may be readable for everybody. */
function narrow(file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat && (stat.mode & 0o077) !== 0) chmodSync(file, 0o600);
}

/**
 * Opens the secrets of a state folder. One process at a time may write them; within it, any number
 * of openers.
 */
export function openSecrets(stateDir: string): DevSecrets {
  const file = join(stateDir, 'secrets');
  narrow(file);
  const find = (name: string) => read(file).get(name);
  const set = (name: string, value: string) => {
    const values = read(file).set(name, value);
    const lines = [...values].map(([key, text]) => `${key}=${text}`);
    writePrivateFile(file, [...heading, ...lines, ''].join('\n'));
  };
  const get = (name: string, make = () => randomSecret(24)) => {
    const stored = find(name);
    if (stored !== undefined) return stored;
    const value = make();
    set(name, value);
    return value;
  };
  return { find, set, get };
}
