import type { ProblemDefinition } from '../problems';

/** What stands between a caller and an endpoint. */
export const accessProblems = {
  unauthenticated: {
    status: 401,
    title: 'You are not signed in',
    retryable: false,
    next: 'Sign in, or send a service account key as `X-Api-Key` or `Authorization: Bearer`.',
  },
  'credentials-invalid': {
    status: 401,
    title: 'The sign-in was not accepted',
    retryable: false,
    next: 'Check the e-mail address and the password, or ask for a login link.',
  },
  forbidden: {
    status: 403,
    title: 'You may not do this',
    retryable: false,
    next: 'Ask an owner or admin for the permission that `detail` names.',
  },
  'role-too-high': {
    status: 403,
    title: 'Nobody may grant a role above their own',
    retryable: false,
    next: 'Ask somebody who holds that role to do it.',
  },
  'wrong-audience': {
    status: 403,
    title: 'This token was issued for another surface',
    retryable: false,
    next: 'Request a token for the audience of the surface you are calling.',
  },
  'address-not-allowed': {
    status: 403,
    title: 'This service account may not be used from this address',
    retryable: false,
    next: 'Call from an address on its allow-list, or have the list changed.',
  },
  'cross-origin': {
    status: 403,
    title: 'The request came from another site',
    retryable: false,
    next: 'Open the page on this site itself and try again.',
  },
  'step-up-required': {
    status: 403,
    title: 'Please confirm that it is you',
    retryable: false,
    next: 'Sign in again and repeat the action within 10 minutes.',
  },
  'password-change-required': {
    status: 403,
    title: 'The temporary password must be changed first',
    retryable: false,
    next: 'Set a password of your own, then go on.',
  },
} as const satisfies Record<string, ProblemDefinition>;
