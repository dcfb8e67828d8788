import { join } from 'node:path';
import type { Call } from '../../../src/contracts/connectors';
import { loadConnectors } from '../../../src/domain/onboarding/connectors';
import { judge, judgeVerify } from '../../../src/domain/onboarding/connectors-judging.rules';
import { redactAnswer } from '../../../src/domain/onboarding/connectors-redaction.rules';
import type { TemplateContext } from '../../../src/domain/onboarding/connectors-templates.rules';
import {
  callOf,
  externalIdOf,
  hiddenFor,
  renderProbe,
  renderRequest,
  stepsOf,
} from '../../../src/domain/onboarding/connectors.rules';
import type { Connector, StepPart } from '../../../src/domain/onboarding/connectors.rules';
import { createOutbound } from '../../../src/platform/outbound';
import type { Outbound } from '../../../src/platform/outbound';
import { startSampleBackend } from '../../../src/servers/sample-backend';
import type { SampleBackend } from '../../../src/servers/sample-backend';
import { marketplaceToken, startBackendCompat } from '../../support/backend-compat';
import type { BackendCompat, CompatOptions } from '../../support/backend-compat';
import { aContext } from './connector-files';

const dir = join(__dirname, '..', '..', '..', 'connectors');
const token = marketplaceToken('seller-1');
const owner = 'owner@customer.example';

let outbound: Outbound;
beforeEach(() => {
  outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
});
afterEach(() => outbound.close());

/** Performs one part of one step for real, as the activity does. */
async function perform(
  connector: Connector,
  name: string,
  context: TemplateContext,
  options: { part?: StepPart; idempotencyKey?: string; timeoutMs?: number } = {},
) {
  const part = options.part ?? 'request';
  const step = connector.steps.find((one) => one.name === name)!;
  const { idempotencyKey } = options;
  const request = renderRequest({ connector, step, part, context, idempotencyKey });
  const result = await outbound.send({
    ...request,
    timeoutMs: options.timeoutMs ?? request.timeoutMs,
  });
  const judging = { context, now: Date.now(), hidden: hiddenFor(connector, context) };
  const call: Call = callOf(step, part)!;
  const verdict =
    part === 'verify' ? judgeVerify(step.verify!, result, judging) : judge(call, result, judging);
  return {
    verdict,
    stored: { request: request.redacted, answer: redactAnswer(call, result, judging.hidden) },
  };
}

/** Runs the steps one after the other and collects what they leave; ends at the first that does not succeed. */
async function runAll(connector: Connector, start: TemplateContext) {
  let context = start;
  const stored: unknown[] = [];
  for (const { name } of connector.steps) {
    const done = await perform(connector, name, context);
    stored.push(done.stored);
    if (done.verdict.kind !== 'success')
      return { stopped: name, verdict: done.verdict, context, stored };
    context = { ...context, extract: { ...context.extract, [name]: done.verdict.extract } };
  }
  return { stopped: undefined, verdict: undefined, context, stored };
}

it('both load with nothing but the variables of the sample backend', () => {
  const env = { SAMPLE_BACKEND_URL: 'http://127.0.0.1:4000', SAMPLE_BACKEND_KEY: 'k' };
  const { connectors, blueprints, blueprintFor } = loadConnectors({ dir, env });
  expect([...connectors.keys()]).toEqual(['backend-compat', 'sample']);
  expect(blueprintFor({ plan: 'any', kind: 'customer' })).toBe('default');
  expect(() => blueprintFor({ wanted: 'spreadsheet' })).toThrow(/BACKEND_COMPAT_URL/);
  for (const blueprint of blueprints.values()) {
    expect(stepsOf(blueprint).map(({ state }) => state)).toEqual([
      'workspace_registered',
      'token_added',
      'validated',
      undefined,
    ]);
  }
});

describe('backend-compat', () => {
  const admin = 'admin-key-000001';
  const readOnly = 'admin-only-00001';
  const keys = { [admin]: ['admin', 'data'], [readOnly]: ['admin'] } as const;
  let backend: BackendCompat;

  async function started(options: Partial<CompatOptions> = {}): Promise<BackendCompat> {
    backend = await startBackendCompat({ keys, ...options });
    return backend;
  }
  afterEach(() => backend.stop());

  function connector(more: { url?: string; key?: string; auth?: string } = {}): Connector {
    const env = {
      SAMPLE_BACKEND_URL: 'http://127.0.0.1:1',
      SAMPLE_BACKEND_KEY: 'unused',
      BACKEND_COMPAT_URL: more.url ?? backend.url,
      BACKEND_COMPAT_KEY: more.key ?? admin,
      ...(more.auth ? { BACKEND_COMPAT_AUTH: more.auth } : {}),
    };
    return loadConnectors({ dir, env }).connectors.get('backend-compat')!;
  }
  const context = aContext({ secret: { wb_token: token } });

  it.each([
    ['without /api, X-Api-Key', '', undefined, 'x-api-key'],
    ['with /api, X-Api-Key', '/api', 'api-key', 'x-api-key'],
    ['without /api, Bearer', '', 'bearer', 'authorization'],
    ['with /api, Bearer', '/api/', 'bearer', 'authorization'],
  ])('carries a tenant through: %s', async (_how, path, auth, header) => {
    await started();
    const { stopped, context: after } = await runAll(
      connector({ url: backend.url + path, ...(auth ? { auth } : {}) }),
      context,
    );
    expect(stopped).toBeUndefined();
    expect(after.extract['add-token']).toEqual({ sid: 'seller-1' });
    expect(externalIdOf(connector(), after)).toBe('sheet-0001');
    expect(backend.calls.every(({ headers }) => headers[header] !== undefined)).toBe(true);
    expect(backend.spreadsheets.get('sheet-0001')).toEqual({
      owner_email: owner,
      is_active: true,
      tokens: new Map([['seller-1', token]]),
    });
  });

  it('sends owner_email with both calls that would overwrite it with null', async () => {
    await started();
    await runAll(connector(), context);
    const writing = backend.calls.filter(({ path }) => path.startsWith('/admin/'));
    expect(writing.map(({ body }) => body['owner_email'])).toEqual([owner, owner]);
    const none = aContext({ input: { spreadsheet_id: 'sheet-0001' } });
    await expect(perform(connector(), 'add-token', none)).rejects.toMatchObject({
      code: 'input-missing',
    });
  });

  it('stores nothing of the token, the key or the address, though the look-up answers with tokens in plain', async () => {
    await started();
    const old = marketplaceToken('seller-before');
    await perform(connector(), 'register', context);
    backend.spreadsheets.get('sheet-0001')!.tokens.set('seller-before', old);
    const { stopped, stored } = await runAll(connector(), context);
    expect(stopped).toBeUndefined();
    const text = JSON.stringify(stored);
    for (const hidden of [token, old, admin, owner, token.split('.')[1]!, old.split('.')[2]!]) {
      expect(text).not.toContain(hidden);
    }
    expect(text).toContain('seller-1');
  });

  it.each(['no-jwt-at-all', 'a.b.c', 'e30.e30.e30'])(
    'parks the malformed token %p as token-malformed at the first answer, although that is a 500',
    async (bad) => {
      await started();
      const { stopped, verdict } = await runAll(
        connector(),
        aContext({ secret: { wb_token: bad } }),
      );
      expect(stopped).toBe('add-token');
      expect(verdict).toEqual({ kind: 'permanent', problem: 'token-malformed' });
      expect(backend.calls.at(-1)?.status).toBe(500);
    },
  );

  it('tells an unknown key, a key without the scope and a workspace that is not registered apart', async () => {
    await started();
    const unknown = await perform(connector({ key: 'nobody' }), 'register', context);
    expect(unknown.verdict).toEqual({ kind: 'permanent', problem: 'backend-unauthorized' });
    const after = { ...context, extract: { 'add-token': { sid: 'seller-1' } } };
    const unregistered = await perform(connector(), 'verify', after);
    expect(unregistered.verdict).toEqual({
      kind: 'permanent',
      problem: 'workspace-not-registered',
    });
    const scopeless = await perform(connector({ key: readOnly }), 'verify', after);
    expect(scopeless.verdict).toEqual({ kind: 'permanent', problem: 'backend-forbidden' });
  });

  it('does not take an empty list for a validated token, nor a list of others', async () => {
    await started();
    await perform(connector(), 'register', context);
    const after = { ...context, extract: { 'add-token': { sid: 'seller-1' } } };
    expect((await perform(connector(), 'verify', after)).verdict.kind).toBe('transient');
    backend.spreadsheets.get('sheet-0001')!.tokens.set('other', 'x');
    expect((await perform(connector(), 'verify', after)).verdict.kind).toBe('transient');
  });

  it('takes a 429 without Retry-After for a wait without a time of its own', async () => {
    await started({ limits: { admin: 1 } });
    expect((await perform(connector(), 'register', context)).verdict.kind).toBe('success');
    const { verdict } = await perform(connector(), 'register', context);
    expect(verdict).toEqual({ kind: 'rate-limited', retryAfterMs: undefined });
  });

  it('finds out whether a token of unknown fate was added', async () => {
    await started();
    const lookUp = () => perform(connector(), 'add-token', context, { part: 'verify' });
    expect((await lookUp()).verdict).toEqual({ kind: 'absent' });
    await perform(connector(), 'register', context);
    expect((await lookUp()).verdict).toEqual({ kind: 'absent' });
    await perform(connector(), 'add-token', context);
    const { verdict, stored } = await lookUp();
    expect(verdict).toEqual({ kind: 'landed', extract: { sid: 'seller-1' } });
    expect(JSON.stringify(stored)).not.toContain(token);
  });

  it('may be registered twice, and cannot be undone', async () => {
    await started();
    await perform(connector(), 'register', context);
    expect((await perform(connector(), 'register', context)).verdict.kind).toBe('success');
    const steps = stepsOf({ connectors: [connector()] });
    expect(steps.map(({ repeat }) => repeat)).toEqual(['safe', 'verify', 'safe', 'safe']);
    expect(steps.map(({ compensation }) => compensation)).toEqual([
      'leave-and-mark',
      'leave-and-mark',
      'nothing',
      'nothing',
    ]);
  });

  it('has a probe that changes nothing and tells a wrong key', async () => {
    await started();
    const send = async (one: Connector) => outbound.send(renderProbe(one)!);
    expect(await send(connector())).toMatchObject({ status: 403 });
    expect(await send(connector({ key: 'nobody' }))).toMatchObject({ status: 401 });
    expect(backend.spreadsheets.size).toBe(0);
  });
});

describe('sample', () => {
  const key = 'sample-key-000001';
  let backend: SampleBackend;
  let connector: Connector;

  beforeEach(async () => {
    backend = await startSampleBackend({ port: 0, key });
    const env = { SAMPLE_BACKEND_URL: backend.url, SAMPLE_BACKEND_KEY: key };
    connector = loadConnectors({ dir, env }).connectors.get('sample')!;
  });
  afterEach(() => backend.stop());

  const context = aContext({ secret: { wb_token: token } });
  const registered = {
    ...context,
    extract: { register: { spreadsheet_id: 'sheet-0001' }, 'add-token': { sid: 'seller-1' } },
  };
  interface Objects {
    readonly counts: Record<string, number>;
    readonly spreadsheets: { readonly registered: number }[];
  }
  async function control(path: string, body?: unknown): Promise<Objects> {
    const result = await outbound.send({
      method: body === undefined ? 'GET' : 'POST',
      url: `${backend.url}/_test/${path}`,
      headers: {},
      body: body === undefined ? undefined : JSON.stringify(body),
      timeoutMs: 5_000,
    });
    if (result.kind === 'failure') throw new Error(result.reason);
    return result.json as Objects;
  }

  it('carries a tenant through, and stores no secret and no address', async () => {
    const { stopped, stored, context: after } = await runAll(connector, context);
    expect(stopped).toBeUndefined();
    expect(externalIdOf(connector, after)).toBe('sheet-0001');
    const text = JSON.stringify(stored);
    for (const hidden of [token, key, owner]) expect(text).not.toContain(hidden);
  });

  it.each(['register', 'add-token'])(
    'is uncertain when the answer to %s is lost, and then finds it by the look-up or not at all',
    async (step) => {
      if (step === 'add-token') await perform(connector, 'register', context);
      const lookUp = () => perform(connector, step, context, { part: 'verify' });
      for (const mode of [
        'reset-before-act',
        'timeout-after-act',
        'reset-after-act',
        'malformed',
      ]) {
        await control('faults', [{ method: 'POST', path: '/admin/*', mode, times: 1 }]);
        const lost = await perform(connector, step, context, { timeoutMs: 300 });
        expect([mode, lost.verdict.kind]).toEqual([mode, 'uncertain']);
        const found = await lookUp();
        expect([mode, found.verdict.kind]).toEqual([
          mode,
          mode === 'reset-before-act' ? 'absent' : 'landed',
        ]);
        if (found.verdict.kind !== 'landed') continue;
        expect(found.verdict.extract).toEqual(registered.extract[step as 'register']);
        await perform(connector, step, registered, { part: 'compensate' });
        expect((await lookUp()).verdict).toEqual({ kind: 'absent' });
      }
    },
  );

  it('does a step once, however often it is sent with the same key', async () => {
    const idempotencyKey = 'onboarding-1:sample.register:1';
    for (let n = 0; n < 3; n += 1) {
      const { verdict } = await perform(connector, 'register', context, { idempotencyKey });
      expect(verdict).toEqual({ kind: 'success', extract: { spreadsheet_id: 'sheet-0001' } });
    }
    expect((await control('objects')).spreadsheets[0]?.registered).toBe(1);
  });

  it('undoes its steps in reverse, and undoing what never landed succeeds as well', async () => {
    await runAll(connector, context);
    for (const step of ['add-token', 'register', 'add-token', 'register']) {
      const { verdict } = await perform(connector, step, registered, { part: 'compensate' });
      expect(verdict.kind).toBe('success');
    }
    expect((await control('objects')).counts).toMatchObject({ active_spreadsheets: 0, tokens: 0 });
  });

  it('does not adopt a registration that is somebody else’s', async () => {
    await perform(
      connector,
      'register',
      aContext({ input: { spreadsheet_id: 'sheet-0001', owner_email: 'b@c.d' } }),
    );
    expect((await perform(connector, 'register', context, { part: 'verify' })).verdict.kind).toBe(
      'absent',
    );
  });

  it('takes 503 with Retry-After for transient, 502 for uncertain and a malformed token for good', async () => {
    await control('faults', [
      { mode: 'status', status: 503, retry_after: 3, times: 1 },
      { mode: 'status', status: 502, times: 1 },
    ]);
    const register = async () => (await perform(connector, 'register', context)).verdict;
    expect(await register()).toMatchObject({ kind: 'transient', retryAfterMs: 3_000 });
    expect(await register()).toMatchObject({ kind: 'uncertain' });
    const bad = await perform(
      connector,
      'add-token',
      aContext({ secret: { wb_token: 'nonsense' } }),
    );
    expect(bad.verdict).toEqual({ kind: 'permanent', problem: 'token-malformed' });
  });
});
