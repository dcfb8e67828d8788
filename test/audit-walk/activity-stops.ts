import type { Activities } from '../../activities';
import type { OwnAction } from '../../src/domain/audit/audit-entries';

type ActivityStop = { readonly tells: readonly OwnAction[] } | { readonly silent: string };

const looks = 'looks at rows and says what is next';

/**
 * Every activity: what the log has to tell of it once the courses have been taken, or why there is nothing to tell. That
 * none changes anything in silence is watched in the database.
 */
export const activityStops: Readonly<Record<keyof Activities, ActivityStop>> = {
  openOnboarding: {
    tells: [
      'invite.expired',
      'invite.reminded',
      'onboarding.wait_begun',
      'onboarding.retry_applied',
      'onboarding.rollback_applied',
      'onboarding.cancel_applied',
      'onboarding.fix_applied',
      'onboarding.skip_applied',
      'onboarding.cancelled',
    ],
  },
  isCalledOff: { silent: looks },
  activateTenant: { tells: ['onboarding.activated', 'onboarding.parked'] },
  deliverDue: { silent: 'hands over mails; what decided them was told' },
  runStep: { tells: ['onboarding.step_done', 'onboarding.parked', 'onboarding.activated'] },
  undoStep: {
    tells: ['onboarding.step_undone', 'onboarding.step_left', 'onboarding.rolled_back'],
  },
  openRotation: { silent: looks },
  runRotation: {
    tells: ['token_rotation.step_done', 'token_rotation.done', 'token_rotation.failed'],
  },

  openKeyRotation: { silent: looks },
  beginOverlap: { tells: ['apikey.rotation_first_used'] },
  remindOfRotation: { silent: 'hands over mails; the rotation they are about was told' },
  decideExtension: { tells: ['apikey.rotation_extended'] },
  finishEarly: { tells: ['apikey.rotation_finished_early'] },
  drainRotation: { tells: ['apikey.rotation_old_key_ended'] },
  completeRotation: { tells: ['apikey.rotation_completed'] },
  cancelRequest: { tells: ['apikey.rotation_key_gone'] },
  requestDueRotations: { tells: ['apikey.rotation_requested'] },
  tellExpiredKeys: { tells: ['apikey.expired'] },

  openLifecycle: { tells: ['tenant.trial_ended', 'tenant.purging'] },
  exportTenant: { tells: ['tenant.exported', 'tenant.export_failed'] },
  purgeTenant: { tells: ['tenant.purged'] },
  openTrial: { tells: ['entitlement.expired'] },

  planReconcile: { silent: 'wakes those whose turn it is' },
  planComparison: { tells: ['resource.compared'] },
  lookUpResource: { silent: 'reads at a backend' },
  recordComparison: { tells: ['resource.compared'] },
  openRepair: { silent: looks },
  runRepair: {
    tells: ['resource.repair_step_done', 'resource.repaired', 'resource.repair_failed'],
  },
  evaluateGates: { tells: ['rollout.frozen'] },

  planArchive: { silent: 'plans ranges; what is stored and dropped is told' },
  carryOutRun: { silent: 'plans what was asked for, which was told' },
  viewBatch: { silent: looks },
  driveBatch: { tells: ['audit.archived', 'audit.pruned'] },
  viewRestore: { silent: looks },
  driveRestore: { tells: ['audit.restored'] },
  verifyAuditLog: { tells: ['audit.verified'] },
};
