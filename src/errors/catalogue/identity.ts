import type { ProblemDefinition } from '../problems';

/** What can go wrong with accounts, service accounts and sign-ins. */
export const identityProblems = {
  'user-not-found': {
    status: 404,
    title: 'User not found',
    retryable: false,
    next: 'Check the id; deactivated users are listed with the filter `inactive`.',
  },
  'user-exists': {
    status: 409,
    title: 'This e-mail address already has an account',
    retryable: false,
    next: 'Give the existing user the role instead.',
  },
  'user-deactivated': {
    status: 403,
    title: 'This account is deactivated',
    retryable: false,
    next: 'Ask an operator to activate it again.',
  },
  'service-account-not-found': {
    status: 404,
    title: 'Service account not found',
    retryable: false,
    next: 'Check the id in the list of service accounts.',
  },
  'service-account-revoked': {
    status: 409,
    title: 'This service account is revoked',
    retryable: false,
    next: 'Create a new one.',
  },
  'login-link-invalid': {
    status: 410,
    title: 'This login link is not valid any more',
    retryable: false,
    next: 'Ask for a new one; a link works once and for 15 minutes.',
  },
  'password-too-weak': {
    status: 422,
    title: 'This password is too easy to guess',
    retryable: false,
    next: 'Use at least 15 characters that do not contain your name, address or company.',
  },
  'oidc-issuer-unknown': {
    status: 404,
    title: 'No identity provider of this name is set up',
    retryable: false,
    next: 'Use one of the providers on the sign-in page.',
  },
  'oidc-failed': {
    status: 401,
    title: 'The identity provider did not confirm the sign-in',
    retryable: true,
    next: 'Start the sign-in again.',
  },
  'account-link-refused': {
    status: 403,
    title: 'This identity cannot be linked to the existing account',
    retryable: false,
    next: 'Sign in the way you did before, or ask an operator.',
  },
  'last-owner': {
    status: 409,
    title: 'The last owner cannot lose the role',
    retryable: false,
    next: 'Make somebody else an owner first.',
  },
} as const satisfies Record<string, ProblemDefinition>;
