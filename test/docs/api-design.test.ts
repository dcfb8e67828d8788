import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { openApiDocument } from '../../api/openapi';
import { endpoints } from '../../src/contracts/endpoints';
import { permissions } from '../../src/domain/identity/roles.rules';
import { machine } from '../api/people';
import { responsesOf } from '../support/openapi';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { exampleBlocks } from './example-blocks';
import { startRecordingProxy } from './recording-proxy';
import type { RecordedCall, RecordingProxy } from './recording-proxy';

const root = join(__dirname, '..', '..');
const blocks = exampleBlocks('API-DESIGN.md');
const patienceMs = 240_000;

let app: TestApp;
let proxy: RecordingProxy;
let ended: { readonly code: number | null; readonly errors: string };

// All blocks run once, in one shell, as a reader would run them beside bin/dev; the tests look at what was recorded.
beforeAll(async () => {
  proxy = await startRecordingProxy();
  app = await startTestApp({ env: { PUBLIC_URL: proxy.url } });
  proxy.target = app.url;
  const folder = mkdtempSync(join(tmpdir(), 'usher-examples-'));
  try {
    await layOut(folder);
    ended = await runShell(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, patienceMs + 120_000);
afterAll(async () => {
  await app.stop();
  await proxy.close();
});

/** Puts into a folder what the examples find beside bin/dev: the run file, and the command line of this system. */
async function layOut(folder: string): Promise<void> {
  mkdirSync(join(folder, '.usher'));
  mkdirSync(join(folder, 'bin'));
  const { key } = await machine(app, permissions);
  const run = { api: { url: proxy.url }, owner_key: key };
  writeFileSync(join(folder, '.usher', 'run.json'), JSON.stringify(run));
  const cli = join(root, 'dist', 'src', 'main', 'cli.js');
  const usher = join(folder, 'bin', 'usher');
  writeFileSync(usher, `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`);
  chmodSync(usher, 0o755);
  // curl is not a thing that everybody has; Node is.
  if (!isOnPath('curl')) symlinkSync(join(__dirname, 'curl.mjs'), join(folder, 'bin', 'curl'));
}

function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

function runShell(folder: string): Promise<typeof ended> {
  const script = [
    'set -uo pipefail',
    ...blocks.map(({ code }, n) => `curl -s "${proxy.url}/_block/${String(n)}"\n${code}`),
  ].join('\n');
  const path = [dirname(process.execPath), process.env['PATH'], join(folder, 'bin')].join(
    delimiter,
  );
  return new Promise((resolve, reject) => {
    const shell = spawn('bash', ['-c', script], {
      cwd: folder,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: patienceMs,
    });
    let errors = '';
    shell.stderr.on('data', (part: Buffer) => (errors += part.toString()));
    shell.on('error', reject);
    shell.on('close', (code) => {
      resolve({ code, errors });
    });
  });
}

const callsOf = (n: number): RecordedCall[] => proxy.calls.filter(({ block }) => block === n);

test('the examples run to their end without a word of complaint from the shell', () => {
  expect(ended).toEqual({ code: 0, errors: '' });
});

describe.each(
  blocks.map((block, n) => ({ name: `${block.heading}, line ${String(block.line)}`, block, n })),
)('the example at $name', ({ block, n }) => {
  test('is refused where its comments say so, with that status, and nowhere else', () => {
    const refused = callsOf(n).filter(({ answer }) => answer.status >= 400);
    const told = refused.map(
      ({ method, path, answer }) =>
        `${String(answer.status)} ${method} ${path} ${JSON.stringify(answer.body)}`,
    );
    // With the whole answers, so that a difference tells what happened.
    expect(told).toEqual(
      block.refusals.map((status) => expect.stringMatching(`^${String(status)} `)),
    );
  });

  test('is answered as /openapi.json says', () => {
    const documented = responsesOf(openApiDocument());
    for (const { method, path, answer } of callsOf(n)) {
      expect(() => documented(method, path, answer)).not.toThrow();
    }
  });
});

test('every call of the registry, the keys, the tenants and the people stands in the examples', () => {
  const matches = (path: string): RegExp =>
    new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', String.raw`\.`)}$`);
  const missing = endpoints
    .filter(({ path }) => /^\/(v1|_internal|tenants|users)(\/|$)/.test(path))
    .filter(
      ({ method, path }) =>
        !proxy.calls.some(
          (call) => call.method.toLowerCase() === method && matches(path).test(call.path),
        ),
    )
    .map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(missing).toEqual([]);
});
