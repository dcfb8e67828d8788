import { auditVariables } from '../support/audit-keys';
import { accept, invite, marketplaceToken } from '../support/journey';
import { startProgram } from '../support/program';
import type { Program } from '../support/program';
import { buildSources } from '../support/start-servers';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { temporalServer } from '../support/test-servers';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from '../workflows/backend-control';
import { active, called, onboard } from '../workflows/courses';
import { attemptsOf, openRows } from '../workflows/rows';
import type { Rows } from '../workflows/rows';

jest.setTimeout(90_000);

let app: TestApp;
let rows: Rows;
const programs: Program[] = [];
beforeAll(async () => {
  await buildSources();
  const { address } = await temporalServer();
  app = await startTestApp({ worker: false, env: { TEMPORAL_ADDRESS: address } });
  rows = await openRows(app);
}, 120_000);
afterAll(async () => {
  for (const program of programs) program.signal('SIGKILL');
  await Promise.all(programs.map(({ ended }) => ended));
  await rows.close();
  await app.stop();
});

/** A program on the servers of the app. */
function start(name: 'api' | 'worker', more: Record<string, string> = {}): Program {
  const program = startProgram(name, {
    ...(Object.fromEntries(
      Object.entries(process.env).filter(([, value]) => value !== undefined),
    ) as Record<string, string>),
    ADDR: '127.0.0.1:0',
    WORKER_ADDR: '127.0.0.1:0',
    ...(name === 'worker' ? auditVariables(app.database.sequencerUrl) : {}),
    ...more,
  });
  programs.push(program);
  return program;
}

// One that does not come to its end within 18 s ends itself with 1.
const endsInTime = async (program: Program): Promise<void> => {
  expect([await program.ended, program.output()]).toEqual([
    0,
    expect.stringContaining('"msg":"Stopped"'),
  ]);
};

const refused = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  );

describe('on SIGTERM', () => {
  test('a worker ends the call that it has begun and records its outcome; the next one goes on from there', async () => {
    const backend = backendControl(app.backend.url);
    await backend.faults({ path: paths.addToken, mode: 'slow', delay_ms: 5_000, times: 1 });
    const first = start('worker');
    const invited = await onboard(app);
    await called(app, paths.addToken, invited, 60);
    first.signal('SIGTERM');
    await endsInTime(first);
    expect(await attemptsOf(rows, invited.jobId, 'add-token')).toMatchObject([
      { outcome: 'success' },
    ]);

    const second = start('worker');
    await active(app, invited, 60);
    expect(await attemptsOf(rows, invited.jobId, 'add-token')).toHaveLength(1);
    expect(await backend.object(invited.spreadsheetId)).toMatchObject({ tokens: [{ added: 1 }] });
    second.signal('SIGTERM');
    await endsInTime(second);
  });

  test('the api takes nothing new, answers what it has begun, and ends', async () => {
    const invited = await invite(app, { wb_token: undefined });
    await accept(app, invited);
    const api = start('api', { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const url = await api.ready();
    // Nobody drives the onboarding, so that this waits for ten seconds.
    const begun = fetch(`${url}/onboarding/wb-tokens`, {
      method: 'POST',
      headers: { 'x-api-key': await app.keyFor('owner'), 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: invited.clientId, wb_token: marketplaceToken() }),
    });
    await waitFor(
      'The token in its row',
      () => rows.query('select 1 from onboarding_inputs where onboarding_id = $1', [invited.jobId]),
      (given) => given.length === 1,
    );
    api.signal('SIGTERM');
    await waitFor('The closed door', () => refused(url), Boolean);
    const answer = await begun;
    expect([answer.status, await answer.json()]).toMatchObject([
      202,
      { success: true, status: 'email_confirmed' },
    ]);
    await endsInTime(api);
  });
});
