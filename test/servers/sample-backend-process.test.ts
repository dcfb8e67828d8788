import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createOutbound } from '../../src/platform/outbound';
import { startSampleBackend } from '../../src/servers/sample-backend';
import { buildSources } from '../support/start-servers';

const key = 'sample-key-0001';
const folder = mkdtempSync(join(tmpdir(), 'usher-sample-'));
const outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });

beforeAll(buildSources);
afterAll(() => {
  outbound.close();
  rmSync(folder, { recursive: true });
});

function call(method: string, url: string, body?: object) {
  return outbound.send({
    method,
    url,
    headers: { 'x-api-key': key },
    body: body === undefined ? undefined : JSON.stringify(body),
    timeoutMs: 5_000,
  });
}

const program = join(__dirname, '..', '..', 'dist', 'src', 'servers', 'sample-backend.js');
type Child = ChildProcessByStdio<null, Readable, Readable>;
const start = (args: string[], env: Record<string, string> = {}): Child =>
  spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
const urlOf = async (child: Child): Promise<string> => {
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return JSON.parse(line).url;
};

it('loses nothing that it has answered when it is killed with SIGKILL, and takes up where it was', async () => {
  const args = ['--port', '0', '--key', key, '--state', join(folder, 'killed.jsonl')];
  let child = start(args);
  let url = await urlOf(child);
  const answered: string[] = [];
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let n = 0; ; n += 1) {
      const spreadsheet_id = `sheet-${caller}-${n}`;
      const answer = await call('POST', `${url}/admin/spreadsheets/register`, { spreadsheet_id });
      if (answer.kind === 'failure') return;
      answered.push(spreadsheet_id);
      if (answered.length === 200) child.kill('SIGKILL');
    }
  });
  await Promise.all(callers);
  child = start(args);
  url = await urlOf(child);
  const objects = await call('GET', `${url}/_test/objects`);
  if (objects.kind === 'failure') throw new Error(objects.reason);
  const { spreadsheets } = objects.json as { spreadsheets: { spreadsheet_id: string }[] };
  const ids = new Set(spreadsheets.map(({ spreadsheet_id }) => spreadsheet_id));
  expect(answered.length).toBeGreaterThanOrEqual(200);
  expect(answered.filter((id) => !ids.has(id))).toEqual([]);
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
});

it('takes its key from SAMPLE_BACKEND_KEY', async () => {
  const child = start(['--port', '0'], { SAMPLE_BACKEND_KEY: key });
  expect(await call('GET', `${await urlOf(child)}/admin/ping`)).toMatchObject({ status: 200 });
  child.kill('SIGTERM');
  await once(child, 'close');
});

async function deathOf(child: Child): Promise<{ code: unknown; said: string }> {
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, said };
}

it.each([[['--port', 'x', '--key', key]], [['--port', '0']], [['--wrong']]])(
  'started with %j it says what is wrong and exits 1',
  async (args) => {
    const { code, said } = await deathOf(start(args, { SAMPLE_BACKEND_KEY: '' }));
    expect(code).toBe(1);
    expect(said).toMatch(/usage: sample-backend|Unknown option/);
  },
);

it('says that a port is taken and exits 1', async () => {
  const other = await startSampleBackend({ port: 0, key });
  const { code, said } = await deathOf(start(['--port', new URL(other.url).port, '--key', key]));
  await other.stop();
  expect(code).toBe(1);
  expect(said).toContain('EADDRINUSE');
});
