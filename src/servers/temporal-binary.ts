import { execFile, spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { compiledProgram } from './keeper-client';
import { takePidLock, type PidLock } from './pid-lock';
import type { ShowProgress } from './server-log';
import { SetupError, systemCode } from './setup-error';

const run = promisify(execFile);

/**
 * The Temporal CLI that Usher is tested with. Newer ones carry a replace directive, which `go
 * install` refuses.
 */
export const temporalVersion = '1.5.1';

const oldestUsable = [1, 4, 1] as const;
const oldestGo = [1, 25] as const;
/** Packages that a build of the pinned version compiles, for the progress shown. */
const packagesToBuild = 1_300;

/** A Temporal program and where it came from. */
export interface TemporalBinary {
  readonly file: string;
  readonly version: string;
  readonly source: 'path' | 'cache' | 'download' | 'build';
}

function numbersIn(text: string): number[] {
  return (/\d+(\.\d+)+/.exec(text)?.[0] ?? '').split('.').map(Number);
}

function isAtLeast(have: readonly number[], wanted: readonly number[]): boolean {
  for (const [index, value] of wanted.entries()) {
    const own = have[index] ?? 0;
    if (own !== value) return own > value;
  }
  return true;
}

/** The version that a Temporal program prints (`1.5.1`), or null when it does not run. */
async function versionOf(file: string): Promise<string | null> {
  try {
    const { stdout } = await run(file, ['--version'], { timeout: 20_000 });
    return /temporal version (\S+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

function onPath(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** The folder in which the user's Temporal program is kept for every clone. */
export function temporalCache(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  const cache = configured?.startsWith('/') ? configured : join(homedir(), '.cache');
  return join(cache, 'usher', `temporal-${temporalVersion}`);
}

/**
 * Whether the download host answers at all; asked first because the SDK itself would wait long and
 * say much.
 */
async function canDownload(): Promise<boolean> {
  // The SDK's client goes through a proxy and fetch does not, so that asking would prove nothing.
  if (process.env['HTTPS_PROXY'] ?? process.env['https_proxy']) return true;
  try {
    await fetch('https://temporal.download/cli', {
      method: 'HEAD',
      signal: AbortSignal.timeout(3_000),
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * Lets the SDK download the program, in a process of its own: it knows no way to download without
 * starting a server.
 */
async function download(into: string): Promise<string | null> {
  if (!(await canDownload())) return null;
  await run(process.execPath, [compiledProgram('temporal-download'), into, `v${temporalVersion}`], {
    timeout: 180_000,
  }).catch(() => undefined);
  const name = readdirSync(into).find((entry) => !entry.endsWith('.downloading'));
  return name === undefined ? null : join(into, name);
}

async function requireGo(): Promise<string> {
  const go = onPath('go');
  const remedy =
    `Install the Temporal CLI (https://docs.temporal.io/cli, ${oldestUsable.join('.')} or newer) so that \`temporal\` is on the PATH, ` +
    `or Go ${oldestGo.join('.')} or newer (https://go.dev/dl) so that it can be built, or set TEMPORAL_ADDRESS to a server of your own.`;
  if (go === null) {
    throw new SetupError(
      'Temporal is missing: it is neither on the PATH nor cached, temporal.download cannot be reached, and Go is not installed.',
      remedy,
    );
  }
  const { stdout } = await run(go, ['env', 'GOVERSION', 'GOTOOLCHAIN']).catch((error: unknown) => {
    throw new SetupError(`${go} does not run: ${String(error)}`, remedy, error);
  });
  const [version = '', toolchain = ''] = stdout.split('\n');
  // From 1.21 on, Go fetches the toolchain that a module asks for, unless told not to.
  const enough = isAtLeast(numbersIn(version), oldestGo);
  if (enough || (isAtLeast(numbersIn(version), [1, 21]) && toolchain !== 'local')) return go;
  throw new SetupError(
    `Temporal has to be built, for which ${version || 'this Go'} is too old (${oldestGo.join('.')} is needed).`,
    remedy,
  );
}

async function buildWithGo(into: string, show: ShowProgress): Promise<string> {
  const go = await requireGo();
  const module = `github.com/temporalio/cli/cmd/temporal@v${temporalVersion}`;
  const flags = `-s -w -X github.com/temporalio/cli/temporalcli.Version=${temporalVersion}`;
  const child = spawn(go, ['install', '-v', '-ldflags', flags, module], {
    env: { ...process.env, GOBIN: into, CGO_ENABLED: '0', GOFLAGS: '' },
    cwd: into,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  let compiled = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 20) lines.shift();
    if (line.startsWith('go: downloading')) {
      show('building it with Go, once (downloading modules)');
      return;
    }
    compiled += 1;
    const share = Math.min(99, Math.floor((compiled / packagesToBuild) * 100));
    show(`building it with Go, once (${String(share)} %)`);
  });
  show('building it with Go, once');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const file = join(into, 'temporal');
  if (code === 0 && existsSync(file)) return file;
  const text = lines.slice(-10).join('\n');
  throw new SetupError(
    `Temporal could not be built (go install ended with ${String(code)}).\n${text}`,
    text.includes('no space left')
      ? 'The disk is full: the build needs about 3 GB in the Go caches and the temporary folder.'
      : 'It needs the Go module proxy (GOPROXY) or a filled module cache. Else install the Temporal CLI by hand: https://docs.temporal.io/cli',
  );
}

async function lockCache(folder: string, show: ShowProgress): Promise<PidLock> {
  for (;;) {
    const lock = takePidLock(`${folder}.lock`);
    if ('release' in lock) return lock;
    show(`waiting for process ${String(lock.holder.pid)}, which is fetching it`);
    await sleep(500);
  }
}

async function fetchIntoCache(folder: string, show: ShowProgress): Promise<TemporalBinary> {
  const file = join(folder, 'temporal');
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SetupError(
      `The cache folder ${folder} cannot be made (${systemCode(error) ?? 'unknown error'}).`,
      'Make it writable, or point XDG_CACHE_HOME to a folder that is.',
      error,
    );
  }
  const lock = await lockCache(folder, show);
  for (const name of readdirSync(folder)) {
    if (name.startsWith('new-')) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const work = mkdtempSync(join(folder, 'new-'));
  try {
    const meanwhile = await versionOf(file);
    if (meanwhile !== null) return { file, version: meanwhile, source: 'cache' };
    show('downloading it');
    const downloaded = await download(work);
    const usable = downloaded !== null && (await versionOf(downloaded)) !== null;
    const fresh = usable ? downloaded : await buildWithGo(work, show);
    chmodSync(fresh, 0o755);
    renameSync(fresh, file);
    const version = (await versionOf(file)) ?? temporalVersion;
    return { file, version, source: usable ? 'download' : 'build' };
  } finally {
    rmSync(work, { recursive: true, force: true });
    lock.release();
  }
}

/**
 * The Temporal program: `temporal` on the PATH, else the user's cached one, else the SDK's
 * download, else built by `go install` into the cache. Throws a SetupError that says what to
 * install when none of them works.
 */
export async function findTemporal(show: ShowProgress = () => undefined): Promise<TemporalBinary> {
  const installed = onPath('temporal');
  if (installed !== null) {
    const version = await versionOf(installed);
    if (version !== null && isAtLeast(numbersIn(version), oldestUsable)) {
      return { file: installed, version, source: 'path' };
    }
  }
  const folder = temporalCache();
  const cached = join(folder, 'temporal');
  const version = existsSync(cached) ? await versionOf(cached) : null;
  if (version !== null) return { file: cached, version, source: 'cache' };
  return fetchIntoCache(folder, show);
}
