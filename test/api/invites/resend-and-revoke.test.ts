import { randomUUID } from 'node:crypto';
import { accept, invite } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { ageInvite, setTenantStatus, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const act = (
  action: 'resend' | 'revoke',
  { inviteId }: Pick<Invited, 'inviteId'>,
  headers: Record<string, string> = {},
): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/invites/${inviteId}/${action}`, { headers });

const preview = (token: string): Promise<TestAnswer> =>
  app.call('GET', `/onboarding/invites/${token}/preview`, { anonymous: true });

const read = async ({ inviteId }: Invited): Promise<TestAnswer> =>
  app.call('GET', `/onboarding/invites/${inviteId}`);

/** An invite that was sent more than a minute ago. */
const settled = async (overrides: Record<string, unknown> = {}): Promise<Invited> => {
  const invited = await invite(app, overrides);
  await ageInvite(app, invited.inviteId, '61 seconds');
  return invited;
};

const mails = (inviteId: string): Promise<{ status: string }[]> =>
  sql(app, 'select status from mails where invite_id = $1 order by created_at', [inviteId]);

describe('POST /onboarding/invites/{id}/resend answers 200', () => {
  test('with a new link; the old one ends and says when the newer was sent, and its mail is not sent', async () => {
    const invited = await settled();
    const { status, body } = await act('resend', invited);
    expect(status).toBe(200);
    expect(body).toMatchObject({ invite_id: invited.inviteId, status: 'invited', resend_count: 1 });
    const token = String(body.activation_link).split('/').at(-1) ?? '';
    expect((await preview(token)).status).toBe(200);
    const old = await preview(invited.token);
    expect([old.status, old.body.code]).toEqual([410, 'invite-superseded']);
    expect(Date.now() - new Date(old.body.newer_sent_at).getTime()).toBeLessThan(60_000);
    expect(await mails(invited.inviteId)).toEqual([{ status: 'dropped' }, { status: 'due' }]);
  });

  test('and lets the time run anew', async () => {
    const invited = await settled({ expires_in_hours: 10 });
    await ageInvite(app, invited.inviteId, '9 hours');
    const { body } = await act('resend', invited);
    const hours = (new Date(body.expires_at).getTime() - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(10);
  });

  test('for an expired invite, whether somebody has noticed or not', async () => {
    for (const noticed of [false, true]) {
      const invited = await settled({ expires_in_hours: 1 });
      await ageInvite(app, invited.inviteId, '2 hours');
      if (noticed) {
        await sql(app, `update invites set status = 'expired' where id = $1`, [invited.inviteId]);
        await sql(app, `update onboardings set state = 'expired', ended_at = now() where id = $1`, [
          invited.jobId,
        ]);
      }
      const { status, body } = await act('resend', invited);
      expect([status, body.status]).toEqual([200, 'invited']);
      expect((await read(invited)).body.status).toBe('invited');
      expect((await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body).toMatchObject({
        status: 'invited',
        ended_at: null,
      });
    }
  });
});

describe('POST /onboarding/invites/{id}/resend answers 429', () => {
  test('resend-too-soon with Retry-After for 60 seconds after a mail', async () => {
    const invited = await invite(app);
    const { status, body, headers } = await act('resend', invited);
    expect([status, body.code]).toEqual([429, 'resend-too-soon']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
    await ageInvite(app, invited.inviteId, '55 seconds');
    expect(Number((await act('resend', invited)).headers.get('retry-after'))).toBeLessThanOrEqual(
      5,
    );
    expect((await preview(invited.token)).status).toBe(200);
  });
});

describe('POST /onboarding/invites/{id}/resend answers 409', () => {
  test('resend-limit-reached after five', async () => {
    const invited = await settled();
    for (let n = 1; n <= 5; n += 1) {
      expect((await act('resend', invited)).body.resend_count).toBe(n);
      await ageInvite(app, invited.inviteId, '61 seconds');
    }
    const { status, body } = await act('resend', invited);
    expect([status, body.code]).toEqual([409, 'resend-limit-reached']);
  });

  test('invite-not-open for one that is accepted, revoked or declined', async () => {
    const [accepted, revoked, declined] = [await settled(), await settled(), await settled()];
    await accept(app, accepted);
    await act('revoke', revoked);
    await app.call('POST', `/onboarding/invites/${declined.token}/decline`, { body: {} });
    for (const [invited, was] of [
      [accepted, 'accepted'],
      [revoked, 'revoked'],
      [declined, 'declined'],
    ] as const) {
      const { status, body } = await act('resend', invited);
      expect([status, body.code, body.invite_status]).toEqual([409, 'invite-not-open', was]);
      expect((await read(invited)).body.status).toBe(was);
    }
  });

  test('tenant-not-open for a suspended tenant, invite-held for one that waits for its stage', async () => {
    const suspended = await settled();
    await setTenantStatus(app, suspended.clientId, 'suspended');
    expect((await act('resend', suspended)).body.code).toBe('tenant-not-open');
    const held = await settled();
    await sql(app, 'update invites set held = true where id = $1', [held.inviteId]);
    expect((await act('resend', held)).body.code).toBe('invite-held');
  });

  test('invite-exists when a newer invite of the address took its place', async () => {
    const first = await settled({ expires_in_hours: 1 });
    await ageInvite(app, first.inviteId, '2 hours');
    const second = await app.call('POST', '/onboarding/invites', {
      body: { email: first.email, tenant_id: first.clientId },
    });
    const { status, body } = await act('resend', first);
    expect([status, body.code, body.invite_id]).toEqual([
      409,
      'invite-exists',
      second.body.invite_id,
    ]);
  });
});

describe('POST /onboarding/invites/{id}/revoke', () => {
  test('answers 200, ends the link, drops its mail and frees the tenant', async () => {
    const invited = await invite(app);
    const { status, body } = await act('revoke', invited);
    expect([status, body]).toEqual([
      200,
      { success: true, invite_id: invited.inviteId, status: 'revoked' },
    ]);
    const gone = await preview(invited.token);
    expect([gone.status, gone.body.code]).toEqual([410, 'invite-revoked']);
    expect(await mails(invited.inviteId)).toEqual([{ status: 'dropped' }]);
    expect(await sql(app, 'select status from tenants where id = $1', [invited.clientId])).toEqual([
      { status: 'deleted' },
    ]);
    expect((await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body.status).toBe(
      'revoked',
    );
  });

  test('leaves the tenant to others who were invited to it', async () => {
    const first = await invite(app);
    await app.call('POST', '/onboarding/invites', {
      body: { email: `p-${randomUUID()}@example.com`, tenant_id: first.clientId },
    });
    await act('revoke', first);
    expect(await sql(app, 'select status from tenants where id = $1', [first.clientId])).toEqual([
      { status: 'pending' },
    ]);
  });

  test('answers 200 for an expired one and 409 for every other that is not open', async () => {
    const expired = await settled({ expires_in_hours: 1 });
    await ageInvite(app, expired.inviteId, '2 hours');
    expect((await act('revoke', expired)).status).toBe(200);
    expect((await act('revoke', expired)).body.code).toBe('invite-not-open');
    const accepted = await invite(app);
    await accept(app, accepted);
    const { status, body } = await act('revoke', accepted);
    expect([status, body.code]).toEqual([409, 'invite-not-open']);
  });

  test('has one winner against an accept of the same moment', async () => {
    const invited = await invite(app);
    const [revoked, accepted] = await Promise.all([
      act('revoke', invited),
      app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
        anonymous: true,
        body: { accept_terms: true },
      }),
    ]);
    expect([revoked.status === 200, accepted.status === 200].filter(Boolean)).toHaveLength(1);
    const { body } = await read(invited);
    expect(body.status).toBe(revoked.status === 200 ? 'revoked' : 'accepted');
  });
});

describe.each(['resend', 'revoke'] as const)('If-Match of %s', (action) => {
  test('lets the version that was read through', async () => {
    const invited = await settled();
    const { headers } = await read(invited);
    expect((await act(action, invited, { 'if-match': headers.get('etag') ?? '' })).status).toBe(
      200,
    );
    expect((await act('revoke', await settled(), { 'if-match': '*' })).status).toBe(200);
  });

  test.each(['"v77"', '"v0"', 'W/"v1"', '"somebody-else"', '""'])(
    'answers 412 with the current ETag for %s',
    async (tag) => {
      const invited = await settled();
      const current = (await read(invited)).headers.get('etag');
      const { status, body, headers } = await act(action, invited, { 'if-match': tag });
      expect([status, body.code]).toEqual([412, 'version-stale']);
      expect(headers.get('etag')).toBe(current);
      expect((await read(invited)).body.status).toBe('invited');
    },
  );

  test('answers 422 for what is no ETag, and 404 for an unknown invite', async () => {
    const invited = await settled();
    const { status, body } = await act(action, invited, { 'if-match': 'v1' });
    expect([status, body.errors[0].pointer]).toEqual([422, '/headers/if-match']);
    expect((await act(action, { inviteId: randomUUID() }, { 'if-match': '"v1"' })).status).toBe(
      404,
    );
  });
});

describe('an action without a body', () => {
  test('takes an empty one, and refuses fields that it does not know', async () => {
    const call = (body: unknown, type = 'application/json'): Promise<TestAnswer> =>
      settled().then(({ inviteId }) =>
        app.call('POST', `/onboarding/invites/${inviteId}/revoke`, {
          body,
          headers: { 'content-type': type },
        }),
      );
    expect((await call({})).status).toBe(200);
    const unknown = await call({ reason: 'because' });
    expect([unknown.status, unknown.body.errors[0].pointer]).toEqual([422, '/reason']);
    expect((await call('reason=because', 'application/x-www-form-urlencoded')).status).toBe(415);
  });
});
