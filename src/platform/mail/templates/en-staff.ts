import { facts, quote, text, type MailTemplates, type StaffMailKind } from './content';
import type { StaffRole } from './kinds';

const roles: Readonly<Record<StaffRole, string>> = {
  owner: 'owner',
  admin: 'admin',
  operator: 'operator',
  support: 'support',
  auditor: 'auditor',
};
const inviter = 'You received this mail because you sent this invite.';

/** English: the mails that operators and inviters read. */
export const staffMails: MailTemplates<StaffMailKind> = {
  'invite-expired-notice': ({ tenantName, email, expiredAt, link }, moment) => ({
    subject: `Your invite to ${tenantName} has expired`,
    preheader: `${email} has not accepted it.`,
    heading: 'Your invite has expired',
    greeting: null,
    passages: [
      text('The invite was not accepted in time. You can send it again; it then gets a new link.'),
      facts(['Invited', email], ['Tenant', tenantName], ['Expired', moment(expiredAt)]),
    ],
    action: { label: 'View the invite', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-parked': (data, moment) => ({
    subject: `Parked: ${data.tenantName} at ${data.step} – ${data.problemTitle}`,
    preheader: data.whatToDo,
    heading: 'An onboarding is parked',
    greeting: null,
    passages: [
      text(
        'A step failed for good. The onboarding waits for an order: retry, fix, skip, roll back or cancel.',
      ),
      facts(
        ['Tenant', data.tenantName],
        ['Step', data.step],
        ['Problem', `${data.problemTitle} (${data.problemCode})`],
        ['What to do', data.whatToDo],
        ['Parked since', moment(data.parkedAt)],
        ['Onboarding', data.onboardingId],
      ),
    ],
    action: { label: 'Open the onboarding', url: data.link },
    after: ['The customer sees only that we are on it.'],
    reason: 'You received this mail because you look after onboardings.',
  }),

  'new-link-requested': ({ tenantName, email, requestedAt, link }, moment) => ({
    subject: `New link requested for ${tenantName}`,
    preheader: `${email} has an old link and is asking for a new one.`,
    heading: 'Somebody is asking for a new link',
    greeting: null,
    passages: [
      text(
        'Somebody opened an old link to your invite and is asking for a new one. If you send the invite again, a new link goes to the same address.',
      ),
      facts(['Invited', email], ['Tenant', tenantName], ['Asked', moment(requestedAt)]),
    ],
    action: { label: 'View the invite', url: link },
    after: [],
    reason: inviter,
  }),

  'invite-declined': ({ tenantName, email, reason, declinedAt, link }, moment) => ({
    subject: `Your invite to ${tenantName} was declined`,
    preheader: `${email} declined it.`,
    heading: 'Your invite was declined',
    greeting: null,
    passages: [
      facts(['Invited', email], ['Tenant', tenantName], ['Declined', moment(declinedAt)]),
      ...(reason ? [text('The reason given:'), quote(reason)] : [text('No reason was given.')]),
    ],
    action: { label: 'View the invite', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-invite': ({ recipientName, inviterName, role, link, expiresAt }, moment) => ({
    subject: 'Your access to Usher',
    preheader: `Set it up by ${moment(expiresAt)}.`,
    heading: 'Your access to Usher',
    greeting: recipientName ? `Hello ${recipientName},` : 'Hello,',
    passages: [
      text(
        inviterName
          ? `${inviterName} gives you access to Usher. Open the link to set it up.`
          : 'You have been given access to Usher. Open the link to set it up.',
      ),
      facts(['Role', roles[role]], ['Valid until', moment(expiresAt)]),
    ],
    action: { label: 'Set up your access', url: link },
    after: ['The link works once and is meant for you alone. Please do not forward it.'],
    reason:
      'You received this mail because an administrator entered this address. If that means nothing to you, simply ignore it.',
  }),
};
