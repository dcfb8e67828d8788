import { marketplaceToken } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, mailsTo, onboard } from './courses';
import { attemptsOf, openRows, wake } from './rows';
import type { Rows } from './rows';

describe('a step that needs what only the customer has', () => {
  let app: TestApp;
  let rows: Rows;
  beforeAll(async () => {
    app = await startTestApp();
    rows = await openRows(app);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
  });

  const waiting = (jobId: string) =>
    waitFor(
      'The wait for the customer',
      () => rows.one('select state, waiting_for, number from onboardings where id = $1', [jobId]),
      (row) => row.waiting_for === 'customer',
    );
  const reminders = (email: string) =>
    mailsTo(app, email).filter(({ subject }) => /^(One more step|Reminder:)/.test(subject));
  const historyOf = async (inviteId: string) => {
    const handle = app.deps.temporal.client.workflow.getHandle(`onboarding/${inviteId}`);
    return (await handle.fetchHistory()).events?.length ?? 0;
  };

  test('waits for the token without calling anything, and goes on as soon as it is handed over', async () => {
    const invited = await onboard(app, { wb_token: undefined });
    expect(await waiting(invited.jobId)).toMatchObject({
      state: 'workspace_registered',
      number: 1,
    });
    const before = await historyOf(invited.inviteId);
    await wake(app, invited.inviteId);
    await wake(app, invited.inviteId);
    expect(await attemptsOf(rows, invited.jobId, 'add-token')).toEqual([]);
    const answer = await app.call('POST', '/onboarding/wb-tokens', {
      body: { client_id: invited.clientId, wb_token: marketplaceToken() },
    });
    expect(answer.status).toBe(202);
    expect(['token_added', 'validated', 'active']).toContain(answer.body.status);
    await active(app, invited);
    // It waited without looking again and again: a look is a handful of events.
    expect(before).toBeLessThan(60);
    const { customer_wait_ms: waited } = await rows.one(
      'select customer_wait_ms from onboardings where id = $1',
      [invited.jobId],
    );
    expect(Number(waited)).toBeGreaterThan(0);
  });

  test('waits for the workspace before the first call', async () => {
    const invited = await onboard(app, { workspace: undefined });
    await waiting(invited.jobId);
    expect(await attemptsOf(rows, invited.jobId, 'register')).toEqual([]);
    const { body } = await app.call('POST', '/onboarding/workspaces/provision', {
      body: { client_id: invited.clientId, ssId: invited.spreadsheetId },
    });
    expect(body).toMatchObject({ success: true, job_id: invited.jobId });
    await active(app, invited);
  });

  test('reminds the customer after one, three and seven days of waiting, and then no more', async () => {
    const invited = await onboard(app, { wb_token: undefined });
    await waiting(invited.jobId);
    const after = async (hours: number, mails: number) => {
      await rows.query(
        `update onboardings set waiting_since = now() - $2 * interval '1 hour' where id = $1`,
        [invited.jobId, hours],
      );
      const seen = (
        await rows.one('select driven_at from onboardings where id = $1', [invited.jobId])
      ).driven_at as Date;
      await wake(app, invited.inviteId);
      await waitFor(
        'Another look',
        () => rows.one('select driven_at from onboardings where id = $1', [invited.jobId]),
        (row) => row.driven_at > seen,
      );
      await waitFor(
        `${String(mails)} reminders after ${String(hours)} hours`,
        () => reminders(invited.email).length,
        (count) => count === mails,
      );
      const { sent } = await rows.one(
        `select count(*)::int as sent from mails where onboarding_id = $1 and kind = 'customer-input-reminder'`,
        [invited.jobId],
      );
      expect(sent).toBe(mails);
    };
    await after(23, 0);
    await after(25, 1);
    await after(71, 1);
    await after(73, 2);
    await after(169, 3);
    await after(1000, 3);
  });
});
