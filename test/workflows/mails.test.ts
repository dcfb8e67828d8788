import { accept, invite } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, mailsTo } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

describe('a mail', () => {
  let app: TestApp;
  let rows: Rows;
  beforeAll(async () => {
    app = await startTestApp();
    rows = await openRows(app);
  }, 120_000);
  afterEach(() => fetch(`${app.mailbox.url}/api/faults`, { method: 'DELETE' }));
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  const fault = async (mode: string, match: string, times?: number) => {
    const response = await fetch(`${app.mailbox.url}/api/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ mode, match, ...(times === undefined ? {} : { times }) }),
    });
    expect(response.status).toBe(201);
  };
  const person = (name: string) => `${name}-${Math.random().toString(36).slice(2)}@example.com`;
  const inviteMail = ({ inviteId }: Invited, status: string) =>
    waitFor(
      `The invite mail ${status}`,
      () =>
        rows.one(
          `select status, attempts, sendings, problem, problem_detail, secret_id from mails
           where invite_id = $1 and kind = 'invite'`,
          [inviteId],
        ),
      (row) => row.status === status,
    );
  const copies = (email: string) =>
    app.mailbox
      .messages()
      .filter(({ to }) => to.includes(email))
      .map(({ message_id: id }) => id);

  test('that the server puts off is tried again until it is out, once', async () => {
    const email = person('later');
    await fault('tempfail-451', email, 2);
    const invited = await invite(app, { email });
    expect(await inviteMail(invited, 'sent')).toMatchObject({ attempts: 2, sendings: 1 });
    expect(copies(email)).toHaveLength(1);
  });

  test('that the server refuses is shown as bounced, by its code only, and the invite can still be accepted', async () => {
    const email = person('nobody');
    await fault('reject-550', email);
    const invited = await invite(app, { email });
    const row = await inviteMail(invited, 'bounced');
    expect(row).toMatchObject({ problem: 'mail-bounced', secret_id: null });
    expect(row.problem_detail).toContain('550');
    expect(row.problem_detail).not.toContain('@');
    await accept(app, invited);
    await active(app, invited);
  });

  test('whose connection breaks after the data is repeated once with the same Message-ID', async () => {
    const email = person('twice');
    await fault('drop-after-data', email, 1);
    const invited = await invite(app, { email });
    expect(await inviteMail(invited, 'sent')).toMatchObject({ sendings: 2 });
    const ids = copies(email);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('that stays in doubt is sent no third time and shown as uncertain', async () => {
    const email = person('doubt');
    await fault('drop-after-data', email);
    const invited = await invite(app, { email });
    expect(await inviteMail(invited, 'uncertain')).toMatchObject({
      problem: 'mail-uncertain',
      sendings: 2,
      secret_id: null,
    });
    expect(copies(email)).toHaveLength(2);
    const job = (await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body;
    expect(job.mails).toMatchObject([{ kind: 'invite', status: 'uncertain' }]);
  });

  test('put off, in doubt, put off again is sent no third time either', async () => {
    const email = person('mixed');
    await fault('drop-after-data', email, 1);
    const invited = await invite(app, { email });
    await fault('tempfail-451', email, 1);
    await waitFor(
      'Its end',
      () =>
        rows.one(`select status from mails where invite_id = $1 and kind = 'invite'`, [
          invited.inviteId,
        ]),
      ({ status }) => status !== 'due' && status !== 'sending',
    );
    expect(copies(email).length).toBeLessThanOrEqual(2);
  });

  test('found in the middle of being sent by a worker that was lost is repeated once', async () => {
    const email = person('lost');
    await fault('slow', email, 1);
    const invited = await invite(app, { email });
    await waitFor(
      'Its arrival',
      () => copies(email),
      (ids) => ids.length === 1,
    );
    await rows.query(
      `update mails set sending_since = now() - interval '31 seconds' where invite_id = $1`,
      [invited.inviteId],
    );
    await app.call('GET', `/onboarding/jobs/${invited.jobId}`);
    await inviteMail(invited, 'sent');
    expect(copies(email).length).toBeLessThanOrEqual(2);
  });

  test('whose invite was accepted before it went out is dropped', async () => {
    const email = person('quick');
    await fault('tempfail-451', email, 1);
    const invited = await invite(app, { email });
    await waitFor(
      'The first try',
      () => rows.one(`select attempts from mails where invite_id = $1`, [invited.inviteId]),
      ({ attempts }) => attempts === 1,
    );
    await accept(app, invited);
    await active(app, invited);
    await inviteMail(invited, 'dropped');
    expect(mailsTo(app, email).filter(({ subject }) => /invited/.test(subject))).toEqual([]);
  });
});
