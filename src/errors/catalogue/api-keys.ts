import type { ProblemDefinition } from '../problems';

/** What can go wrong with API keys and their rotations. */
export const apiKeyProblems = {
  'api-key-not-found': {
    status: 404,
    title: 'API key not found',
    retryable: false,
    next: 'Check the id in the list of the tenant’s keys.',
  },
  'api-key-dead': {
    status: 409,
    title: 'This API key is revoked, expired or rotated away',
    retryable: false,
    next: 'Issue a new key.',
  },
  'api-key-blocked': {
    status: 409,
    title: 'This API key is blocked',
    retryable: false,
    next: 'Unblock it first.',
  },
  'environment-not-issued': {
    status: 422,
    title: 'Keys of the form that is issued here are never test keys',
    retryable: false,
    next: 'Issue a live key, or set KEYS_FORMAT to a form that has test keys.',
  },
  'tenant-without-keys': {
    status: 409,
    title: 'This tenant gets no keys in its present status',
    retryable: false,
    next: 'Activate, resume or restore the tenant first.',
  },
  'plan-limit-reached': {
    status: 409,
    title: 'The plan of this tenant does not allow more',
    retryable: false,
    next: 'See `limit`; revoke a key that is not needed, lower the limit, or change the plan.',
  },
  'scope-planned': {
    status: 422,
    title: 'This scope is planned and not given out yet',
    retryable: false,
    next: 'Leave it out; GET /v1/api-keys/scopes says which scopes are active.',
  },
  'scope-too-high': {
    status: 403,
    title: 'Nobody may give a key more than they may do themselves',
    retryable: false,
    next: 'Leave the scopes out that `detail` names, or ask somebody who may do that.',
  },
  'foreign-prefix-crowded': {
    status: 409,
    title: 'Too many imported keys share this prefix',
    retryable: false,
    next: 'Wait until the keys with this prefix have been used once, or issue new ones.',
  },
  'pepper-unknown': {
    status: 409,
    title: 'No pepper of this name is configured',
    retryable: false,
    next: 'Add it to KEYS_HASH_PEPPER of every process first, behind the one in use; then promote it.',
  },
  'api-key-exists': {
    status: 409,
    title: 'This key is here already',
    retryable: false,
    next: 'Nothing is to be imported. Compare `prefix` in GET /v1/api-keys of the tenants that may have it.',
  },
  'key-rotation-open': {
    status: 409,
    title: 'A rotation of this key is already running',
    retryable: false,
    next: 'Look at the rotation that `rotation_id` names; complete, cancel or roll it back first.',
  },
  'key-rotation-not-found': {
    status: 404,
    title: 'Key rotation not found',
    retryable: false,
    next: 'Check the id in the rotations of the key.',
  },
  'key-rotation-order-not-possible': {
    status: 409,
    title: 'This order does not fit the state of the rotation',
    retryable: false,
    next: 'See `possible_orders` of the rotation.',
  },
} as const satisfies Record<string, ProblemDefinition>;
