import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOutbound } from '../../src/platform/outbound';
import type { Outbound } from '../../src/platform/outbound';
import { startSampleBackend } from '../../src/servers/sample-backend';
import type { SampleBackend } from '../../src/servers/sample-backend';
import { marketplaceToken } from '../support/backend-compat';

const key = 'sample-key-0001';
const token = marketplaceToken('seller-1');
const folder = mkdtempSync(join(tmpdir(), 'usher-sample-'));
const register = { spreadsheet_id: 'sheet-1', owner_email: 'owner@customer.example' };

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a wrong look into an answer fails the test itself
type Json = any;

let outbound: Outbound;
let backend: SampleBackend;

beforeEach(async () => {
  outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  backend = await startSampleBackend({ port: 0, key });
});

afterEach(async () => {
  outbound.close();
  await backend.stop();
});

afterAll(() => rmSync(folder, { recursive: true }));

async function call(
  method: string,
  path: string,
  body?: unknown,
  options: { headers?: Record<string, string>; url?: string; timeoutMs?: number } = {},
): Promise<{
  status: number;
  json: Json;
  failure: string | undefined;
  headers: Record<string, string>;
}> {
  const result = await outbound.send({
    method,
    url: (options.url ?? backend.url) + path,
    headers: options.headers ?? { 'x-api-key': key },
    body: body === undefined ? undefined : JSON.stringify(body),
    timeoutMs: options.timeoutMs ?? 5_000,
  });
  if (result.kind === 'failure') {
    const failure = `${result.phase} ${result.reason}`;
    return { status: 0, json: undefined, failure, headers: {} };
  }
  return {
    status: result.status,
    json: result.json,
    failure: undefined,
    headers: { ...result.headers },
  };
}

const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
  call('POST', path, body, { headers: { 'x-api-key': key, ...more } });
const objects = async (url?: string) =>
  (await call('GET', '/_test/objects', undefined, url === undefined ? {} : { url })).json;
const calls = async (path = '') => (await call('GET', `/_test/calls${path}`)).json;
const faults = (...list: object[]) => call('POST', '/_test/faults', list);

describe('the contract', () => {
  it('registers, adds a token, lists it and takes an update, with and without /api', async () => {
    for (const prefix of ['', '/api']) {
      expect(await post(`${prefix}/admin/spreadsheets/register`, register)).toMatchObject({
        status: 200,
        json: { success: true, result: { spreadsheet_id: 'sheet-1' } },
      });
      expect(await post(`${prefix}/admin/wb/tokens/add`, { ...register, token })).toMatchObject({
        status: 200,
        json: { success: true, result: { spreadsheet_id: 'sheet-1', sid: 'seller-1' } },
      });
      const listed = await post(`${prefix}/ss/wb/token/get`, { spreadsheet_id: 'sheet-1' });
      expect(listed).toMatchObject({ status: 200, json: { result: [{ sid: 'seller-1', token }] } });
      expect(await post(`${prefix}/ss/datasets/update`, { ssId: 'sheet-1' })).toMatchObject({
        status: 200,
        json: { success: true, message: 'accepted', dataset: null },
      });
    }
  });

  it('takes the key in both ways and refuses every other', async () => {
    const withHeaders = (headers: Record<string, string>) =>
      call('GET', '/admin/ping', undefined, { headers });
    expect((await withHeaders({ authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await withHeaders({ 'x-api-key': key })).status).toBe(200);
    for (const headers of [{}, { 'x-api-key': 'x' }, { authorization: key }]) {
      expect(await withHeaders(headers as Record<string, string>)).toMatchObject({
        status: 401,
        json: { success: false },
      });
    }
  });

  it('refuses what the spreadsheet backend refuses, the same way', async () => {
    expect((await post('/admin/spreadsheets/register', {})).status).toBe(400);
    expect((await post('/ss/wb/token/get', { spreadsheet_id: 'nobody' })).status).toBe(403);
    expect((await post('/ss/datasets/update', { ssId: 'nobody' })).status).toBe(403);
    for (const bad of ['nonsense', 'a.b.c', undefined, 7]) {
      expect(await post('/admin/wb/tokens/add', { ...register, token: bad })).toMatchObject({
        status: 500,
        json: { success: false, message: expect.stringMatching(/^failed to add token: /) },
      });
    }
    expect((await objects()).counts.spreadsheets).toBe(0);
  });

  it('overwrites the owner with null when a later call leaves it out', async () => {
    await post('/admin/spreadsheets/register', register);
    await post('/admin/wb/tokens/add', { spreadsheet_id: 'sheet-1', token });
    expect((await objects()).spreadsheets[0].owner_email).toBeNull();
  });

  it('looks objects up and deletes them, a second time as well as the first', async () => {
    await post('/admin/wb/tokens/add', { ...register, token });
    const sheet = '/admin/spreadsheets/sheet-1';
    const held = '/admin/wb/tokens/sheet-1/seller-1';
    expect((await call('GET', sheet)).json.result).toEqual({ ...register, is_active: true });
    expect((await call('GET', held)).json.result).toEqual({
      spreadsheet_id: 'sheet-1',
      sid: 'seller-1',
    });
    expect((await call('DELETE', held)).status).toBe(200);
    expect((await call('DELETE', held)).status).toBe(404);
    expect((await call('GET', held)).status).toBe(404);
    expect((await call('DELETE', sheet)).status).toBe(200);
    expect((await call('DELETE', sheet)).status).toBe(200);
    expect((await call('GET', sheet)).json.result.is_active).toBe(false);
    expect((await post('/ss/wb/token/get', { spreadsheet_id: 'sheet-1' })).status).toBe(403);
    await post('/admin/spreadsheets/register', register);
    expect((await call('GET', sheet)).json.result.is_active).toBe(true);
  });

  it('answers strange requests and stays up', async () => {
    expect((await call('GET', '/nothing/here')).status).toBe(404);
    expect((await call('GET', '/admin/spreadsheets/%zz')).status).toBe(404);
    expect((await call('GET', '//')).status).toBe(400);
    expect((await call('POST', '/ss/datasets/update', [1])).status).toBe(400);
    expect((await post('/ss/datasets/update', { ssId: 'x'.repeat(1024 * 1024) })).status).toBe(413);
    expect((await call('GET', '/admin/ping')).status).toBe(200);
  });
});

describe('Idempotency-Key', () => {
  const keyed = { 'idempotency-key': 'o:register:1' };

  it('gives the same answer to the same request, which is done once', async () => {
    const first = await post('/admin/spreadsheets/register', register, keyed);
    const second = await post('/admin/spreadsheets/register', register, keyed);
    expect(second.json).toEqual(first.json);
    expect((await objects()).spreadsheets[0].registered).toBe(1);
    expect((await calls()).calls.map((seen: { replayed: boolean }) => seen.replayed)).toEqual([
      false,
      true,
    ]);
  });

  it('refuses another request under the same key with 422', async () => {
    await post('/admin/spreadsheets/register', register, keyed);
    const other = { ...register, spreadsheet_id: 'sheet-2' };
    expect((await post('/admin/spreadsheets/register', other, keyed)).status).toBe(422);
    expect((await objects()).counts.spreadsheets).toBe(1);
  });

  it('does not keep a refusal: the corrected request goes through', async () => {
    const bad = { ...register, token: 'nonsense' };
    expect((await post('/admin/wb/tokens/add', bad, keyed)).status).toBe(500);
    expect((await post('/admin/wb/tokens/add', { ...register, token }, keyed)).status).toBe(200);
  });
});

describe('faults', () => {
  it.each([
    ['timeout-after-act', 'after-send timeout', 1],
    ['reset-after-act', 'after-send reset', 1],
    ['reset-before-act', 'after-send reset', 0],
  ])('%s loses the answer', async (mode, failure, registered) => {
    await faults({ path: '/admin/spreadsheets/register', mode, times: 1 });
    const lost = await call('POST', '/api/admin/spreadsheets/register', register, {
      timeoutMs: 300,
    });
    expect(lost.failure).toBe(failure);
    expect((await objects()).counts.spreadsheets).toBe(registered);
    expect((await post('/admin/spreadsheets/register', register)).status).toBe(200);
  });

  it('malformed acts and answers 200 with half a document', async () => {
    await faults({ mode: 'malformed', times: 1 });
    const answer = await post('/admin/spreadsheets/register', register);
    expect(answer).toMatchObject({ status: 200, json: undefined });
    expect((await objects()).counts.spreadsheets).toBe(1);
  });

  it('status does nothing and answers with the status, Retry-After and message', async () => {
    await faults({ mode: 'status', status: 503, retry_after: 7, message: 'maintenance', times: 1 });
    const answer = await post('/admin/spreadsheets/register', register);
    expect(answer).toMatchObject({
      status: 503,
      json: { success: false, message: 'maintenance' },
      headers: { 'retry-after': '7' },
    });
    expect((await objects()).counts.spreadsheets).toBe(0);
  });

  it('slow acts at once and answers late', async () => {
    await faults({ mode: 'slow', delay_ms: 100 });
    expect((await post('/admin/spreadsheets/register', register)).status).toBe(200);
    expect((await calls()).calls[0].fault).toBe('slow');
  });

  it('happen by method, path and number of times, the first fitting one, until they are set anew', async () => {
    await faults(
      { method: 'GET', mode: 'status', status: 500, times: 2 },
      { path: '/admin/*', mode: 'status', status: 501 },
    );
    const ping = async () => (await call('GET', '/admin/ping')).status;
    expect([await ping(), await ping(), await ping()]).toEqual([500, 500, 501]);
    expect((await post('/ss/datasets/update', { ssId: 'x' })).status).toBe(403);
    await faults();
    expect(await ping()).toBe(200);
  });

  it('happen by chance in the same way for the same seed', async () => {
    const run = async (seed: number) => {
      await faults({ mode: 'status', status: 500, probability: 0.3, seed });
      const seen: number[] = [];
      for (let n = 0; n < 40; n += 1) seen.push((await call('GET', '/admin/ping')).status);
      return seen;
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 500]));
  });

  it('that are misspelt are refused with what is wrong', async () => {
    expect(await faults({ mode: 'explode' })).toMatchObject({
      status: 422,
      json: { success: false },
    });
    expect((await call('POST', '/_test/faults', { mode: 'slow' })).status).toBe(422);
  });
});

describe('limits', () => {
  it('refuse what is too much in a sliding window of each path, without Retry-After', async () => {
    await call('POST', '/_test/limits', { path: '/ss/*', calls: 2, window_ms: 60_000 });
    const update = async () => (await post('/ss/datasets/update', { ssId: 'x' })).status;
    expect([await update(), await update()]).toEqual([403, 403]);
    const refused = await post('/ss/datasets/update', { ssId: 'x' });
    expect(refused).toMatchObject({
      status: 429,
      json: { success: false, message: 'rate limit exceeded' },
    });
    expect(refused.headers).not.toHaveProperty('retry-after');
    expect((await post('/ss/wb/token/get', {})).status).toBe(403);
    expect(await calls('?path=/ss/datasets/update')).toMatchObject({ count: 3, rate_limited: 1 });
  });

  it('let go when the window has passed, and are lifted by an empty list', async () => {
    await call('POST', '/_test/limits', { path: '*', calls: 1, window_ms: 1 });
    const ping = async () => (await call('GET', '/admin/ping')).status;
    await ping();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await ping()).toBe(200);
    await call('POST', '/_test/limits', [{ path: '*', calls: 1, window_ms: 60_000 }]);
    expect([await ping(), await ping()]).toEqual([200, 429]);
    await call('POST', '/_test/limits', []);
    expect([await ping(), await ping()]).toEqual([200, 200]);
  });
});

describe('what tests read', () => {
  it('counts objects and shows no token', async () => {
    await post('/admin/wb/tokens/add', { ...register, token });
    await post('/ss/datasets/update', { ssId: 'sheet-1' });
    const seen = await objects();
    expect(seen.counts).toEqual({ spreadsheets: 1, active_spreadsheets: 1, tokens: 1, updates: 1 });
    expect(seen.spreadsheets[0].tokens).toEqual([{ sid: 'seller-1', added: 1 }]);
    expect(JSON.stringify(seen)).not.toContain(token);
  });

  it('lists calls with the names of their fields and their keys', async () => {
    await post('/api/admin/wb/tokens/add', { ...register, token }, { 'idempotency-key': 'k' });
    const { calls: list } = await calls();
    expect(list).toMatchObject([
      {
        method: 'POST',
        path: '/admin/wb/tokens/add',
        status: 200,
        idempotency_key: 'k',
        fields: ['spreadsheet_id', 'owner_email', 'token'],
      },
    ]);
    expect(JSON.stringify(list)).not.toContain(token);
  });

  it('is empty again after a reset', async () => {
    await post('/admin/spreadsheets/register', register);
    await faults({ mode: 'status', status: 500 });
    await call('POST', '/_test/reset');
    expect((await objects()).counts.spreadsheets).toBe(0);
    expect((await calls()).count).toBe(0);
    expect((await call('GET', '/admin/ping')).status).toBe(200);
  });
});

describe('the state file', () => {
  it('brings back objects and answers, also behind a line that was cut short, and only its owner may read it', async () => {
    const stateFile = join(folder, 'cut.jsonl');
    const keyed = { 'x-api-key': key, 'idempotency-key': 'k1' };
    let own = await startSampleBackend({ port: 0, key, stateFile });
    const add = { ...register, token };
    const first = await call('POST', '/admin/wb/tokens/add', add, { url: own.url, headers: keyed });
    await own.stop();
    appendFileSync(stateFile, '{"effect":{"do":"delete","id":"sh');

    own = await startSampleBackend({ port: 0, key, stateFile });
    expect((await objects(own.url)).counts).toMatchObject({ active_spreadsheets: 1, tokens: 1 });
    const again = await call('POST', '/admin/wb/tokens/add', add, { url: own.url, headers: keyed });
    expect(again.json).toEqual(first.json);
    expect((await objects(own.url)).spreadsheets[0].registered).toBe(1);
    await call('POST', '/_test/reset', undefined, { url: own.url });
    await call('POST', '/admin/spreadsheets/register', register, { url: own.url });
    await own.stop();

    own = await startSampleBackend({ port: 0, key, stateFile });
    expect((await objects(own.url)).counts).toMatchObject({ spreadsheets: 1, tokens: 0 });
    await own.stop();
    expect(statSync(stateFile).mode & 0o077).toBe(0);
  });
});
