import { randomBytes } from 'node:crypto';
import { accept, invite } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { person } from '../people';
import { ageInvite, countOf, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const preview = (token: string): Promise<TestAnswer> =>
  app.call('GET', `/onboarding/invites/${token}/preview`, { anonymous: true });

/** Everything that a look at a link could have changed. */
const traces = async (inviteId: string): Promise<unknown> => [
  await sql(app, 'select row_to_json(i)::text from invites as i where id = $1', [inviteId]),
  await sql(app, 'select row_to_json(t)::text from invite_tokens as t where invite_id = $1', [
    inviteId,
  ]),
  await sql(app, 'select row_to_json(o)::text from onboardings as o where invite_id = $1', [
    inviteId,
  ]),
  await Promise.all(
    ['audit_trail', 'events', 'outbox', 'mails'].map((table) => countOf(app, table)),
  ),
];

describe('GET /onboarding/invites/{token}/preview answers 200', () => {
  test('with tenant, inviter and the masked address', async () => {
    const invited = await invite(app, {
      email: 'anna@example.com',
      name: 'Anna',
      tenant: { slug: 'acme-west', name: 'Acme West' },
      locale: 'de',
      roles: ['owner'],
    });
    const { status, body } = await preview(invited.token);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      tenant: { name: 'Acme West', slug: 'acme-west' },
      email_masked: 'a•••@e•••.com',
      name: 'Anna',
      role: 'owner',
      locale: 'de',
      account_exists: false,
      password_min_length: 15,
    });
    expect(JSON.stringify(body)).not.toContain('anna@example.com');
  });

  test('and tells whether the address has an account', async () => {
    const { email } = await person(app);
    const { token } = await invite(app, { email });
    expect((await preview(token)).body.account_exists).toBe(true);
  });

  test.each(['GET', 'HEAD'])('to %s and changes nothing, however often', async (method) => {
    const invited = await invite(app);
    const before = await traces(invited.inviteId);
    for (let n = 0; n < 3; n += 1) {
      const response = await fetch(`${app.url}/onboarding/invites/${invited.token}/preview`, {
        method,
      });
      expect(response.status).toBe(200);
      expect((await response.text()).length > 0).toBe(method === 'GET');
    }
    expect(await traces(invited.inviteId)).toEqual(before);
    expect((await preview(invited.token)).status).toBe(200);
  });
});

describe('GET /onboarding/invites/{token}/preview refuses, each with its own code', () => {
  test('404 an unknown token, whatever it looks like', async () => {
    const tokens = [
      randomBytes(32).toString('base64url'),
      'x',
      'a'.repeat(200),
      '%F0%9F%92%A5',
      'a%2Fb',
      '..%2f',
    ];
    for (const token of tokens) {
      const { status, body } = await preview(token);
      expect([token, status, body.code]).toEqual([token, 404, 'invite-not-found']);
    }
  });

  test('409 one that was used, 410 one that is expired or revoked, 409 one that was declined', async () => {
    const [used, expired, revoked, declined] = await Promise.all(
      Array.from({ length: 4 }, () => invite(app)),
    );
    await accept(app, used!);
    await ageInvite(app, expired!.inviteId, '169 hours');
    await app.call('POST', `/onboarding/invites/${revoked!.inviteId}/revoke`);
    await app.call('POST', `/onboarding/invites/${declined!.token}/decline`, { body: {} });
    const answers = await Promise.all(
      [used!, expired!, revoked!, declined!].map(({ token }) => preview(token)),
    );
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'invite-already-used'],
      [410, 'invite-expired'],
      [410, 'invite-revoked'],
      [409, 'invite-declined'],
    ]);
    expect(answers[1]?.body.expired_at).toMatch(/Z$/);
  });

  test('and no answer or log line repeats the token', async () => {
    const { token, inviteId } = await invite(app);
    await preview(token);
    await app.call('POST', `/onboarding/invites/${inviteId}/revoke`);
    const { body } = await preview(token);
    expect(body.instance).toBe('/onboarding/invites/***/preview');
    expect(app.logs.join('')).not.toContain(token);
  });
});
