import { accept, invite, untilState } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, mailsTo } from './courses';
import { openRows, wake } from './rows';
import type { Rows } from './rows';

describe('an invite', () => {
  let app: TestApp;
  let rows: Rows;
  beforeAll(async () => {
    app = await startTestApp({
      env: { RATE_RESEND_SECONDS: '0', RATE_RESEND_MAX: '50', RECONCILE_SECONDS: '0.5' },
    });
    rows = await openRows(app);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  const preview = (token: string) =>
    app.call('GET', `/onboarding/invites/${token}/preview`, { anonymous: true });
  const gets = (email: string, mails: number) =>
    waitFor(
      `${String(mails)} mail(s)`,
      () => mailsTo(app, email),
      (got) => got.length === mails,
    );
  const tokenIn = (text: string) => /\/invite\/([\w-]+)/.exec(text)?.[1] ?? '';
  const endOfRun = (inviteId: string) =>
    waitFor(
      'The end of the workflow',
      () => app.deps.temporal.client.workflow.getHandle(`onboarding/${inviteId}`).describe(),
      ({ status }) => status.name === 'COMPLETED',
    );

  test('whose time is over expires, its link says so, and a resend brings it back to life', async () => {
    const invited = await invite(app);
    await gets(invited.email, 1);
    await rows.query(`update invites set expires_at = now() - interval '1 second' where id = $1`, [
      invited.inviteId,
    ]);
    expect(await preview(invited.token)).toMatchObject({
      status: 410,
      body: { code: 'invite-expired' },
    });
    await wake(app, invited.inviteId);
    await untilState(app, invited.jobId, ['expired']);
    await endOfRun(invited.inviteId);

    const resent = await app.call('POST', `/onboarding/invites/${invited.inviteId}/resend`, {});
    expect(resent).toMatchObject({ status: 200, body: { status: 'invited', resend_count: 1 } });
    const [, second] = await gets(invited.email, 2);
    expect(await preview(invited.token)).toMatchObject({
      status: 410,
      body: { code: 'invite-superseded' },
    });
    await accept(app, { token: tokenIn(second!.text) });
    await active(app, invited);
  });

  test('is reminded of once, 48 hours before its end, by a mail whose link works beside the first', async () => {
    const invited = await invite(app);
    const [first] = await gets(invited.email, 1);
    await rows.query(`update invites set expires_at = now() + interval '47 hours' where id = $1`, [
      invited.inviteId,
    ]);
    await wake(app, invited.inviteId);
    const [, reminder] = await gets(invited.email, 2);
    const tokens = [first, reminder].map((mail) => tokenIn(mail!.text));
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect((await preview(token)).status).toBe(200);
    await wake(app, invited.inviteId);
    await accept(app, { token: tokens[0]! });
    await active(app, invited);
    await gets(invited.email, 3);
    await endOfRun(invited.inviteId);
    const kinds = await rows.query(
      'select kind, status from mails where invite_id = $1 order by created_at',
      [invited.inviteId],
    );
    expect(kinds).toEqual([
      { kind: 'invite', status: 'sent' },
      { kind: 'invite-reminder', status: 'sent' },
      { kind: 'welcome', status: 'sent' },
    ]);
  });

  test('that is revoked or declined is over: its link says so, its run ends, no mail follows', async () => {
    const revoked = await invite(app);
    await gets(revoked.email, 1);
    await app.call('POST', `/onboarding/invites/${revoked.inviteId}/revoke`);
    expect(await preview(revoked.token)).toMatchObject({ body: { code: 'invite-revoked' } });
    await endOfRun(revoked.inviteId);

    const declined = await invite(app);
    await gets(declined.email, 1);
    await app.call('POST', `/onboarding/invites/${declined.token}/decline`, {
      anonymous: true,
      body: { reason: 'No, thank you' },
    });
    await untilState(app, declined.jobId, ['declined']);
    await waitFor(
      'The mail that tells of it',
      () => mailsTo(app, 'operators@usher.localhost'),
      (mails) => mails.length === 1,
    );
    await endOfRun(declined.inviteId);
    expect(mailsTo(app, declined.email)).toHaveLength(1);
    expect(mailsTo(app, revoked.email)).toHaveLength(1);
  });

  test('outside the roll-out’s stage is held without a mail, and goes out when its stage opens', async () => {
    await rows.query(`update rollout set stage = 'internal'`);
    const held = await invite(app);
    expect(mailsTo(app, held.email)).toEqual([]);
    expect(await preview(held.token)).toMatchObject({ status: 409, body: { code: 'invite-held' } });
    await rows.query(`update invites set expires_at = now() - interval '1 hour' where id = $1`, [
      held.inviteId,
    ]);
    await wake(app, held.inviteId);
    await untilState(app, held.jobId, ['invited']);
    await rows.query(`update rollout set stage = '100'`);
    await gets(held.email, 1);
    await accept(app, held);
    await active(app, held);
  });

  test('that a workflow’s end overtakes is not lost: resent while its run ends, it is mailed', async () => {
    const invited = await invite(app);
    await gets(invited.email, 1);
    for (let round = 1; round <= 5; round += 1) {
      await rows.query(
        `update invites set expires_at = now() - interval '1 second' where id = $1`,
        [invited.inviteId],
      );
      await wake(app, invited.inviteId);
      await untilState(app, invited.jobId, ['expired']);
      await app.call('POST', `/onboarding/invites/${invited.inviteId}/resend`, {});
      await gets(invited.email, 1 + round);
    }
  });
});
