import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '../../src/platform/ids';
import { usher as call } from './command-line';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

let server: Server;
let env: NodeJS.ProcessEnv;
let received: Received[];
let answers: ((request: Received) => { status: number; body: unknown })[];

const job = newId();
const usher = (words: readonly string[], stdin = '') =>
  call(words, { env, stdin, root: '/nowhere' });
const applied = {
  success: true,
  order_id: newId(),
  job_id: job,
  status: 'applied',
  state: 'email_confirmed',
  outcome: null,
};

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: text === '' ? null : JSON.parse(text),
      };
      received.push(one);
      const { status, body } = answers.shift()!(one);
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  env = { USHER_URL: `http://127.0.0.1:${String(port)}/`, USHER_KEY: 'ush_live_x' };
});

afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

beforeEach(() => {
  received = [];
  answers = [];
});

const none = { items: [], next_cursor: null };

describe('an order from the command line', () => {
  it.each(['retry', 'skip', 'rollback', 'cancel'])(
    '%s goes to the public API with its reason, the key and an Idempotency-Key',
    async (kind) => {
      answers = [() => ({ status: 200, body: none }), () => ({ status: 200, body: applied })];
      const called = await usher(['onboarding', kind, job, '--reason', 'cable mended']);
      expect(called).toMatchObject({ code: 0, err: '' });
      expect(called.out.split('\n')).toEqual([
        `${kind} applied; the onboarding is email_confirmed.`,
        `See how it goes on: usher onboarding show ${job}`,
      ]);
      expect(received).toMatchObject([
        { method: 'GET', url: `/onboarding/jobs?q=${job}&limit=100` },
        {
          method: 'POST',
          url: `/onboarding/jobs/${job}/${kind}`,
          body: { reason: 'cable mended' },
        },
      ]);
      expect(received[1]?.headers['x-api-key']).toBe('ush_live_x');
      expect(received[1]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('finds the onboarding of a slug, exactly', async () => {
    const list = {
      items: [
        { job_id: newId(), tenant_slug: 'acme-two' },
        { job_id: job, tenant_slug: 'acme' },
      ],
    };
    answers = [
      () => ({ status: 200, body: list }),
      () => ({ status: 202, body: { ...applied, status: 'queued' } }),
    ];
    const called = await usher(['onboarding', 'retry', 'acme', '--reason', 'x']);
    expect(called.out).toBe(`retry is queued; look again with: usher onboarding show ${job}`);
    expect(received.map(({ url }) => url)).toEqual([
      '/onboarding/jobs?slug=acme&limit=100',
      `/onboarding/jobs/${job}/retry`,
    ]);
    answers = [() => ({ status: 200, body: list })];
    const missed = await usher(['onboarding', 'retry', 'acm', '--reason', 'x']);
    expect(missed).toMatchObject({
      code: 1,
      err: expect.stringContaining('Near it: acme-two, acme.'),
    });
  });

  it('finds the newest onboarding of an invite or a tenant, and none by a request that touched it', async () => {
    const [inviteId, tenantId, requestId] = [newId(), newId(), newId()];
    const list = {
      items: [{ job_id: job, invite_id: inviteId, client_id: tenantId, tenant_slug: 'acme' }],
    };
    for (const id of [inviteId, tenantId.toUpperCase()]) {
      answers = [() => ({ status: 200, body: list }), () => ({ status: 200, body: applied })];
      expect(await usher(['onboarding', 'retry', id, '--reason', 'x'])).toMatchObject({ code: 0 });
      expect(received.at(-1)?.url).toBe(`/onboarding/jobs/${job}/retry`);
    }
    const notFound = { title: 'Onboarding not found', code: 'onboarding-not-found' };
    answers = [() => ({ status: 200, body: list }), () => ({ status: 404, body: notFound })];
    const missed = await usher(['onboarding', 'retry', requestId, '--reason', 'x']);
    expect(missed).toMatchObject({ code: 1, err: 'Onboarding not found (onboarding-not-found).' });
    expect(received.at(-1)?.url).toBe(`/onboarding/jobs/${requestId}/retry`);
  });

  it.each([
    [{ step: 'sample.add-token' }, ['sample.add-token is tried again.']],
    [{ skipped: 'sample.smoke' }, ['sample.smoke is left out.']],
    [{ undoing: true }, ['What was done is undone, last in, first out.']],
    [{ state: 'cancelled' }, []],
    [{ fixed: [], reopened: [] }, ['Nothing of it was new; tried again all the same.']],
    [
      { fixed: ['spreadsheet_id'], reopened: ['sample.register', 'sample.add-token'] },
      ['New: spreadsheet_id.', 'Done once more: sample.register, sample.add-token.'],
    ],
  ])('tells in words what came of it: %j', async (outcome, told) => {
    answers = [
      () => ({ status: 200, body: none }),
      () => ({ status: 200, body: { ...applied, outcome } }),
    ];
    const called = await usher(['onboarding', 'retry', job, '--reason', 'x']);
    expect(called.out.split('\n').slice(1, -1)).toEqual(told);
  });

  it('fix hands over new input; a token only from standard input', async () => {
    answers = [() => ({ status: 200, body: none }), () => ({ status: 200, body: applied })];
    const words = [
      'onboarding',
      'fix',
      job,
      '--reason',
      'x',
      '--spreadsheet-id',
      'sheet-2',
      '--wb-token-stdin',
    ];
    expect(await usher(words, 'eyJ.token.value\n')).toMatchObject({ code: 0 });
    expect(received[1]?.body).toEqual({
      reason: 'x',
      spreadsheet_id: 'sheet-2',
      wb_token: 'eyJ.token.value',
    });
    expect((await usher(words)).err).toContain('--wb-token-stdin got nothing');
  });

  it('that is refused ends with 1 and tells why, and where to look', async () => {
    answers = [
      () => ({ status: 200, body: none }),
      () => ({
        status: 200,
        body: { ...applied, status: 'refused', outcome: { code: 'order-not-possible' } },
      }),
    ];
    const called = await usher(['onboarding', 'retry', job, '--reason', 'x']);
    expect(called).toMatchObject({ code: 1, out: '' });
    expect(called.err.split('\n')).toEqual([
      'retry was refused; the onboarding is email_confirmed.',
      'This order does not fit the state of the onboarding (order-not-possible).',
      'Look at the state and the parked step, then choose a fitting order.',
      `See how it stands: usher onboarding show ${job}`,
    ]);
  });

  it('shows a problem document with its detail, fields and request id', async () => {
    const problem = {
      title: 'The request is not valid',
      code: 'validation-failed',
      detail: 'Correct the fields named in `errors`.',
      errors: [{ pointer: '/reason', message: 'is too long' }],
      request_id: 'r-1',
    };
    answers = [() => ({ status: 200, body: none }), () => ({ status: 422, body: problem })];
    const called = await usher(['onboarding', 'retry', job, '--reason', 'x']);
    expect(called).toMatchObject({ code: 1, out: '' });
    expect(called.err.split('\n')).toEqual([
      'The request is not valid (validation-failed).',
      'Correct the fields named in `errors`.',
      '  reason is too long',
      'Request id: r-1',
    ]);
  });

  it('says that something else answers at the address', async () => {
    answers = [() => ({ status: 502, body: '<html>' })];
    const called = await usher(['onboarding', 'retry', job, '--reason', 'x']);
    expect(called.err).toContain('answered 502 and no problem document');
  });
});
