import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { invite } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { sql } from '../rows';

/** A siteverify endpoint to which one answer is that of a person; it remembers what it was asked. */
let provider: Server;
const asked: string[] = [];
let app: TestApp;

beforeAll(async () => {
  provider = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const form = new URLSearchParams(text);
      asked.push(`${form.get('secret') ?? ''} ${form.get('response') ?? ''}`);
      const success = form.get('response') === 'a-person';
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ success }));
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as AddressInfo;
  app = await startTestApp({
    worker: false,
    env: {
      SELF_SERVE_INVITES: 'on',
      CAPTCHA_VERIFY_URL: `http://127.0.0.1:${String(port)}/siteverify`,
      CAPTCHA_SECRET: 'captcha-secret',
    },
  });
});
afterAll(async () => {
  await app.stop();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

const accept = (
  { token }: Invited,
  captcha?: string,
  on: Pick<TestApp, 'call'> = app,
): Promise<TestAnswer> =>
  on.call('POST', `/onboarding/invites/${token}/accept`, {
    anonymous: true,
    body: { accept_terms: true, ...(captcha === undefined ? {} : { captcha }) },
  });

describe('a self-serve invite', () => {
  test('is refused without the answer of a person, stays open, and is accepted with it', async () => {
    const invited = await invite(app, { self_serve: true });
    for (const captcha of [undefined, 'a-program']) {
      const refused = await accept(invited, captcha);
      expect([refused.status, refused.body.code]).toEqual([403, 'verification-failed']);
    }
    expect((await accept(invited, 'a-person')).status).toBe(200);
    expect(asked).toEqual(['captcha-secret a-program', 'captcha-secret a-person']);
  });

  test('asks nothing of those whom somebody invited', async () => {
    asked.length = 0;
    expect((await accept(await invite(app), 'whatever')).status).toBe(200);
    expect(asked).toEqual([]);
  });
});

describe('where self-serve invites are off', () => {
  let off: TestApp;
  beforeAll(async () => {
    off = await startTestApp({
      worker: false,
      env: { SELF_SERVE_INVITES: 'off', CAPTCHA_VERIFY_URL: '', CAPTCHA_SECRET: '' },
    });
  });
  afterAll(() => off.stop());

  test('none is made: 422', async () => {
    const { status, body } = await off.call('POST', '/onboarding/invites', {
      body: { email: 'visitor@example.com', self_serve: true },
    });
    expect([status, body.errors[0].pointer]).toEqual([422, '/self_serve']);
  });

  test('one of before is not accepted without a check that nobody can pass any more', async () => {
    const invited = await invite(off);
    await sql(off, 'update invites set self_serve = true where id = $1', [invited.inviteId]);
    const refused = await accept(invited, 'a-person', off);
    expect([refused.status, refused.body.code]).toEqual([403, 'verification-failed']);
  });
});
