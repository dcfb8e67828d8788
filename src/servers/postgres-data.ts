import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { canReach, reachablePlaceFor, type PostgresBinaries } from './postgres-binaries';
import { fullDisk, requireRoom } from './disk-room';
import { SetupError, systemCode } from './setup-error';

const marker = 'usher.json';
function initialise(binaries: PostgresBinaries, folder: string, password: string): Promise<void> {
  const passwordFile = `${folder}.password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (binaries.runAs) chownSync(passwordFile, binaries.runAs.uid, binaries.runAs.gid);
  const args = [
    `--pgdata=${folder}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--lc-messages=C',
    '--no-sync',
  ];
  return new Promise<void>((resolve, reject) => {
    const child = spawn(binaries.initdb, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      ...(binaries.runAs ?? {}),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(output.trim().split('\n').slice(-8).join('\n')));
    });
  })
    .catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      if (text.includes('No space left on device')) throw fullDisk(dirname(folder), error);
      throw new SetupError(
        `A new PostgreSQL database could not be made in ${dirname(folder)}.\n${text}`,
        systemCode(error) === 'EACCES' || text.includes('Permission denied')
          ? 'The user that PostgreSQL runs as may not work in that folder: look at its permissions and those of the folders above it.'
          : 'The lines above are from initdb. Remove their cause and run the command again.',
        error,
      );
    })
    .finally(() => rmSync(passwordFile, { force: true }));
}

const ownerFile = (place: string) => join(dirname(place), 'state-folder');

/** Whether a data folder outside belongs to another state folder, of which ours is a copy. */
function belongsElsewhere(place: string, link: string): boolean {
  try {
    const owner = readFileSync(ownerFile(place), 'utf8');
    return owner !== link && readlinkSync(owner) === place;
  } catch {
    return false;
  }
}

/**
 * Where the data is: beside the other state, or, linked from there, in a folder that the OS user
 * postgres can reach.
 */
function placeOf(stateDir: string, binaries: PostgresBinaries): string {
  const link = join(stateDir, 'postgres');
  const stat = lstatSync(link, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) {
    const place = readlinkSync(link);
    const usable = existsSync(dirname(place)) && canReach(binaries.runAs, dirname(place));
    if (usable && !belongsElsewhere(place, link)) {
      writeFileSync(ownerFile(place), link);
      return place;
    }
    rmSync(link);
  } else if (stat || canReach(binaries.runAs, stateDir)) return link;
  const place = join(reachablePlaceFor(stateDir), 'postgres');
  symlinkSync(place, link);
  writeFileSync(ownerFile(place), link);
  return place;
}

function requireOurs(folder: string, binaries: PostgresBinaries): void {
  const version = join(folder, 'PG_VERSION');
  if (!existsSync(join(folder, marker)) || !existsSync(version)) {
    throw new SetupError(
      `${folder} is not empty, and what is in it was not made by Usher.`,
      'Move it away and run the command again.',
    );
  }
  const major = readFileSync(version, 'utf8').trim();
  if (major === binaries.major) return;
  throw new SetupError(
    `The data in ${folder} was written by PostgreSQL ${major}, and this is ${binaries.major}.`,
    'To keep it, go back to the version of Usher that made it; to begin anew, run bin/dev --reset.',
  );
}

/**
 * Whether there is a data folder with something in it; refuses one of another user, which could not
 * even be looked into.
 */
function hasData(folder: string, binaries: PostgresBinaries): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat) return false;
  const wanted = binaries.runAs?.uid ?? process.getuid?.();
  if (
    stat.isDirectory() &&
    wanted !== undefined &&
    stat.uid !== wanted &&
    stat.uid !== process.getuid?.()
  ) {
    throw new SetupError(
      `${folder} belongs to another user (uid ${String(stat.uid)}; PostgreSQL would run as ${String(wanted)}).`,
      'Run the command as the user that ran it first, or, as that user, begin anew with bin/dev --reset.',
    );
  }
  return !stat.isDirectory() || readdirSync(folder).length > 0;
}

/**
 * The data folder of a state folder, made by initdb when it is missing. It appears whole or not at
 * all: one that was cut short is thrown away. `password` returns the superuser's password for a new
 * one.
 */
export async function preparePostgresData(
  stateDir: string,
  binaries: PostgresBinaries,
  password: () => string,
): Promise<{ folder: string; created: boolean }> {
  const folder = placeOf(stateDir, binaries);
  const parent = dirname(folder);
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(folder)}.new-`)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
  requireRoom(parent);
  if (hasData(folder, binaries)) {
    requireOurs(folder, binaries);
    return { folder, created: false };
  }
  const fresh = `${folder}.new-${randomUUID()}`;
  mkdirSync(fresh, { mode: 0o700 });
  if (binaries.runAs) chownSync(fresh, binaries.runAs.uid, binaries.runAs.gid);
  await initialise(binaries, fresh, password());
  const made = join(fresh, marker);
  writeFileSync(made, `${JSON.stringify({ made_by: 'usher', at: new Date().toISOString() })}\n`);
  if (binaries.runAs) chownSync(made, binaries.runAs.uid, binaries.runAs.gid);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return { folder, created: true };
}

/** Lets the OS user postgres pass through the state folder when root made it private. */
export function openStateFolder(stateDir: string): void {
  mkdirSync(stateDir, { recursive: true });
  const { mode, uid } = lstatSync(stateDir);
  if (process.getuid?.() === 0 && uid === 0 && (mode & 0o011) !== 0o011) {
    chmodSync(stateDir, (mode & 0o777) | 0o011);
  }
}

/** Deletes the data folder of a stopped server, also where it is kept outside the state folder. */
export function removePostgresData(stateDir: string): void {
  const wanted = join(stateDir, 'postgres');
  const stat = lstatSync(wanted, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) {
    const target = readlinkSync(wanted);
    const ours = existsSync(join(target, marker)) && !belongsElsewhere(target, wanted);
    if (ours) rmSync(dirname(target), { recursive: true, force: true });
  }
  rmSync(wanted, { recursive: true, force: true });
}
