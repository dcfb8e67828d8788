import { html } from '../../../src/platform/html';
import type { InviteMessages, ShellMessages } from './shape';

/** English: the words around every page. */
export const shell: ShellMessages = {
  skip: 'Skip to the content',
  languages: 'Language',
  footer: 'Usher – onboarding, step by step',
  errorTitle: (title) => `Error: ${title}`,
  errorSummary: 'Please check these fields',
  showSecret: 'Show what I type',
  length: (typed, wanted) => `${typed} of at least ${wanted} characters`,
  sending: 'One moment …',
};

/** English: the invite page. */
export const invite: InviteMessages = {
  title: (tenant) => `Invite to ${tenant}`,
  heading: (inviter, tenant) =>
    inviter ? html`${inviter} invites you to ${tenant}` : html`You are invited to ${tenant}`,
  lead: 'Accept the invite and we will set everything up for you. It takes about two minutes of your time.',
  recipient: 'Sent to',
  validUntil: 'Valid until',
  acceptHeading: 'Accept the invite',
  existingHeading: 'You already have an account',
  existingText:
    'There is already an account with this e-mail address. Sign in with it to accept the invite. Nothing about the account changes, and its password stays the same.',
  signedInHeading: 'Accept with your account',
  signedInText: (email) => html`You are signed in as ${email}.`,
  ssoText: 'You can sign in with another service instead.',
  ssoButton: (name) => html`Continue with ${name}`,
  ssoReturn: 'You will then come back here to accept the invite.',
  or: 'or',
  name: 'Your name',
  signIn: 'How would you like to sign in?',
  byPassword: 'With a password',
  byPasswordHint: 'Choose one now.',
  byLink: 'With a link by mail',
  byLinkHint: 'No password. We mail you a link each time you sign in.',
  password: 'Password',
  passwordHint: (minimum) =>
    `At least ${minimum} characters. A few words in a row work well; spaces and any other characters are fine, and so is pasting.`,
  accountPassword: 'Password of your account',
  terms: (link) => html`I accept the ${link('terms of use')}.`,
  newTab: 'opens in a new tab',
  accept: 'Accept the invite',
  acceptExisting: 'Sign in and accept',
  loginLinkText: 'We will send a sign-in link to the address above.',
  loginLinkButton: 'Mail me a sign-in link',
  declineSummary: 'I would rather decline',
  declineText: 'We will tell the sender that you declined, and this link will stop working.',
  reason: 'Reason (optional)',
  reasonHint: 'The sender will see it exactly as you write it.',
  decline: 'Decline the invite',
  nextHeading: 'What happens next',
  next: [
    'You accept the invite on this page.',
    'We set up your workspace. If your marketplace token is still missing, you can add it then.',
    'You get an e-mail as soon as everything is ready.',
  ],
  keepPrivate: 'This link is meant for you alone. Please do not forward it.',
  errors: {
    'name-required': () => 'Enter your name.',
    'name-too-long': () => 'The name is too long. Enter a shorter one.',
    'password-required': () => 'Enter a password.',
    'password-too-short': (minimum) =>
      `The password is too short. Use at least ${minimum} characters.`,
    'password-too-long': () => 'The password is too long. Use a shorter one.',
    'password-common': () => 'This password is widely known and easy to guess. Choose another one.',
    'password-personal': () =>
      'The password contains your name, your address or the name of your company. Choose another one.',
    'password-wrong': () => 'That is not the password for this account. Try again.',
    'terms-required': () => 'Accept the terms of use to continue.',
    'reason-too-long': () => 'The reason is too long. Please shorten it.',
  },
};
