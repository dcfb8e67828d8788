import { accept, invite, marketplaceToken } from '../support/journey';
import type { Invited } from '../support/journey';
import { startOwnTemporal } from '../support/own-temporal';
import type { OwnTemporal } from '../support/own-temporal';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from './backend-control';
import type { BackendControl } from './backend-control';
import { active, called, mailsTo, onboard, order, parked } from './courses';
import { attemptsOf, openRows } from './rows';
import type { Rows } from './rows';
import { runOf } from './runs';

/** Temporal ends, loses its database, and comes back at the same address as another one. */
describe('after Temporal’s database was deleted', () => {
  let temporal: OwnTemporal;
  let app: TestApp;
  let rows: Rows;
  let backend: BackendControl;
  const customers = {} as Record<
    'done' | 'invited' | 'calling' | 'stopped' | 'waiting' | 'accepted' | 'rotating',
    Invited
  >;
  let namespaceBefore: unknown;
  let returned: Date;

  const stateOfNamespace = async (): Promise<unknown> =>
    (await rows.query(`select value from system_state where key = 'temporal-namespace'`))[0]?.value;
  const drivenSince = ({ jobId }: Invited, since: Date) =>
    waitFor(
      'A look at its rows',
      () => rows.one('select state, driven_at from onboardings where id = $1', [jobId]),
      (row) => row.driven_at > since,
    );

  const welcomes = ({ email }: Invited): number =>
    mailsTo(app, email).filter(({ subject }) => subject.includes('is ready')).length;

  beforeAll(async () => {
    temporal = await startOwnTemporal();
    app = await startTestApp({ env: { TEMPORAL_ADDRESS: temporal.address } });
    rows = await openRows(app);
    backend = backendControl(app.backend.url);

    [customers.done, customers.rotating] = [await onboard(app), await onboard(app)];
    for (const one of [customers.done, customers.rotating]) {
      await active(app, one);
      await waitFor(
        'The welcome mail',
        () => welcomes(one),
        (mails) => mails === 1,
      );
    }
    await backend.faults({ path: paths.register, mode: 'status', status: 400, times: 1 });
    customers.stopped = await onboard(app);
    await parked(app, customers.stopped);
    customers.waiting = await onboard(app, { wb_token: undefined });
    [customers.invited, customers.accepted] = [await invite(app), await invite(app)];
    for (const { email } of [customers.invited, customers.accepted]) {
      await waitFor(
        'The invite mail',
        () => mailsTo(app, email).length,
        (mails) => mails === 1,
      );
    }
    // In the middle of a call each: the backend has acted and its answer is still to come.
    await backend.faults({ path: paths.addToken, mode: 'slow', delay_ms: 3_000, times: 2 });
    const rotation = app.call('POST', '/onboarding/wb-tokens/rotate', {
      body: {
        client_id: customers.rotating.clientId,
        wb_token: marketplaceToken('rotated'),
        reason: 'the test wants it',
      },
    });
    customers.calling = await onboard(app);
    await called(app, paths.addToken, customers.calling);
    namespaceBefore = await stateOfNamespace();

    await temporal.kill();
    temporal.empty();
    await accept(app, customers.accepted);
    await rotation;
    returned = new Date();
    await temporal.start();
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await app.stop();
    await temporal.stop();
  }, 60_000);

  test('what was under way goes on by itself, without doing anything twice', async () => {
    const { calling, accepted } = customers;
    for (const one of [calling, accepted]) {
      await active(app, one);
      expect(await backend.object(one.spreadsheetId)).toMatchObject({ tokens: [{ added: 1 }] });
    }
    const calls = await backend.calls(paths.addToken);
    const own = calls.filter(({ idempotency_key: key }) => key?.startsWith(calling.jobId));
    expect(own).toHaveLength(1);
    const registered = await attemptsOf(rows, calling.jobId, 'register');
    expect(registered.map(({ outcome }) => outcome)).toEqual(['success']);
  }, 60_000);

  test('a token rotation goes on as well', async () => {
    await waitFor(
      'The end of the rotation',
      () =>
        rows.one('select state, problem from token_rotations where tenant_id = $1', [
          customers.rotating.clientId,
        ]),
      ({ state }) => state === 'done',
    );
  }, 60_000);

  test('what waits is driven anew, and waits for the same as before', async () => {
    const { invited, stopped, waiting } = customers;
    const states: unknown[] = [];
    for (const one of [invited, stopped, waiting]) {
      states.push((await drivenSince(one, returned)).state);
    }
    expect(states).toEqual(['invited', 'failed', 'workspace_registered']);
    for (const one of [invited, stopped, waiting]) {
      expect((await runOf(app, one).describe()).status.name).toBe('RUNNING');
    }
    expect(mailsTo(app, invited.email)).toHaveLength(1);
  });

  test('and goes on as soon as that comes', async () => {
    const { invited, stopped, waiting } = customers;
    await accept(app, invited);
    expect((await order(app, stopped, 'retry')).status).toBe(200);
    const token = await app.call('POST', '/onboarding/wb-tokens', {
      body: { client_id: waiting.clientId, wb_token: marketplaceToken() },
    });
    expect(token.status).toBe(202);
    for (const one of [invited, stopped, waiting]) await active(app, one);
  }, 60_000);

  test('what has ended is left alone', async () => {
    await expect(runOf(app, customers.done).describe()).rejects.toThrow('workflow not found');
    expect(welcomes(customers.done)).toBe(1);
  });

  test('the id of the namespace is another one, and noted as known', async () => {
    const { namespaceInfo } = await app.deps.temporal.client.workflowService.describeNamespace({
      namespace: 'default',
    });
    expect(namespaceInfo?.id).not.toBe(namespaceBefore);
    await waitFor('The note', stateOfNamespace, (noted) => noted === namespaceInfo?.id);
    const told = app.logs.filter((line) => line.includes('Temporal is another one than before'));
    expect(told).toHaveLength(2);
  });
});
