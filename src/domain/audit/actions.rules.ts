const moved = ['from', 'to'] as const;
const rotation = ['prefix', 'rotation_id', 'successor_id'] as const;
const rotationMoved = [...rotation, ...moved] as const;
const entitled = ['status', 'source', 'expires_at'] as const;

/**
 * Usher's own actions, and for each what its metadata may hold: ids, codes and numbers, which stay in the log for
 * ever. Metadata that is not listed here is kept as personal data, where it can be erased.
 */
export const ownActions = {
  'access.denied': ['operation', 'permission'],

  'apikey.blocked': ['prefix'],
  'apikey.changed': ['prefix', 'changed', 'scopes', 'with_key'],
  'apikey.created': ['prefix', 'environment', 'scopes', 'role', 'created_by_admin'],
  'apikey.deleted': ['prefix'],
  'apikey.expired': ['prefix', 'reason', 'expires_at'],
  'apikey.first_used': [],
  'apikey.imported': ['prefix', 'hash', 'scopes', 'role'],
  'apikey.leaked': ['prefix', 'on_leak', 'ends_at'],
  'apikey.policy_set': ['rotate_after_days', 'on_leak', 'leak_grace_seconds'],
  'apikey.revoked': ['prefix', 'rotation_id'],
  'apikey.rotation_cancelled': rotationMoved,
  'apikey.rotation_completed': rotationMoved,
  'apikey.rotation_compromised': rotationMoved,
  'apikey.rotation_draining': rotationMoved,
  'apikey.rotation_extended': [...rotation, 'old_key_ends_at'],
  'apikey.rotation_finished_early': rotationMoved,
  'apikey.rotation_first_used': rotationMoved,
  'apikey.rotation_key_gone': rotationMoved,
  'apikey.rotation_old_key_ended': rotationMoved,
  'apikey.rotation_old_key_revoked': rotationMoved,
  'apikey.rotation_requested': [...rotation, 'from', 'to', 'reason'],
  'apikey.rotation_rolled_back': rotationMoved,
  'apikey.rotation_started': [...rotation, 'reason', 'overlap_seconds'],
  'apikey.rotation_successor_revoked': rotationMoved,
  'apikey.unblocked': ['prefix'],

  'audit.archive_requested': [],
  'audit.archived': ['batch', 'n', 'from_seq', 'to_seq', 'manifest'],
  'audit.checkpoint_ordered': [],
  'audit.delivery_refused': ['event_id'],
  'audit.erased': ['parts', 'subject'],
  'audit.erasure_ordered': ['erasure_id'],
  'audit.exported': ['by', 'format', 'size', 'complete'],
  'audit.forked': ['previous_origin', 'published'],
  'audit.key_announced': ['vkey', 'after'],
  'audit.hold_lifted': ['subject'],
  'audit.hold_placed': ['subject'],
  'audit.pruned': ['from_seq', 'to_seq', 'manifests'],
  'audit.read': ['by'],
  'audit.restore_ended': ['batch'],
  'audit.restore_refused': ['batch', 'problem'],
  'audit.restore_requested': ['start_seq', 'end_seq'],
  'audit.restored': ['batch', 'entries', 'erased'],
  'audit.verified': ['from', 'to', 'ok', 'verified', 'break', 'break_seq'],

  'catalog.request_declined': ['request_id'],
  'catalog.requested': ['request_id'],
  'catalog.trial_requested': ['trial_id', 'days'],

  'entitlement.changed': entitled,
  'entitlement.expired': entitled,
  'entitlement.granted': entitled,

  'incident.closed': ['severity'],
  'incident.opened': ['severity'],

  'invite.accepted': ['kind', 'token_id', 'terms_version', 'new_account'],
  'invite.created': ['role', 'held', 'bulk'],
  'invite.declined': [],
  'invite.expired': [],
  'invite.new_link_requested': [],
  'invite.reminded': [],
  'invite.resent': ['resend_count'],
  'invite.revoked': [],

  'login_link.requested': [],

  'onboarding.activated': ['kind'],
  'onboarding.cancel_applied': ['order_id', 'number'],
  'onboarding.cancel_ordered': ['order_id', 'number', 'step'],
  'onboarding.cancelled': [],
  'onboarding.fix_applied': ['order_id', 'number'],
  'onboarding.fix_ordered': ['order_id', 'number', 'step'],
  'onboarding.input_provided': ['spreadsheetId', 'ownerEmail', 'wbToken'],
  'onboarding.parked': ['step', 'problem', 'number'],
  'onboarding.retry_applied': ['order_id', 'number'],
  'onboarding.retry_ordered': ['order_id', 'number', 'step'],
  'onboarding.rollback_applied': ['order_id', 'number'],
  'onboarding.rollback_ordered': ['order_id', 'number', 'step'],
  'onboarding.rolled_back': [],
  'onboarding.skip_applied': ['order_id', 'number'],
  'onboarding.skip_ordered': ['order_id', 'number', 'step'],
  'onboarding.step_done': ['step', 'attempt', 'state'],
  'onboarding.step_left': ['step'],
  'onboarding.step_undone': ['step'],
  'onboarding.wait_begun': ['step', 'number'],

  'partner.created': [],

  'pepper.promoted': ['before', 'after'],

  'platform.user_invited': ['role', 'handoff'],

  'product.changed': ['trial_days', 'requestable'],

  'resource.compared': ['drift', 'drift_before', 'status'],
  'resource.comparison_ordered': [],
  'resource.left': ['drift', 'status'],
  'resource.repair_failed': ['repair_id', 'problem'],
  'resource.repair_ordered': ['drift', 'status'],
  'resource.repair_step_done': ['repair_id', 'step'],
  'resource.repaired': ['repair_id', 'problem'],

  'rollout.frozen': ['from', 'to', 'verdict'],
  'rollout.overridden': ['from', 'to', 'verdict'],
  'rollout.promoted': ['from', 'to', 'verdict'],
  'rollout.unfrozen': ['from', 'to', 'verdict'],

  'secrets.rotated': ['kid', 'compromised', 'count'],

  'service_account.created': ['prefix', 'permissions'],
  'service_account.revoked': ['prefix', 'permissions'],
  'service_account.rotated': ['prefix', 'permissions'],

  'session.ended': [],
  'session.opened': ['method', 'surface'],
  'session.refused': ['method', 'reason'],

  'tenant.activated': moved,
  'tenant.archived': moved,
  'tenant.cancelled': moved,
  'tenant.created': ['status', 'plan', 'kind'],
  'tenant.deleted': moved,
  'tenant.export_failed': ['problem'],
  'tenant.exported': ['rows', 'sha256'],
  'tenant.purged': [],
  'tenant.purging': moved,
  'tenant.restored': moved,
  'tenant.resumed': moved,
  'tenant.suspended': moved,
  'tenant.trial_ended': moved,
  'tenant.updated': ['fields', 'old_slug', 'old_plan', 'plan'],

  'token_rotation.done': [],
  'token_rotation.failed': [],
  'token_rotation.requested': [],
  'token_rotation.step_done': ['state'],

  'user.activated': [],
  'user.created': ['issuer', 'surface', 'password_set', 'login_link'],
  'user.deactivated': [],
  'user.identity_linked': ['issuer', 'surface'],
  'user.owner_confirmed': ['password_set', 'login_link'],
  'user.password_changed': ['by'],
  'user.roles_changed': ['added', 'removed', 'origin'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** An action that Usher itself writes: dotted, `<noun>.<past participle>`. */
export type OwnAction = keyof typeof ownActions;

/** What the metadata of an action may hold; undefined for an action that is none of Usher's. */
export function metadataOf(action: string): readonly string[] | undefined {
  const table: Readonly<Record<string, readonly string[]>> = ownActions;
  return Object.hasOwn(table, action) ? table[action] : undefined;
}

/** Where actions of Usher begin that are not in the table (yet). */
const alsoOurs = ['billing', 'cabinet.apikey', 'payout', 'usher'];

const ownPrefixes: readonly string[] = [
  ...new Set([...Object.keys(ownActions).map((name) => name.split('.')[0] ?? name), ...alsoOurs]),
];

/** Whether an action is one that only Usher itself may write: one of its nouns, or anything below it. */
export function isOwnAction(action: string): boolean {
  return ownPrefixes.some((prefix) => action === prefix || action.startsWith(`${prefix}.`));
}
