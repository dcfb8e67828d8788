import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { connectorFolder } from './connector-folder';
import { active, onboard } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

const limit = { calls: 10, window_ms: 1_000 };
const connectors = connectorFolder((sample) => {
  sample.rate_limits = Object.values(paths).map((path) => ({ path, ...limit }));
});

describe('the rate that a backend allows', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  beforeAll(async () => {
    app = await startTestApp({ env: { CONNECTORS_DIR: connectors.path } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
    await backend.limits(...Object.values(paths).map((path) => ({ path, ...limit })));
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  test('is never exceeded by a wave: 60 onboardings against 10 calls a second all become active, without one failure', async () => {
    const wave: Invited[] = [];
    for (let batch = 0; batch < 6; batch += 1) {
      wave.push(...(await Promise.all(Array.from({ length: 10 }, () => onboard(app)))));
    }
    for (const invited of wave) await active(app, invited, 60);
    expect(await backend.refused()).toBe(0);
    expect(
      await rows.query(
        `select outcome, count(*)::int as attempts from step_attempts group by outcome`,
      ),
    ).toEqual([{ outcome: 'success', attempts: 240 }]);
    expect(await rows.query('select caller from connector_line')).toEqual([]);
    // No slot is lost: each is free a window after its answer.
    expect(
      await rows.query(
        `select path, n from connector_slots where not answered or free_at > now() + interval '1 second'`,
      ),
    ).toEqual([]);
  }, 120_000);

  test('is kept by waiting where the backend allows less than it says', async () => {
    await backend.limits({ path: paths.register, calls: 2, window_ms: 1_000 });
    const wave = await Promise.all(Array.from({ length: 8 }, () => onboard(app)));
    for (const invited of wave) await active(app, invited, 60);
    const failed = await rows.query(
      `select distinct outcome from step_attempts where outcome not in ('success', 'rate-limited')`,
    );
    expect(failed).toEqual([]);
  }, 120_000);
});
