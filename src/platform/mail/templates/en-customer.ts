import { facts, links, list, text, type CustomerMailKind, type MailTemplates } from './content';

const hello = (name: string | null) => (name ? `Hello ${name},` : 'Hello,');
const alone = 'The link is meant for you alone. Please do not forward it.';

/** English: the mails that customers read. */
export const customerMails: MailTemplates<CustomerMailKind> = {
  invite: ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: inviterName
      ? `${inviterName} invites you to ${tenantName}`
      : `You are invited to ${tenantName}`,
    preheader: `Accept until ${moment(expiresAt)}. It takes about two minutes of your time.`,
    heading: `You are invited to ${tenantName}`,
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} invites you to ${tenantName}. Accept the invite and we will set everything up for you.`
          : `You are invited to ${tenantName}. Accept the invite and we will set everything up for you.`,
      ),
      facts(['Valid until', moment(expiresAt)]),
    ],
    action: { label: 'See the invite', url: link },
    after: [alone],
    reason: `You received this mail because somebody invited this address to ${tenantName}. If that means nothing to you, simply ignore it: nothing will happen.`,
  }),

  'invite-reminder': ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: `Your invite to ${tenantName} is about to expire`,
    preheader: `It is valid until ${moment(expiresAt)}.`,
    heading: 'Your invite is still waiting',
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} has invited you to ${tenantName}, and the invite is still open.`
          : `Your invite to ${tenantName} is still open.`,
      ),
      facts(['Valid until', moment(expiresAt)]),
    ],
    action: { label: 'See the invite', url: link },
    after: [alone, 'Would you rather not join? You can decline the invite on the same page.'],
    reason: `You receive this reminder once, because somebody invited this address to ${tenantName}.`,
  }),

  'customer-input-reminder': ({ recipientName, tenantName, missing, reminder, link }) => {
    const things = missing.map((thing) =>
      thing === 'workspace'
        ? 'the spreadsheet that we should connect'
        : 'the token of your marketplace account',
    );
    return {
      subject:
        reminder > 1
          ? `Reminder: ${tenantName} is waiting for you`
          : `One more step for ${tenantName}`,
      preheader: `We still need ${things.join(' and ')}.`,
      heading: 'We need something from you',
      greeting: hello(recipientName),
      passages: [
        text(`The onboarding of ${tenantName} is waiting. What we still need from you:`),
        list(...things),
        text('As soon as you have added it, we will carry on by ourselves.'),
      ],
      action: { label: 'Add it now', url: link },
      after: ['Everything that is already done stays done; there is no deadline.'],
      reason: `You received this mail because you accepted the invite to ${tenantName}.`,
    };
  },

  welcome: ({ recipientName, tenantName, link, workspaceUrl, docsUrl }) => ({
    subject: `${tenantName} is ready`,
    preheader: 'Everything is set up. You can start right away.',
    heading: 'Everything is ready',
    greeting: hello(recipientName),
    passages: [
      text(
        `${tenantName} is set up: your workspace is connected and checked. You can start right away.`,
      ),
      text('Sign in with the account with which you accepted the invite.'),
      ...links(['Your workspace', workspaceUrl], ['A guide to the first steps', docsUrl]),
    ],
    action: { label: `Open ${tenantName}`, url: link },
    after: [],
    reason: `You received this mail because you accepted the invite to ${tenantName}.`,
  }),

  'login-link': ({ recipientName, link, expiresAt }, moment) => ({
    subject: 'Your sign-in link',
    preheader: `It works once, until ${moment(expiresAt)}.`,
    heading: 'Your sign-in link',
    greeting: hello(recipientName),
    passages: [
      text('Here is the link that you asked for. It works once.'),
      facts(['Valid until', moment(expiresAt)]),
    ],
    action: { label: 'Sign in', url: link },
    after: [alone],
    reason:
      'You received this mail because a sign-in link was requested for this address. If that was not you, ignore it: nobody can sign in without the link.',
  }),
};
