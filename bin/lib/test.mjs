// Runs every check, one after the other, and adds them up. A failing check does not stop the ones after it, so that one run shows
// everything. `bin/test lint types` runs only those two.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProgress } from './progress.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const minute = 60_000;

/** `counts`: it prints its own progress and writes how many tests it ran to USHER_TEST_COUNT; every other check is one test. */
const checks = [
  { name: 'format', says: 'every file is formatted', script: ['format:check'] },
  { name: 'lint', says: 'no lint', script: ['lint'] },
  { name: 'types', says: 'every type fits, tests included', script: ['typecheck'] },
  { name: 'imports', says: 'imports keep the rules', script: ['lint:imports'] },
  { name: 'migrations', says: 'up, down, up; schema.sql is current', script: ['migrations:check'] },
  { name: 'openapi', says: 'openapi.json is current', script: ['openapi', '--', '--check'] },
  {
    name: 'jest',
    says: 'unit, integration, workflow, replay, browser',
    script: ['test'],
    counts: true,
  },
  {
    name: 'faults',
    says: 'whatever is killed or broken, nothing is lost or done twice',
    script: ['test:faults'],
    counts: true,
  },
];

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
let running;

/** Runs an npm script; resolves with its exit code and, unless it is shown at once, what it printed. */
function run({ script, counts }, env) {
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', ...script], {
      cwd: root,
      env: { ...process.env, ...env, npm_config_update_notifier: 'false' },
      stdio: ['ignore', counts ? 'inherit' : 'pipe', counts ? 'inherit' : 'pipe'],
      // A group of its own, so that a check that hangs can be ended with everything it runs.
      detached: true,
    });
    running = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => (output += text));
    }
    // Against checks that hang, not slow ones: a busy machine must not turn a run red that is nearly through.
    const minutes = counts ? 30 : 10;
    const limit = setTimeout(() => {
      output += `\nStopped: it took longer than ${minutes} minutes.\n`;
      endGroup(child, 'SIGTERM');
      setTimeout(() => endGroup(child, 'SIGKILL'), 20_000).unref();
    }, minutes * minute);
    child.once('error', (error) => {
      clearTimeout(limit);
      resolve({ code: 1, output: String(error) });
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code: code ?? 1, output });
    });
  });
}

function endGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function readCount(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A check that counts and counted nothing has not run, so it failed. */
function outcome(check, code, count) {
  if (!check.counts) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  if (!count || count.passed + count.failed === 0) return { passed: 0, failed: 1 };
  return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}

async function runCheck(check, folder) {
  const started = performance.now();
  const countFile = join(folder, `${check.name}.json`);
  const progress = check.counts ? undefined : startProgress(check.name, check.says);
  if (!progress) console.log(`  · ${check.name.padEnd(16)} ${check.says} …`);
  const { code, output } = await run(check, { USHER_TEST_COUNT: countFile });
  const result = outcome(check, code, readCount(countFile));
  const good = result.failed === 0;
  if (good) progress?.done();
  else progress?.fail();
  if (!good && output.trim()) {
    console.log(`\n${output.trimEnd()}\n\n  Again, alone: npm run ${check.script[0]}\n`);
  }
  return { ...result, name: check.name, milliseconds: performance.now() - started };
}

const wanted = process.argv.slice(2);
if (wanted.includes('--help') || wanted.includes('-h')) {
  console.log('bin/test [CHECK …]\n\nRuns every check, or the named ones:\n');
  for (const { name, says } of checks) console.log(`  ${name.padEnd(12)}${says}`);
  process.exit(0);
}
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no check ${unknown.join(', ')}. There are: ${checks.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'usher-checks-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (running) endGroup(running, 'SIGTERM');
    process.exit(1);
  });
}

const started = performance.now();
const results = [];
for (const check of checks) {
  if (wanted.length === 0 || wanted.includes(check.name))
    results.push(await runCheck(check, folder));
}

console.log('');
for (const { name, passed, failed, milliseconds } of results) {
  const tests = passed + failed === 1 ? '' : `${passed} passed, ${failed} failed`;
  console.log(
    `  ${failed === 0 ? '✓' : '✗'} ${name.padEnd(16)} ${seconds(milliseconds).padStart(8)}  ${tests}`,
  );
}
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log(`\nIn ${seconds(performance.now() - started)}.`);
console.log(`Tests: ${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
