import { accept, invite } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { person, signedIn } from '../people';
import { ageInvite, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const decline = (token: string, body: unknown = {}): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/invites/${token}/decline`, { anonymous: true, body });

const askForLink = (token: string): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/invites/${token}/request-new-link`, { anonymous: true });

/** Mails of a kind about an invite: to whom, with what. */
const mails = (
  inviteId: string,
  kind: string,
): Promise<{ to: string; data: Record<string, unknown> }[]> =>
  sql(app, 'select to_email::text as to, data from mails where invite_id = $1 and kind = $2', [
    inviteId,
    kind,
  ]);

describe('POST /onboarding/invites/{token}/decline', () => {
  test('answers 200, ends the invite, frees its tenant and tells the inviter why', async () => {
    const operator = await person(app, { roles: ['operator'] });
    const { body } = await app.call('POST', '/onboarding/invites', {
      anonymous: true,
      headers: await signedIn(app, operator),
      body: { email: 'carla@example.com', name: 'Carla' },
    });
    const token = body.activation_link.split('/').at(-1);
    const answer = await decline(token, { reason: ' We have one already.\nThanks! ' });
    expect([answer.status, answer.body]).toEqual([
      200,
      { success: true, invite_id: body.invite_id, status: 'declined' },
    ]);
    expect((await app.call('GET', `/onboarding/jobs/${body.job_id}`)).body.status).toBe('declined');
    expect(await sql(app, 'select status from tenants where id = $1', [body.client_id])).toEqual([
      { status: 'deleted' },
    ]);
    const told = await mails(body.invite_id, 'invite-declined');
    expect(told.map(({ to }) => to)).toEqual([operator.email]);
    expect(
      await sql(app, 'select declined_reason from invites where id = $1', [body.invite_id]),
    ).toEqual([{ declined_reason: 'We have one already.\nThanks!' }]);
  });

  test('answers 200 without any body as well', async () => {
    const { token } = await invite(app);
    const answer = await app.call('POST', `/onboarding/invites/${token}/decline`, {
      anonymous: true,
    });
    expect(answer.status).toBe(200);
  });

  test('tells the operators of an invite that a service account has sent', async () => {
    const invited = await invite(app);
    await decline(invited.token);
    const told = await mails(invited.inviteId, 'invite-declined');
    expect(told.map(({ to }) => to)).toEqual(['operators@usher.localhost']);
  });

  test('answers 404, 409 or 410 for a link that is no good any more', async () => {
    const [used, revoked, declined] = await Promise.all([invite(app), invite(app), invite(app)]);
    await accept(app, used);
    await app.call('POST', `/onboarding/invites/${revoked.inviteId}/revoke`);
    await decline(declined.token);
    const answers = await Promise.all(
      [used.token, revoked.token, declined.token, 'nobody-knows'].map((token) => decline(token)),
    );
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'invite-already-used'],
      [410, 'invite-revoked'],
      [409, 'invite-declined'],
      [404, 'invite-not-found'],
    ]);
  });

  test('answers 422 for a reason that is no text or too long', async () => {
    const { token } = await invite(app);
    for (const reason of [7, '', 'x'.repeat(501)]) {
      const { status, body } = await decline(token, { reason });
      expect([status, body.errors[0].pointer]).toEqual([422, '/reason']);
    }
  });
});

describe('POST /onboarding/invites/{token}/request-new-link', () => {
  test('always answers the same 202, whatever became of the link', async () => {
    const [open, expired, revoked, used] = await Promise.all(
      Array.from({ length: 4 }, () => invite(app)),
    );
    await ageInvite(app, expired!.inviteId, '169 hours');
    await app.call('POST', `/onboarding/invites/${revoked!.inviteId}/revoke`);
    await accept(app, used!);
    const tokens = [
      open!.token,
      expired!.token,
      revoked!.token,
      used!.token,
      'nobody-knows',
      'a'.repeat(43),
    ];
    const answers = await Promise.all(tokens.map(askForLink));
    expect(
      new Set(answers.map(({ status, body }) => `${String(status)} ${JSON.stringify(body)}`)).size,
    ).toBe(1);
    expect(answers[0]).toMatchObject({ status: 202, body: { success: true } });
  });

  test('tells the inviter once an hour, of an invite that can be renewed', async () => {
    const expired = await invite(app);
    await ageInvite(app, expired.inviteId, '169 hours');
    await askForLink(expired.token);
    await askForLink(expired.token);
    expect(await mails(expired.inviteId, 'new-link-requested')).toHaveLength(1);
    await sql(
      app,
      `update mails set created_at = created_at - interval '61 minutes' where invite_id = $1`,
      [expired.inviteId],
    );
    await askForLink(expired.token);
    expect(await mails(expired.inviteId, 'new-link-requested')).toHaveLength(2);
  });

  test('says nothing to the inviter of an invite that cannot be renewed', async () => {
    const revoked = await invite(app);
    await app.call('POST', `/onboarding/invites/${revoked.inviteId}/revoke`);
    await askForLink(revoked.token);
    expect(await mails(revoked.inviteId, 'new-link-requested')).toEqual([]);
  });
});
