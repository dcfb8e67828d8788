import { invite, marketplaceToken, untilState } from '../support/journey';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { paths } from '../workflows/backend-control';
import type { BackendControl } from '../workflows/backend-control';
import { active, mailsTo, onboard, order, parked } from '../workflows/courses';
import { wake } from '../workflows/rows';
import type { Rows } from '../workflows/rows';

/** What a course is taken with. */
export interface Stage {
  readonly app: TestApp;
  readonly rows: Rows;
  readonly backend: BackendControl;
}

/** Takes a course and names the workflow whose history shows it. */
export type Course = (stage: Stage) => Promise<string>;

const ofInvite = ({ inviteId }: { inviteId: string }): string => `onboarding/${inviteId}`;

const waitingForCustomer = ({ rows }: Stage, jobId: string) =>
  waitFor(
    'The wait for the customer',
    () => rows.one('select waiting_for from onboardings where id = $1', [jobId]),
    (row) => row.waiting_for === 'customer',
  );

/** The courses of `onboardTenant` and `rotateToken`, by the names of their files. */
export const onboardingCourses: Readonly<Record<string, Course>> = {
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
