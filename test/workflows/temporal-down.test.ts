import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTemporalDatabase, startTemporal } from '../../src/servers/temporal';
import type { TemporalServer } from '../../src/servers/temporal';
import { invite, accept, untilState } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import { active, mailsTo, onboard, order, parked } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

describe('while Temporal is down', () => {
  let stateDir: string;
  let temporal: TemporalServer;
  let app: TestApp;
  let rows: Rows;
  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'usher-temporal-down-'));
    chmodSync(stateDir, 0o755);
    temporal = await startTemporal({ stateDir });
    app = await startTestApp({ env: { TEMPORAL_ADDRESS: temporal.address } });
    rows = await openRows(app);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
    await temporal.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  const stop = () => temporal.stop();
  const start = async (how: { emptied?: boolean } = {}) => {
    if (how.emptied) removeTemporalDatabase(join(stateDir, 'temporal.db'));
    // The app has it in its environment; here it would mean a server of somebody else.
    delete process.env['TEMPORAL_ADDRESS'];
    const again = await startTemporal({ stateDir });
    expect(again.address).toBe(temporal.address);
    temporal = again;
  };
  const whole = async (invited: Awaited<ReturnType<typeof invite>>) => {
    await active(app, invited, 60);
    await waitFor(
      'The welcome mail',
      () => mailsTo(app, invited.email),
      (mails) => mails.some(({ subject }) => /is ready$/.test(subject)),
      60,
    );
  };

  test('an invite is created and accepted, and becomes active once Temporal is back', async () => {
    await stop();
    const invited = await invite(app);
    await accept(app, invited);
    expect((await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body.status).toBe(
      'email_confirmed',
    );
    await start();
    await whole(invited);
  }, 180_000);

  test('and its database is deleted, nothing is lost: what was waiting, parked, under way or new goes on', async () => {
    const backend = backendControl(app.backend.url);
    const waiting = await invite(app);
    await waitFor(
      'The invite mail',
      () => mailsTo(app, waiting.email),
      (mails) => mails.length === 1,
    );
    await backend.faults({ path: paths.addToken, mode: 'status', status: 400, times: 1 });
    const stopped = await onboard(app);
    await parked(app, stopped);
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 3_000, times: 1 });
    const underWay = await onboard(app);
    await waitFor(
      'A call under way',
      () => backend.object(underWay.spreadsheetId),
      (object) => object !== undefined,
    );
    await stop();
    const fresh = await invite(app);
    await accept(app, fresh);
    await start({ emptied: true });
    await whole(fresh);
    await whole(underWay);
    expect(await backend.object(underWay.spreadsheetId)).toMatchObject({
      registered: 2,
      tokens: [{ added: 1 }],
    });
    await accept(app, waiting);
    await whole(waiting);
    await order(app, stopped, 'retry');
    await whole(stopped);
    for (const invited of [waiting, stopped, underWay, fresh]) {
      const { activated } = await rows.one(
        `select count(*)::int as activated from onboarding_events where onboarding_id = $1 and type = 'activated'`,
        [invited.jobId],
      );
      expect(activated).toBe(1);
    }
  }, 240_000);

  test('orders are taken, answered with 202, and carried out once it is back', async () => {
    const backend = backendControl(app.backend.url);
    await backend.faults({ path: paths.register, mode: 'status', status: 400, times: 2 });
    const [first, second] = [await onboard(app), await onboard(app)];
    await parked(app, first);
    await parked(app, second);
    await stop();
    const retry = await order(app, first, 'retry');
    const cancel = await order(app, second, 'cancel');
    for (const answer of [retry, cancel]) {
      expect(answer).toMatchObject({ status: 202, body: { status: 'queued', outcome: null } });
    }
    expect(await order(app, first, 'rollback')).toMatchObject({
      status: 409,
      body: { code: 'order-exists' },
    });
    await start();
    await whole(first);
    await untilState(app, second.jobId, ['cancelled'], 60);
  }, 180_000);

  test('inputs are taken, and the step that waits for them goes on once it is back', async () => {
    const invited = await onboard(app, { workspace: undefined });
    await waitFor(
      'The wait for the workspace',
      () => rows.one('select waiting_for from onboardings where id = $1', [invited.jobId]),
      (row) => row.waiting_for === 'customer',
    );
    await stop();
    const { status } = await app.call('POST', '/onboarding/workspaces/provision', {
      body: { client_id: invited.clientId, spreadsheet_id: invited.spreadsheetId },
    });
    expect(status).toBe(202);
    await start();
    await whole(invited);
  }, 180_000);
});
