// Installs the npm packages when they are missing, incomplete or of another package-lock.json.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetUpError, startProgress } from './progress.mjs';

const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
};

/** Identifies what `npm ci` would install here; native parts differ by platform. */
const fingerprint = (root) =>
  createHash('sha256')
    .update(read(join(root, 'package-lock.json')) ?? '')
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');

/**
 * npm writes node_modules/.package-lock.json last: it is missing after an interrupted install, and
 * lists what is there.
 */
function installedMatches(root) {
  const wanted = JSON.parse(read(join(root, 'package-lock.json')) ?? '{}').packages;
  const installed = JSON.parse(
    read(join(root, 'node_modules', '.package-lock.json')) ?? '{}',
  ).packages;
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  );
}

function runNpm(root) {
  return new Promise((resolve, reject) => {
    // Dev dependencies are needed to build, also where NODE_ENV says production.
    const child = spawn(
      'npm',
      ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=warn'],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    child.once('error', (error) =>
      reject(
        error.code === 'ENOENT'
          ? new SetUpError(
              'npm was not found on the PATH.',
              'It comes with Node: install Node from https://nodejs.org.',
            )
          : error,
      ),
    );
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const tail = output.trim().split('\n').slice(-12).join('\n');
      reject(
        new SetUpError(
          `npm ci failed (exit code ${code}).\n\n${tail}\n`,
          'It needs the npm registry (a proxy or mirror can be set in ~/.npmrc) and a writable node_modules folder.',
        ),
      );
    });
  });
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Two commands started at once must not both run `npm ci`: it begins by deleting node_modules. */
async function withLock(file, work) {
  for (;;) {
    try {
      const handle = openSync(file, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!alive(Number(read(file)) || -1)) rmSync(file, { force: true });
      await sleep(250);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Answers true when something had to be installed. */
export async function installPackages(root) {
  const stamp = join(root, 'node_modules', '.usher-installed');
  const current = () => read(stamp) === fingerprint(root);
  if (current()) return false;
  if (!existsSync(join(root, 'package-lock.json'))) {
    throw new SetUpError(
      'package-lock.json is missing.',
      'Restore it from git: git checkout package-lock.json',
    );
  }
  mkdirSync(join(root, '.usher'), { recursive: true });
  return withLock(join(root, '.usher', 'npm-ci.lock'), async () => {
    if (current()) return false;
    const alreadyThere = installedMatches(root);
    if (!alreadyThere) {
      const progress = startProgress('npm packages', 'npm ci');
      try {
        await runNpm(root);
      } catch (error) {
        progress.fail();
        throw error;
      }
      progress.done();
    }
    writeFileSync(stamp, fingerprint(root));
    return !alreadyThere;
  });
}
