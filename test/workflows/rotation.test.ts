import { marketplaceToken } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { connectorFolder, stepOf } from './connector-folder';
import { active, onboard } from './courses';
import { openRows } from './rows';
import type { Rows } from './rows';

const connectors = connectorFolder((sample) => {
  stepOf(sample, 'add-token').timeout_ms = 1_000;
});

describe('the rotation of a marketplace token', () => {
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  let invited: Invited;
  beforeAll(async () => {
    app = await startTestApp({
      env: { RETRY_SECONDS: '0.1,0.1', CONNECTORS_DIR: connectors.path },
    });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);
  }, 120_000);
  beforeEach(async () => {
    invited = await onboard(app);
    await active(app, invited);
  });
  afterEach(() => backend.faults());
  afterAll(async () => {
    await rows.close();
    await app.stop();
    connectors.remove();
  });

  const rotate = async (token: string) => {
    const { body } = await app.call('POST', '/onboarding/wb-tokens/rotate', {
      body: { client_id: invited.clientId, wb_token: token, reason: 'It is a year old' },
    });
    return waitFor(
      'The end of the rotation',
      () =>
        rows.one('select state, problem, secret_id, in_doubt from token_rotations where id = $1', [
          body.rotation_id,
        ]),
      (row) => ['done', 'failed'].includes(row.state),
    );
  };
  const kept = () =>
    rows.one(
      `select encode(wb_token_fingerprint, 'hex') as fingerprint,
         (select count(*)::int from secrets where tenant_id = $2) as secrets
       from onboarding_inputs where onboarding_id = $1`,
      [invited.jobId, invited.clientId],
    );
  const sids = async () =>
    (await backend.object(invited.spreadsheetId))?.tokens.map(({ sid }) => sid) ?? [];

  test('adds the new one, verifies it, tries it, and only then lets the old one go', async () => {
    const before = await kept();
    expect(await rotate(marketplaceToken('second'))).toMatchObject({ state: 'done' });
    const after = await kept();
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(after.secrets).toBe(1);
    expect(await sids()).toContain('second');
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({ updates: 2 });
  });

  test('that the backend refuses fails, and the old one stays in use', async () => {
    await backend.faults({
      path: paths.addToken,
      mode: 'status',
      status: 500,
      message: 'failed to add token: it has expired',
    });
    const before = await kept();
    expect(await rotate(marketplaceToken('refused'))).toMatchObject({
      state: 'failed',
      problem: 'token-malformed',
      secret_id: null,
    });
    expect(await kept()).toEqual(before);
  });

  test('whose call is in doubt asks the backend and goes on, and adds nothing twice', async () => {
    await backend.faults({ path: paths.addToken, mode: 'timeout-after-act', times: 1 });
    expect(await rotate(marketplaceToken('once'))).toMatchObject({ state: 'done' });
    const object = await backend.object(invited.spreadsheetId);
    expect(object?.tokens.find(({ sid }) => sid === 'once')).toMatchObject({ added: 1 });
  });

  test('that is limited while it asks stays in doubt, and adds nothing twice', async () => {
    await backend.faults(
      { path: paths.addToken, mode: 'timeout-after-act', times: 1 },
      { path: paths.verify, mode: 'status', status: 429, retry_after: 1, times: 1 },
    );
    const calls = (await backend.calls(paths.addToken)).length;
    expect(await rotate(marketplaceToken('patient'))).toMatchObject({ state: 'done' });
    expect((await backend.calls(paths.addToken)).length - calls).toBe(1);
  });

  test('gives up after its retries, and another one may be begun', async () => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 503 });
    expect(await rotate(marketplaceToken('unlucky'))).toMatchObject({
      state: 'failed',
      problem: 'backend-unavailable',
    });
    await backend.faults();
    expect(await rotate(marketplaceToken('lucky'))).toMatchObject({ state: 'done' });
  });
});
