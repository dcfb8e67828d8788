import { invite, marketplaceToken } from '../support/journey';
import type { OwnAction } from '../../src/domain/audit/audit-entries';
import { fresh } from './world';
import type { World } from './world';
import { plain } from './stops';
import type { Stop, WalkRequest } from './stops';

const reason = 'The walk wants it';
const newcomer = () => ({ email: `${fresh()}@example.com`, name: 'Anna Example' });

const byToken =
  (body?: unknown) =>
  async ({ app }: World): Promise<WalkRequest> => ({
    anonymous: true,
    params: { token: (await invite(app)).token },
    ...(body === undefined ? {} : { body }),
  });
const ofInvite =
  (body?: unknown) =>
  async ({ app }: World): Promise<WalkRequest> => ({
    params: { id: (await invite(app)).inviteId },
    ...(body === undefined ? {} : { body }),
  });
const order = (action: OwnAction, body: object = {}): Stop => ({
  tells: [action],
  by: async ({ parked }) => ({ params: { id: (await parked()).jobId }, body: { reason, ...body } }),
});
const atStage = ({ act }: World, stage: string) =>
  act((tx) =>
    tx.run(
      `update rollout set stage = $1, since = now() - interval '1 day', frozen_at = null, frozen_reason = null`,
      [stage],
    ),
  );

/** Invites, onboardings, orders, the roll-out. */
export const onboardingStops: Readonly<Record<string, Stop>> = {
  createInvite: { tells: ['tenant.created', 'invite.created'], by: () => ({ body: newcomer() }) },
  createInvites: {
    tells: ['tenant.created', 'invite.created', 'tenant.created', 'invite.created'],
    by: () => ({ body: { rows: [newcomer(), newcomer()] } }),
  },
  listInvites: { silent: 'a list for staff', by: plain },
  getInvite: { silent: 'one invite, for staff', by: ofInvite() },
  resendInvite: {
    tells: ['invite.resent'],
    by: async ({ act, app }) => {
      const { inviteId } = await invite(app);
      await act((tx) =>
        tx.run(`update invites set last_sent_at = now() - interval '1 hour' where id = $1`, [
          inviteId,
        ]),
      );
      return { params: { id: inviteId }, body: {} };
    },
  },
  revokeInvite: { tells: ['invite.revoked', 'tenant.deleted'], by: ofInvite() },
  previewInvite: { silent: 'looking at an invite must not use it up', by: byToken() },
  acceptInvite: { tells: ['invite.accepted'], by: byToken({ accept_terms: true }) },
  declineInvite: { tells: ['invite.declined', 'tenant.deleted'], by: byToken({}) },
  requestNewLink: { tells: ['invite.new_link_requested'], by: byToken() },

  provisionWorkspace: {
    tells: ['onboarding.input_provided'],
    by: async ({ accepted }) => ({
      body: {
        client_id: (await accepted({ workspace: undefined })).clientId,
        spreadsheet_id: fresh(),
        owner_email: 'anna@example.com',
      },
    }),
  },
  addToken: {
    tells: ['onboarding.input_provided'],
    by: async ({ accepted }) => ({
      body: {
        client_id: (await accepted({ wb_token: undefined })).clientId,
        wb_token: marketplaceToken(),
      },
    }),
  },
  rotateToken: {
    tells: ['token_rotation.requested'],
    by: async ({ accepted, act }) => {
      const { clientId, jobId } = await accepted();
      await act(async (tx) => {
        await tx.run(
          `update onboardings set state = 'active', activated_at = now() where id = $1`,
          [jobId],
        );
        await tx.run(`update onboarding_steps set status = 'done' where onboarding_id = $1`, [
          jobId,
        ]);
        await tx.run(`update tenants set status = 'active' where id = $1`, [clientId]);
      });
      return { body: { client_id: clientId, wb_token: marketplaceToken(), reason } };
    },
  },
  getClientStatus: {
    silent: 'how far an onboarding is',
    by: async ({ accepted }) => ({ params: { client_id: (await accepted()).clientId } }),
  },
  listJobs: { silent: 'a list for staff', by: plain },
  getJob: {
    silent: 'one onboarding, for staff',
    by: async ({ accepted }) => ({ params: { id: (await accepted()).jobId } }),
  },
  retryJob: order('onboarding.retry_ordered'),
  fixJob: order('onboarding.fix_ordered', { wb_token: marketplaceToken() }),
  skipJob: order('onboarding.skip_ordered'),
  rollbackJob: order('onboarding.rollback_ordered'),
  cancelJob: order('onboarding.cancel_ordered'),
  bulkRetryJobs: {
    tells: ['onboarding.retry_ordered', 'onboarding.retry_ordered'],
    by: async ({ parked }) => {
      const job_ids = [(await parked()).jobId, (await parked()).jobId];
      return { body: { reason, filter: { job_ids } } };
    },
  },

  getFunnel: { silent: 'figures', by: plain },
  getGates: { silent: 'figures', by: plain },
  promoteGates: {
    tells: ['rollout.promoted'],
    by: async (world) => {
      await atStage(world, 'internal');
      for (let n = 0; n < 5; n += 1) {
        await world.job({ state: 'active', acceptedAgo: 60, activatedAgo: 50 });
      }
      return { body: { reason } };
    },
  },
  freezeGates: {
    tells: ['rollout.frozen'],
    by: async (world) => {
      await atStage(world, '25');
      return { body: { reason } };
    },
  },
  overrideGates: {
    tells: ['rollout.overridden'],
    by: async (world) => {
      await atStage(world, '50');
      return { body: { reason } };
    },
  },
  'overrideGates unfreeze': {
    tells: ['rollout.unfrozen'],
    by: async (world) => {
      await atStage(world, '50');
      await world.made('/onboarding/gates/freeze', { reason });
      return { body: { reason, action: 'unfreeze' } };
    },
  },
  listIncidents: { silent: 'a list for staff', by: plain },
  openIncident: {
    tells: ['incident.opened'],
    by: () => ({ body: { title: 'The backend is slow', severity: 'minor' } }),
  },
  closeIncident: {
    tells: ['incident.closed'],
    by: async ({ made }) => {
      const { id } = await made('/onboarding/incidents', { title: 'Slow', severity: 'minor' });
      return { params: { id }, body: {} };
    },
  },
};
