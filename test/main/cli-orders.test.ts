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

describe('an order from the command line', () => {
  it.each(['retry', 'skip', 'rollback', 'cancel'])(
    '%s goes to the public API with its reason, the key and an Idempotency-Key',
    async (kind) => {
      answers = [() => ({ status: 200, body: applied })];
      const called = await usher(['onboarding', kind, job, '--reason', 'cable mended']);
      expect(called).toMatchObject({ code: 0, err: '' });
      expect(called.out).toContain(`${kind} applied; the onboarding is email_confirmed.`);
      expect(received).toMatchObject([
        {
          method: 'POST',
          url: `/onboarding/jobs/${job}/${kind}`,
          body: { reason: 'cable mended' },
        },
      ]);
      expect(received[0]?.headers['x-api-key']).toBe('ush_live_x');
      expect(received[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
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
    const none = await usher(['onboarding', 'retry', 'acm', '--reason', 'x']);
    expect(none).toMatchObject({
      code: 1,
      err: expect.stringContaining('Near it: acme-two, acme.'),
    });
  });

  it('fix hands over new input; a token only from standard input', async () => {
    answers = [() => ({ status: 200, body: applied })];
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
    expect(received[0]?.body).toEqual({
      reason: 'x',
      spreadsheet_id: 'sheet-2',
      wb_token: 'eyJ.token.value',
    });
    expect((await usher(words)).err).toContain('--wb-token-stdin got nothing');
  });

  it('that is refused ends with 1 and tells why', async () => {
    answers = [
      () => ({
        status: 200,
        body: { ...applied, status: 'refused', outcome: { code: 'order-not-possible' } },
      }),
    ];
    const called = await usher(['onboarding', 'retry', job, '--reason', 'x']);
    expect(called).toMatchObject({ code: 1, out: '' });
    expect(called.err).toContain('order-not-possible');
  });

  it('shows a problem document with its detail, fields and request id', async () => {
    const problem = {
      title: 'The request is not valid',
      code: 'validation-failed',
      detail: 'Correct the fields named in `errors`.',
      errors: [{ pointer: '/reason', message: 'is too long' }],
      request_id: 'r-1',
    };
    answers = [() => ({ status: 422, body: problem })];
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
