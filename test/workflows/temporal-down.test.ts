import { accept, invite, marketplaceToken } from '../support/journey';
import type { Invited } from '../support/journey';
import { startOwnTemporal } from '../support/own-temporal';
import type { OwnTemporal } from '../support/own-temporal';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import type { RunningWorker } from '../../src/main/worker';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, mailsTo, onboard, order, parked } from './courses';
import { openRows, wake } from './rows';
import type { Rows } from './rows';
import { eventsOf, untilAsleep } from './runs';

/** Temporal ends after these are staged, and returns, knowing all, after the first tests. */
describe('while Temporal is down', () => {
  let temporal: OwnTemporal;
  let app: TestApp;
  let worker: RunningWorker;
  let rows: Rows;
  let backend: BackendControl;
  const customers = {} as Record<
    'retried' | 'fixed' | 'cancelled' | 'waiting' | 'late' | 'unheard' | 'fresh',
    Invited
  >;
  /** When the two invites end whose timers run in Temporal. */
  let expiry: Date;

  beforeAll(async () => {
    temporal = await startOwnTemporal();
    app = await startTestApp({ worker: false, env: { TEMPORAL_ADDRESS: temporal.address } });
    worker = await app.startWorker();
    rows = await openRows(app);
    backend = backendControl(app.backend.url);

    await backend.faults({ path: paths.register, mode: 'status', status: 400 });
    [customers.retried, customers.fixed, customers.cancelled] = await Promise.all([
      onboard(app),
      onboard(app),
      onboard(app),
    ]);
    for (const name of ['retried', 'fixed', 'cancelled'] as const)
      await parked(app, customers[name]);
    await backend.faults();
    customers.waiting = await onboard(app, { wb_token: undefined });
    await waitFor(
      'The wait for the token',
      () =>
        rows.one('select waiting_for from onboardings where id = $1', [customers.waiting.jobId]),
      (row) => row.waiting_for === 'customer',
    );

    [customers.late, customers.unheard] = [await invite(app), await invite(app)];
    const invited = [customers.late, customers.unheard];
    for (const { email } of invited) {
      await waitFor(
        'The invite mail',
        () => mailsTo(app, email).length,
        (mails) => mails === 1,
      );
    }
    expiry = new Date(Date.now() + 10_000);
    for (const { inviteId } of invited) {
      await rows.query('update invites set expires_at = $2 where id = $1', [inviteId, expiry]);
      await wake(app, inviteId);
      await untilAsleep(app, { inviteId }, 10_000);
    }
    await temporal.kill();
    // Both before they expire; the wake-up of one of them is lost for good.
    for (const one of invited) await accept(app, one);
    await rows.query('delete from outbox where workflow_id = $1 and delivered_at is null', [
      `onboarding/${customers.unheard.inviteId}`,
    ]);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
    await temporal.stop();
  }, 60_000);

  const wakesOf = ({ inviteId }: Invited) =>
    rows.query(
      `select delivered_at is not null as delivered from outbox where workflow_id = $1 order by n`,
      [`onboarding/${inviteId}`],
    );

  test('an invite is created and accepted, and its wake-ups wait', async () => {
    customers.fresh = await invite(app);
    await accept(app, customers.fresh);
    expect(await wakesOf(customers.fresh)).toEqual([{ delivered: false }, { delivered: false }]);
    expect(mailsTo(app, customers.fresh.email)).toEqual([]);
  });

  test('orders are taken and answered 202 queued, the customer’s token 202 with the state so far', async () => {
    const { retried, fixed, cancelled, waiting } = customers;
    const [orders, token] = await Promise.all([
      Promise.all([
        order(app, retried, 'retry'),
        order(app, fixed, 'fix', { wb_token: marketplaceToken('mended') }),
        order(app, cancelled, 'cancel'),
      ]),
      app.call('POST', '/onboarding/wb-tokens', {
        body: { client_id: waiting.clientId, wb_token: marketplaceToken() },
      }),
    ]);
    for (const answer of orders) {
      expect(answer).toMatchObject({
        status: 202,
        body: { success: true, status: 'queued', state: 'failed', outcome: null },
      });
    }
    expect(token).toMatchObject({ status: 202, body: { status: 'workspace_registered' } });
    const second: TestAnswer = await order(app, retried, 'cancel');
    expect(second).toMatchObject({ status: 409, body: { code: 'order-exists' } });
  });

  test('the API is ready, the worker is not polling, and each says so once at most', async () => {
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200);
    await waitFor(
      'The worker noticing',
      () => worker.isPolling(),
      (polling) => !polling,
    );
    const told = app.logs.filter((line) => line.includes('Temporal is not reachable'));
    expect(told).toHaveLength(1);
  });

  describe('and once it is back', () => {
    beforeAll(async () => {
      await waitFor(
        'The end of both invites',
        () => new Date(),
        (now) => now > expiry,
      );
      await temporal.start();
    }, 60_000);

    test('whatever was accepted, handed over or ordered meanwhile becomes active by itself', async () => {
      const { fresh, waiting, retried, fixed } = customers;
      for (const one of [fresh, waiting, retried, fixed]) await active(app, one);
      expect(await backend.object(fixed.spreadsheetId)).toMatchObject({
        tokens: [{ sid: 'mended', added: 1 }],
      });
      for (const one of [fresh, waiting, retried]) {
        const object = await backend.object(one.spreadsheetId);
        expect(object?.tokens).toMatchObject([{ added: 1 }]);
      }
      await waitFor(
        'The cancel',
        async () => (await app.call('GET', `/onboarding/jobs/${customers.cancelled.jobId}`)).body,
        ({ status }) => status === 'cancelled',
      );
    }, 60_000);

    test('an accept beats the expiry timer that fires now, even when its own wake-up was lost', async () => {
      for (const one of [customers.late, customers.unheard]) {
        await active(app, one);
        const states = await rows.query(
          'select to_state from onboarding_events where onboarding_id = $1',
          [one.jobId],
        );
        expect(states.map(({ to_state: state }) => state)).not.toContain('expired');
      }
      const events = await eventsOf(app, customers.unheard);
      expect(events.some((event) => event.timerFiredEventAttributes)).toBe(true);
    }, 60_000);

    test('every order is applied once, every wake-up is out, every mail arrives once', async () => {
      const { retried, fixed, cancelled } = customers;
      const orders = await rows.query(
        `select onboarding_id, status, outcome is not null as told from orders order by onboarding_id`,
      );
      expect(orders).toEqual(
        [retried, fixed, cancelled]
          .map(({ jobId }) => ({ onboarding_id: jobId, status: 'applied', told: true }))
          .sort((a, b) => (a.onboarding_id < b.onboarding_id ? -1 : 1)),
      );
      await waitFor(
        'The end of the outbox',
        () => rows.query('select 1 from outbox where delivered_at is null'),
        (left) => left.length === 0,
      );
      for (const name of ['fresh', 'waiting', 'retried', 'fixed', 'late', 'unheard'] as const) {
        const { email } = customers[name];
        await waitFor(
          'The welcome mail',
          () => mailsTo(app, email),
          (mails) => mails.some(({ subject }) => /ready|welcome/i.test(subject)),
        );
        const subjects = mailsTo(app, email).map(({ subject }) => subject);
        expect(new Set(subjects).size).toBe(subjects.length);
      }
    });

    test('the worker polls again and says so', async () => {
      await waitFor(
        'The worker noticing',
        () => worker.isPolling(),
        (polling) => polling,
      );
      expect(app.logs.filter((line) => line.includes('Temporal is back'))).toHaveLength(1);
    });
  });
});
