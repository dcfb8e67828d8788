import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';

const run = promisify(execFile);

/** Quiet and repeatable: nothing that calls home, nothing that needs a screen or a sandbox. */
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

interface Candidate {
  executablePath: string;
  env?: Record<string, string>;
}

/**
 * Starts Chromium with a fresh profile. It is looked for in CHROMIUM_PATH, on PATH, in the npm
 * package @sparticuz/chromium (with the libraries that it bundles) and in Debian's packages; the
 * first one that starts is used. Rejects with instructions when none does.
 */
export async function launchBrowser(): Promise<Browser> {
  const failures: string[] = [];
  for (const [place, find] of Object.entries(places)) {
    try {
      for (const candidate of await find()) {
        const browser = await start(candidate).catch((error: unknown) => {
          failures.push(`${place}: ${candidate.executablePath} did not start: ${firstLine(error)}`);
        });
        if (browser) return browser;
      }
    } catch (error) {
      failures.push(`${place}: ${firstLine(error)}`);
    }
  }
  throw new Error(
    [
      'No Chromium could be started. Install one (Debian: apt-get install chromium) or set',
      'CHROMIUM_PATH to the program file of Chromium or Chrome. Looked in:',
      ...failures.map((failure) => `  ${failure}`),
    ].join('\n'),
  );
}

const places: Readonly<Record<string, () => Promise<Candidate[]>>> = {
  CHROMIUM_PATH: async () => {
    const path = process.env['CHROMIUM_PATH'];
    if (!path) throw new Error('not set');
    await access(path, constants.X_OK);
    return [{ executablePath: path }];
  },
  PATH: async () => {
    const found = await onPath();
    if (found.length === 0) throw new Error(`none of ${programs.join(', ')}`);
    return found;
  },
  '@sparticuz/chromium': async () => {
    const folder = await unpacked();
    const executablePath = join(folder, 'chromium');
    const libraries = [join(folder, 'al2023', 'lib'), process.env['LD_LIBRARY_PATH']];
    const bundled = { LD_LIBRARY_PATH: libraries.filter(Boolean).join(delimiter) };
    return [{ executablePath }, { executablePath, env: bundled }];
  },
  'apt-get': async () => {
    await run('apt-get', ['update'], { timeout: 120_000 });
    await run('apt-get', ['install', '--yes', '--no-install-recommends', 'chromium'], {
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    return onPath();
  },
};

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

async function onPath(): Promise<Candidate[]> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const paths = programs.flatMap((program) => folders.map((folder) => join(folder, program)));
  const present = await Promise.all(
    paths.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => present[index]).map((executablePath) => ({ executablePath }));
}

function start({ executablePath, env }: Candidate): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: flags,
    timeout: 30_000,
    env: { ...definedEnvironment(), ...env },
  });
}

/* The package unpacks into the temporary folder of its process. Here that is a folder beside the
   cache's own place, renamed when complete, so that test processes at the same time never meet half
   a browser. VERCEL makes it unpack its bundled libraries, too. */
async function unpacked(): Promise<string> {
  const entry = require.resolve('@sparticuz/chromium');
  const manifest = join(dirname(entry), '..', '..', 'package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'usher');
  const folder = join(cache, `chromium-${version}`);
  if (await exists(join(folder, 'chromium'))) return folder;
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, 'unpacking-'));
  try {
    const unpack = `require(${JSON.stringify(entry)}).executablePath()`;
    await run(process.execPath, ['-e', unpack], {
      timeout: 120_000,
      env: { ...process.env, TMPDIR: workshop, VERCEL: '1' },
    });
    await rename(workshop, folder).catch(async (error: unknown) => {
      if (!(await exists(join(folder, 'chromium')))) throw error;
    });
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return folder;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function definedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
