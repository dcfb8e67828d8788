import { accept, invite } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { usher } from '../main/command-line';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, called, mailsTo, onboard } from './courses';
import { attemptsOf, openRows, wake } from './rows';
import type { Rows } from './rows';
import { runOf, untilAsleep } from './runs';

let app: TestApp;
let rows: Rows;
let backend: BackendControl;
beforeAll(async () => {
  // A failed step is tried again long after the test has ended its run.
  app = await startTestApp({ env: { RECONCILE_SECONDS: '0.5', RETRY_SECONDS: '600,600' } });
  rows = await openRows(app);
  backend = backendControl(app.backend.url);
}, 120_000);
afterAll(async () => {
  await rows.close();
  await app.stop();
}, 60_000);

const statusOf = async (invited: Invited) => (await runOf(app, invited).describe()).status.name;
const wakesOf = async ({ inviteId }: Invited): Promise<number> =>
  (await rows.query('select 1 from outbox where workflow_id = $1', [`onboarding/${inviteId}`]))
    .length;

/** In the middle of its steps, with a next try that is due and a run that is gone. */
async function stranded(): Promise<Invited> {
  await backend.faults({ path: paths.addToken, mode: 'status', status: 503, times: 1 });
  const invited = await onboard(app);
  await waitFor(
    'The failed try',
    () => attemptsOf(rows, invited.jobId, 'add-token'),
    ([first]) => first?.outcome === 'transient',
  );
  await untilAsleep(app, invited);
  await runOf(app, invited).terminate('the test wants it');
  await rows.query('update onboarding_steps set next_attempt_at = now() where onboarding_id = $1', [
    invited.jobId,
  ]);
  // Whom somebody woke a moment ago the reconciler leaves alone.
  await rows.query(
    `update outbox set delivered_at = now() - interval '6 minutes'
     where workflow_id = $1 and delivered_at is not null`,
    [`onboarding/${invited.inviteId}`],
  );
  return invited;
}

describe('a run that was terminated in the middle', () => {
  const restart = (...words: string[]) =>
    usher(['onboarding', 'restart', ...words], {
      env: { DATABASE_URL: app.database.appUrl },
      root: '/nowhere',
    });
  /** It went on where it stood: what was done before is not done again. */
  const resumed = async (invited: Invited): Promise<void> => {
    await active(app, invited);
    const outcomes = async (step: string) =>
      (await attemptsOf(rows, invited.jobId, step)).map(({ outcome }) => outcome);
    expect(await outcomes('register')).toEqual(['success']);
    expect(await outcomes('add-token')).toEqual(['transient', 'success']);
  };

  test('is begun anew by the reconciler once nobody has driven it for 25 hours, and no sooner', async () => {
    const [left, found] = [await stranded(), await stranded()];
    const before = await wakesOf(left);
    await rows.query(
      `update onboardings set driven_at = now() - case id when $1 then interval '24 hours 59 minutes'
         else interval '25 hours 1 minute' end where id = any($2)`,
      [left.jobId, [left.jobId, found.jobId]],
    );
    await resumed(found);
    expect([await statusOf(left), await wakesOf(left)]).toEqual(['TERMINATED', before]);
    expect(app.logs.join('')).toContain('Woke 1 processes that nobody drove');
  });

  test('is begun anew at once by `bin/usher onboarding restart`, one by its id or slug, or all', async () => {
    const named = await stranded();
    const called = await restart(named.jobId);
    expect(called).toMatchObject({ code: 0, err: '' });
    expect(called.out).toContain(`Woken: onboarding/${named.inviteId}`);
    await resumed(named);

    const [one, two] = [await stranded(), await stranded()];
    const all = await restart('--all');
    expect([all.code, all.out]).toEqual([0, expect.stringMatching(/^Woken: \d+ onboarding\(s\)/)]);
    for (const invited of [one, two]) await resumed(invited);
  });
});

describe('a wake-up', () => {
  test('that is lost is made up for by the reconciler', async () => {
    const invited = await stranded();
    // An order whose wake-up went astray, and that nobody has taken up for five minutes.
    await rows.query(
      `insert into orders (id, onboarding_id, tenant_id, number, kind, reason, input, actor, created_at)
       values (gen_random_uuid(), $1, $2, 1, 'cancel', 'the test wants it', '{}', 'user:test',
         now() - interval '6 minutes')`,
      [invited.jobId, invited.clientId],
    );
    await rows.query(
      `update onboardings set driven_at = now() - interval '6 minutes' where id = $1`,
      [invited.jobId],
    );
    await waitFor(
      'The cancel',
      () => rows.one('select state from onboardings where id = $1', [invited.jobId]),
      ({ state }) => state === 'cancelled',
    );
  });

  test('that comes again and again, in every state, does nothing twice', async () => {
    await backend.faults({ path: paths.addToken, mode: 'slow', delay_ms: 1_000, times: 1 });
    const invited = await invite(app);
    const pester = () => Promise.all(Array.from({ length: 6 }, () => wake(app, invited.inviteId)));
    await pester();
    await waitFor(
      'The invite mail',
      () => mailsTo(app, invited.email).length,
      (mails) => mails > 0,
    );
    await pester();
    await accept(app, invited);
    await pester();
    await called(app, paths.addToken, invited);
    await pester();
    await active(app, invited, 60);
    await pester();
    await waitFor(
      'The welcome mail',
      () => mailsTo(app, invited.email).length,
      (mails) => mails > 1,
    );
    await pester();
    await waitFor(
      'The end of the wake-ups',
      () =>
        rows.query('select 1 from outbox where workflow_id = $1 and delivered_at is null', [
          `onboarding/${invited.inviteId}`,
        ]),
      (left) => left.length === 0,
      60,
    );
    await waitFor(
      'The end of the run',
      () => statusOf(invited),
      (status) => status === 'COMPLETED',
    );
    for (const step of ['register', 'add-token', 'verify', 'smoke']) {
      expect(await attemptsOf(rows, invited.jobId, step)).toMatchObject([{ outcome: 'success' }]);
    }
    expect(mailsTo(app, invited.email)).toHaveLength(2);
    const { active: times } = await rows.one(
      `select count(*)::int as active from onboarding_events where onboarding_id = $1 and to_state = 'active'`,
      [invited.jobId],
    );
    expect(times).toBe(1);
  }, 120_000);
});
