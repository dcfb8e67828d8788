/**
 * Usher's own actions, and for each what its metadata may hold: ids, codes and numbers, which stay in the log for
 * ever. Metadata that is not listed here is kept as personal data, where it can be erased.
 */
export const ownActions = {
  'access.denied': ['operation', 'permission'],

  'audit.checkpoint_ordered': [],
  'audit.delivery_refused': ['event_id'],
  'audit.forked': ['previous_origin', 'published'],
  'audit.key_announced': ['vkey', 'after'],
  'audit.read': ['by'],

  'incident.closed': ['severity'],
  'incident.opened': ['severity'],

  'invite.accepted': ['kind', 'token_id', 'terms_version', 'new_account'],
  'invite.created': ['role', 'held', 'bulk'],
  'invite.declined': [],
  'invite.expired': [],
  'invite.new_link_requested': [],
  'invite.resent': ['resend_count'],
  'invite.revoked': [],

  'login_link.requested': [],

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

  'partner.created': [],

  'resource.left': ['drift', 'status'],
  'resource.repair_failed': ['repair_id', 'problem'],
  'resource.repair_ordered': ['drift', 'status'],
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

  'tenant.activated': ['kind'],
  'tenant.created': ['status', 'plan', 'kind'],
  'tenant.freed': [],

  'token_rotation.done': [],
  'token_rotation.failed': [],
  'token_rotation.requested': [],

  'user.created': ['issuer', 'surface', 'password_set', 'login_link'],
  'user.deactivated': [],
  'user.identity_linked': ['issuer', 'surface'],
  'user.owner_confirmed': ['password_set', 'login_link'],
  'user.password_changed': ['by'],
  'user.roles_changed': ['added', 'removed', 'origin'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What the metadata of an action may hold; undefined for an action that is none of Usher's. */
export function metadataOf(action: string): readonly string[] | undefined {
  const table: Readonly<Record<string, readonly string[]>> = ownActions;
  return Object.hasOwn(table, action) ? table[action] : undefined;
}

/** Where actions of Usher begin that are not in the table (yet). */
const alsoOurs = ['apikey', 'audit', 'cabinet.apikey', 'platform', 'usher'];

const ownPrefixes: readonly string[] = [
  ...new Set([...Object.keys(ownActions).map((name) => name.split('.')[0] ?? name), ...alsoOurs]),
];

/** Whether an action is one that only Usher itself may write: one of its nouns, or anything below it. */
export function isOwnAction(action: string): boolean {
  return ownPrefixes.some((prefix) => action === prefix || action.startsWith(`${prefix}.`));
}
