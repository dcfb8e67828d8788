import type { ProblemDefinition } from '../problems';

/** What can go wrong between an invite and its accept. */
export const inviteProblems = {
  'invite-not-found': {
    status: 404,
    title: 'Invite not found',
    retryable: false,
    next: 'Check the link for missing characters, or ask the sender for a new one.',
  },
  'invite-already-used': {
    status: 409,
    title: 'This invite was already accepted',
    retryable: false,
    next: 'Sign in instead.',
  },
  'invite-expired': {
    status: 410,
    title: 'This invite has expired',
    retryable: false,
    next: 'Ask for a new link; the sender is told.',
  },
  'invite-revoked': {
    status: 410,
    title: 'This invite was withdrawn',
    retryable: false,
    next: 'Ask the sender whether a new one is coming.',
  },
  'invite-superseded': {
    status: 410,
    title: 'A newer link was sent',
    retryable: false,
    next: 'Open the newest mail, or ask for a new link.',
  },
  'invite-declined': {
    status: 409,
    title: 'This invite was declined',
    retryable: false,
    next: 'Ask the sender for a new invite.',
  },
  'invite-exists': {
    status: 409,
    title: 'There is already an open invite for this address',
    retryable: false,
    next: 'Resend the existing one (`invite_id`), or create with `on_conflict: "resend"`.',
  },
  'already-member': {
    status: 409,
    title: 'This person already belongs to the tenant',
    retryable: false,
    next: 'Nothing to do; change the role instead if it should differ.',
  },
  'invite-not-open': {
    status: 409,
    title: 'This invite is not open',
    retryable: false,
    next: 'Look at its status; accepted and withdrawn invites cannot be changed.',
  },
  'resend-too-soon': {
    status: 429,
    title: 'The last mail was sent less than 60 seconds ago',
    retryable: true,
    next: 'Wait as long as the `Retry-After` header says.',
  },
  'resend-limit-reached': {
    status: 409,
    title: 'This invite was resent as often as allowed',
    retryable: false,
    next: 'Revoke it and create a new one after checking the address.',
  },
  'inviter-lost-right': {
    status: 409,
    title: 'The person who invited may not do so any more',
    retryable: false,
    next: 'Ask an operator for a new invite.',
  },
  'invite-held': {
    status: 409,
    title: 'This invite waits for its roll-out stage',
    retryable: true,
    next: 'It is mailed by itself when the stage opens.',
  },
  'account-login-required': {
    status: 401,
    title: 'This address already has an account',
    retryable: false,
    next: 'Accept with the password of that account, or sign in first.',
  },
  'terms-not-accepted': {
    status: 422,
    title: 'The terms must be accepted',
    retryable: false,
    next: 'Tick the box and send the form again.',
  },
  'verification-failed': {
    status: 403,
    title: 'The check that you are a person failed',
    retryable: true,
    next: 'Reload the page and try again.',
  },
  'form-expired': {
    status: 403,
    title: 'This form is not valid any more',
    retryable: false,
    next: 'Reload the page and send it again.',
  },
} as const satisfies Record<string, ProblemDefinition>;
