import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { format } from 'prettier';
import { invite, marketplaceToken, untilState } from '../support/journey';
import { offerServers } from '../support/server-desk';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl, paths } from '../workflows/backend-control';
import type { BackendControl } from '../workflows/backend-control';
import { active, mailsTo, onboard, order, parked } from '../workflows/courses';
import { openRows, wake } from '../workflows/rows';
import type { Rows } from '../workflows/rows';
import { keyCourses } from './key-courses';
import { lifecycleCourses } from './lifecycle-courses';

/** What a course is taken with. */
interface Stage {
  readonly app: TestApp;
  readonly rows: Rows;
  readonly backend: BackendControl;
}

/** Takes a course and names the workflow whose history shows it. */
type Course = (stage: Stage) => Promise<string>;

const ofInvite = ({ inviteId }: { inviteId: string }): string => `onboarding/${inviteId}`;

const waitingForCustomer = ({ rows }: Stage, jobId: string) =>
  waitFor(
    'The wait for the customer',
    () => rows.one('select waiting_for from onboardings where id = $1', [jobId]),
    (row) => row.waiting_for === 'customer',
  );

const courses: Readonly<Record<string, Course>> = {
  happy: async ({ app }) => {
    const invited = await invite(app);
    await waitFor(
      'The invite mail',
      () => mailsTo(app, invited.email),
      (mails) => mails.length === 1,
    );
    await app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
      anonymous: true,
      body: { accept_terms: true },
    });
    await active(app, invited);
    return ofInvite(invited);
  },

  member: async ({ app }) => {
    const first = await onboard(app);
    await active(app, first);
    const second = await onboard(app, {
      tenant: undefined,
      tenant_id: first.clientId,
      workspace: undefined,
      wb_token: undefined,
    });
    await active(app, second);
    return ofInvite(second);
  },

  waiting: async (stage) => {
    const { app, rows } = stage;
    const invited = await onboard(app, { wb_token: undefined });
    await waitingForCustomer(stage, invited.jobId);
    await rows.query(
      `update onboardings set waiting_since = now() - interval '25 hours' where id = $1`,
      [invited.jobId],
    );
    await wake(app, invited.inviteId);
    await waitFor(
      'The reminder',
      () =>
        rows.query(
          `select 1 from mails where onboarding_id = $1 and kind = 'customer-input-reminder' and status = 'sent'`,
          [invited.jobId],
        ),
      (mails) => mails.length === 1,
    );
    await app.call('POST', '/onboarding/wb-tokens', {
      body: { client_id: invited.clientId, wb_token: marketplaceToken() },
    });
    await active(app, invited);
    return ofInvite(invited);
  },

  'parked-and-retried': async ({ app, backend }) => {
    await backend.faults(
      { path: paths.register, mode: 'status', status: 503, times: 1 },
      { path: paths.addToken, mode: 'reset-after-act', times: 1 },
      { path: paths.smoke, mode: 'status', status: 403, times: 1 },
    );
    const invited = await onboard(app);
    await parked(app, invited);
    await order(app, invited, 'retry');
    await active(app, invited);
    return ofInvite(invited);
  },

  'parked-at-activation': async ({ app, rows, backend }) => {
    await backend.faults({ path: paths.smoke, mode: 'slow', delay_ms: 700, times: 1 });
    const invited = await onboard(app);
    await waitFor(
      'The last call',
      () => backend.calls(paths.smoke),
      (calls) => calls.some(({ idempotency_key: key }) => key?.startsWith(invited.jobId)),
    );
    await rows.query(`update tenants set status = 'suspended' where id = $1`, [invited.clientId]);
    await parked(app, invited);
    await rows.query(`update tenants set status = 'pending' where id = $1`, [invited.clientId]);
    await order(app, invited, 'retry');
    await active(app, invited);
    return ofInvite(invited);
  },

  'rolled-back': async ({ app, backend }) => {
    await backend.faults({ path: paths.verify, mode: 'status', status: 403, times: 1 });
    const invited = await onboard(app);
    await parked(app, invited);
    await order(app, invited, 'rollback');
    await untilState(app, invited.jobId, ['rolled_back']);
    return ofInvite(invited);
  },

  cancelled: async ({ app, backend }) => {
    await backend.faults({ path: paths.register, mode: 'slow', delay_ms: 1_000, times: 1 });
    const invited = await onboard(app);
    await waitFor(
      'The call',
      () => backend.calls(paths.register),
      (calls) => calls.some(({ idempotency_key: key }) => key?.startsWith(invited.jobId)),
    );
    await order(app, invited, 'cancel');
    await untilState(app, invited.jobId, ['cancelled']);
    return ofInvite(invited);
  },

  expired: async ({ app, rows }) => {
    const invited = await invite(app);
    await waitFor(
      'The invite mail',
      () => mailsTo(app, invited.email),
      (mails) => mails.length === 1,
    );
    for (const left of ['47 hours', '-1 second']) {
      await rows.query(`update invites set expires_at = now() + $2::interval where id = $1`, [
        invited.inviteId,
        left,
      ]);
      await wake(app, invited.inviteId);
      if (left === '47 hours') {
        await waitFor(
          'The reminder',
          () => mailsTo(app, invited.email),
          (mails) => mails.length === 2,
        );
      }
    }
    await untilState(app, invited.jobId, ['expired']);
    return ofInvite(invited);
  },

  rotated: async ({ app, rows, backend }) => {
    const invited = await onboard(app);
    await active(app, invited);
    await backend.faults({ path: paths.verify, mode: 'status', status: 503, times: 1 });
    const { body } = await app.call('POST', '/onboarding/wb-tokens/rotate', {
      body: { client_id: invited.clientId, wb_token: marketplaceToken(), reason: 'It is old' },
    });
    await waitFor(
      'The end of the rotation',
      () => rows.one('select state from token_rotations where id = $1', [body.rotation_id]),
      (row) => row.state === 'done',
    );
    return `token-rotation/${String(body.rotation_id)}`;
  },
};

/**
 * Takes courses on a system of their own and writes the histories into a folder, one JSON file each.
 * @param prefix only those whose names begin so
 */
export async function record(folder: string, prefix = ''): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-histories-'));
  // As root, Postgres runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  const desk = await offerServers(stateDir);
  process.env['USHER_TEST_SERVERS'] = desk.url;
  try {
    const app = await startTestApp({ env: { RETRY_SECONDS: '0.2,0.2' } });
    const rows = await openRows(app);
    const backend = backendControl(app.backend.url);
    mkdirSync(folder, { recursive: true });
    const all: Readonly<Record<string, Course>> = {
      ...courses,
      ...Object.fromEntries(
        Object.entries(keyCourses).map(([name, course]) => [name, ({ app: on }) => course(on)]),
      ),
      ...Object.fromEntries(
        Object.entries(lifecycleCourses).map(([name, course]) => [
          name,
          ({ app: on, rows: behind }) => course(on, behind),
        ]),
      ),
    };
    const wanted = Object.entries(all).filter(([name]) => name.startsWith(prefix));
    for (const [name, course] of wanted) {
      const workflowId = await course({ app, rows, backend });
      await backend.faults();
      writeFileSync(join(folder, `${name}.json`), await historyOf(app, workflowId));
      console.log(`${name}: ${workflowId}`);
    }
    await rows.close();
    await app.stop();
  } catch (error) {
    console.error(error);
    throw error;
  } finally {
    await desk.close();
  }
}

async function historyOf(app: TestApp, workflowId: string): Promise<string> {
  const handle = app.deps.temporal.client.workflow.getHandle(workflowId);
  await handle.result();
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()), (key, value) =>
    // Names of machines and processes are nobody's business.
    key === 'identity' ? 'worker' : (value as unknown),
  );
  return format(JSON.stringify(history), { parser: 'json', printWidth: 100 });
}
