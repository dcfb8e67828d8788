import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkConnector } from '../../src/main/connector-check';
import type { ConnectorCheck } from '../../src/main/connector-check';
import type { OutboundResult } from '../../src/contracts/connectors';
import { createOutbound } from '../../src/platform/outbound';
import { startSampleBackend } from '../../src/servers/sample-backend';
import { aConnectorFile, aContext, aStep } from '../domain/onboarding/connector-files';
import { usher } from './command-line';

const sample = join(__dirname, '..', '..', 'connectors', 'sample.json');
const folder = mkdtempSync(join(tmpdir(), 'usher-check-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(content: unknown): string {
  const file = join(folder, 'things.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

async function check({ path = sample, ...options }: Partial<ConnectorCheck> & { path?: string }) {
  const lines: string[] = [];
  const outcome = await checkConnector({
    file: basename(path),
    text: readFileSync(path, 'utf8'),
    env: { SAMPLE_BACKEND_URL: 'http://127.0.0.1:4000', SAMPLE_BACKEND_KEY: 'sample-key-0001' },
    out: (line) => void lines.push(line),
    ...options,
  });
  return { outcome, text: lines.join('\n') };
}

const answer = (status: number): OutboundResult => ({
  kind: 'response',
  status,
  headers: {},
  json: { success: true },
  text: '{"success":true}',
});

describe('the command', () => {
  const env = { CONNECTORS_DIR: folder };

  it('ends with 1 for a file that cannot be read, and names those that are there', async () => {
    writeFileSync(join(folder, 'blueprints.json'), '{}');
    const there = written(aConnectorFile());
    const missing = join(folder, 'nothing.json');
    for (const path of [missing, folder]) {
      const called = await usher(['connector', 'check', path], { env });
      expect(called).toMatchObject({ code: 1, out: '' });
      expect(called.err.split('\n')).toEqual([
        expect.stringMatching(/^\S+ cannot be read \((ENOENT|EISDIR)\)\.$/),
        `Connector files are here: ${there}`,
      ]);
    }
  });

  it('tells what blueprints.json is, and what checks it', async () => {
    const called = await usher(['connector', 'check', join(folder, 'blueprints.json')], { env });
    expect(called).toMatchObject({ code: 1, out: '' });
    expect(called.err).toMatch(/it is no connector itself\.\nCheck it, .*: usher doctor$/);
  });

  it('ends with 1 for a file with mistakes, and says where fields are explained', async () => {
    const called = await usher(['connector', 'check', written({ name: 'things' })], { env });
    expect(called).toMatchObject({ code: 1, err: '' });
    expect(called.out).toContain('  things.json /steps: is missing; add a list');
    expect(called.out).toMatch(/\ndocs\/CONNECTORS\.md explains every field\.$/);
  });
});

it('for an invalid file it exits 1 with every mistake, and sends nothing', async () => {
  const path = written(aConnectorFile({ nmae: 1, steps: [aStep({ repeat: 'verify' })] }));
  const runProbe = jest.fn();
  const { outcome, text } = await check({ path, runProbe });
  expect(outcome).toBe(1);
  expect(text.split('\n')).toEqual([
    '2 mistakes:',
    '  things.json /nmae: is not known here; remove it or correct its name',
    expect.stringContaining(
      '  things.json /steps/0/repeat: is "verify", but there is no verify request',
    ),
    'docs/CONNECTORS.md explains every field.',
  ]);
  expect(runProbe).not.toHaveBeenCalled();
});

it('shows every request with placeholders and masked secrets, and runs the probe and nothing else', async () => {
  const sent: string[] = [];
  const { outcome, text } = await check({
    runProbe: async ({ method, url }) => {
      sent.push(`${method} ${url}`);
      return answer(200);
    },
  });
  expect(outcome).toBe(0);
  expect(sent).toEqual(['GET http://127.0.0.1:4000/admin/ping']);
  expect(text).toContain('POST http://127.0.0.1:4000/admin/spreadsheets/register');
  expect(text).toContain('"spreadsheet_id": "<spreadsheet_id>"');
  expect(text).toContain(
    'DELETE http://127.0.0.1:4000/admin/wb/tokens/<spreadsheet_id>/<add-token.sid>',
  );
  expect(text).toContain('x-api-key: ***');
  expect(text).toContain('The probe was answered 200, as expected.');
  expect(text).not.toContain('sample-key-0001');
});

it('with a client it shows that client’s values, never the token or the address', async () => {
  const dryRun = aContext();
  const { text } = await check({ dryRun });
  expect(text).toContain('"spreadsheet_id": "sheet-0001"');
  expect(text).toContain('The probe was not run.');
  for (const hidden of [dryRun.secret.wb_token!, dryRun.input.owner_email!]) {
    expect(text).not.toContain(hidden);
  }
});

it('names the variables that are not set, shows the requests all the same and does not run the probe', async () => {
  const runProbe = jest.fn();
  const { outcome, text } = await check({ env: {}, runProbe });
  expect(outcome).toBe(0);
  expect(text).toContain('Not set: SAMPLE_BACKEND_URL, SAMPLE_BACKEND_KEY');
  expect(text).toContain('POST <base_url>/admin/spreadsheets/register');
  expect(text).toContain('The probe was not run: set SAMPLE_BACKEND_URL, SAMPLE_BACKEND_KEY.');
  expect(runProbe).not.toHaveBeenCalled();
});

it('exits 1 when the probe is answered otherwise or not at all, and says what to do', async () => {
  const refused = await check({ runProbe: async () => answer(401) });
  expect(refused.outcome).toBe(1);
  expect(refused.text).toContain('The probe failed: answered 401. backend-unauthorized: ');
  const dead = await check({
    runProbe: async () => ({ kind: 'failure', phase: 'before-send', reason: 'refused' }),
  });
  expect(dead.outcome).toBe(1);
  expect(dead.text).toContain('no answer (refused, nothing was sent). backend-unreachable: ');
});

it('says that a file without a probe sends nothing', async () => {
  const { outcome, text } = await check({
    path: written(aConnectorFile()),
    env: { THINGS_KEY: 'k' },
  });
  expect(outcome).toBe(0);
  expect(text).toContain('No probe is declared; nothing was sent.');
});

it('probes the sample backend for real', async () => {
  const backend = await startSampleBackend({ port: 0, key: 'sample-key-0001' });
  const outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  const env = { SAMPLE_BACKEND_URL: backend.url, SAMPLE_BACKEND_KEY: 'sample-key-0001' };
  const { outcome } = await check({ env, runProbe: (probe) => outbound.send(probe) });
  outbound.close();
  await backend.stop();
  expect(outcome).toBe(0);
});
