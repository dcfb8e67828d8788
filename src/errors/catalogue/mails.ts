import type { ProblemDefinition } from '../problems';

/** What can become of a mail. */
export const mailProblems = {
  'mail-uncertain': {
    status: 502,
    title: 'It is not known whether the mail went out',
    retryable: false,
    next: 'Resend the invite if the customer did not receive it.',
  },
  'mail-bounced': {
    status: 502,
    title: 'The mail was refused for good',
    retryable: false,
    next: 'Check the address; revoke the invite and create one with the right address.',
  },
  'mail-undeliverable-now': {
    status: 502,
    title: 'The mail server cannot be reached or put us off',
    retryable: true,
    next: 'Nothing; it is tried again by itself. Check SMTP_URL if it lasts.',
  },
} as const satisfies Record<string, ProblemDefinition>;
