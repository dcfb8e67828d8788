import { html } from '../../../src/platform/html';
import { counted } from '../../../src/platform/locale';
import type { OutcomeMessages } from './shape';

/** English: the pages that tell one thing, and the login link's page. */
export const outcomes: OutcomeMessages = {
  notices: {
    'invite-not-found': {
      heading: 'We do not know this link',
      text: 'It may not have been copied completely. Please open it again straight from the mail, or ask the person who invited you for a new invite.',
    },
    'link-needed': {
      heading: 'Please open the link from your mail',
      text: 'For your safety, the address bar does not keep the link. Open it again from the mail and you will be back where you were.',
    },
    'already-used': {
      heading: 'This invite has already been accepted',
      text: 'Each link works once. You can go straight on from here.',
    },
    expired: {
      heading: 'This invite has expired',
      text: 'Invites are valid for a limited time only.',
    },
    revoked: {
      heading: 'This invite was withdrawn',
      text: 'The sender has withdrawn it. If you did not expect that, please talk to the person who invited you.',
    },
    superseded: {
      heading: 'There is a newer link',
      text: 'Please use the link in the most recent mail. Check your spam folder, too.',
    },
    'already-declined': {
      heading: 'This invite was declined',
      text: 'The link no longer works. If you have changed your mind, ask for a new one.',
    },
    declined: {
      heading: 'You have declined the invite',
      text: 'We will tell the sender. There is nothing else for you to do; you can close this page.',
    },
    'new-link-requested': {
      heading: 'Your request has been noted',
      text: 'If the invite can still be renewed, the sender has been told and can mail you a new link. You can close this page.',
    },
    'tenant-not-open': {
      heading: 'This invite cannot be accepted at the moment',
      text: 'Access is closed at present. Your invite is not lost: please try again later, or talk to the person who invited you.',
    },
    'wrong-account': {
      heading: 'This invite is for another account',
      text: 'Sign out here, and we will take you back to the invite.',
    },
    'too-many-tries': {
      heading: 'Too many tries in a short time',
      text: 'To keep accounts safe, we limit the number of tries. Your invite is not affected.',
    },
    'invalid-form': {
      heading: 'This form is no longer valid',
      text: 'The page was probably open for a long time. Nothing has been changed. Open it again and resend the form.',
    },
    'login-link-invalid': {
      heading: 'This sign-in link no longer works',
      text: 'Each link works once, and only for a short time. Please ask for a new one on the sign-in page.',
    },
    'login-link-sent': {
      heading: 'Check your mailbox',
      text: 'If there is an account with this address, a sign-in link is on its way. Open it on this device and you will be back where you were.',
    },
    'session-needed': {
      heading: 'Please sign in to see your progress',
      text: 'Open the link in your last mail again, or sign in with your account. Nothing is lost: you continue where you left off.',
    },
    'signed-in': {
      heading: 'You are signed in',
      text: 'If other people use this device as well, sign out when you are done.',
    },
    'terms-unpublished': {
      heading: 'Terms of use',
      text: 'The operator of this service has not published its terms of use here yet. Please ask the person who invited you for them.',
    },
    problem: {
      heading: 'Something went wrong on our side',
      text: 'What you sent may not have arrived. Please try again in a moment; doing it twice does no harm.',
    },
  },
  expiredAt: (at) => html`This invite was valid until ${at}.`,
  supersededAt: (at) => html`A newer link was sent to you on ${at}.`,
  declinedFor: (tenant) => html`The invite to ${tenant} is closed.`,
  wrongAccount: (email) =>
    html`You are signed in with a different account. The invite was sent to ${email}.`,
  retryAfter: (seconds) =>
    seconds < 60
      ? 'Please try again in less than a minute.'
      : `Please try again in ${counted(Math.ceil(seconds / 60), 'en', { one: 'minute', other: 'minutes' })}.`,
  requestText:
    'Would you still like to join? Ask for a new link: we will tell the sender, who can then send you one.',
  requestButton: 'Ask for a new link',
  signIn: 'Go to sign-in',
  progress: 'See the progress',
  back: 'Back to the form',
  toInvite: 'Back to the invite',
  continue: 'Continue',
  signOut: 'Sign out',
  signedInAs: (name) => html`Welcome, ${name}.`,
  termsVersion: (version) => html`Requested version: ${version}`,
  requestId: 'If you write to us, please include this number:',
  help: (mail) => html`Any questions? Write to ${mail}.`,
  login: {
    title: 'Sign in',
    heading: 'Sign in',
    text: (email) => html`You are about to sign in as ${email}.`,
    validUntil: (at) => html`The link works once, until ${at}.`,
    button: 'Sign in now',
    note: 'Did you not ask for this link? Then simply close this page.',
  },
};
