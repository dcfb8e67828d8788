import { accept, invite, untilState } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

describe('onboardTenant', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  }, 120_000);
  afterAll(async () => {
    await app.stop();
  });

  test('an accepted invite becomes an active tenant, with its objects at the backend and both mails sent', async () => {
    const invited = await invite(app);
    await waitFor(
      'The invite mail',
      () => app.mailbox.messages().filter((mail) => mail.to.includes(invited.email)),
      (mails) => mails.length === 1,
    );
    await accept(app, invited);
    const job = await untilState(app, invited.jobId, ['active', 'failed']);
    expect(job.status).toBe('active');
    expect(job.steps.map((step: { status: string }) => step.status)).toEqual([
      'done',
      'done',
      'done',
      'done',
    ]);
    await waitFor(
      'The welcome mail',
      () => app.mailbox.messages().filter((mail) => mail.to.includes(invited.email)),
      (mails) => mails.length === 2,
    );
  }, 60_000);
});
