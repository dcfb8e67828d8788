import type { TenantNotice } from '../../../contracts/registry';
import { facts, quote, text, type MailTemplates, type TenantMailKind } from './content';

const hello = (name: string | null) => (name ? `Hello ${name},` : 'Hello,');
const because = (tenant: string) =>
  `You get this mail because you are one of those who look after ${tenant}.`;

interface Notice {
  readonly subject: (tenant: string) => string;
  readonly heading: string;
  readonly text: (tenant: string) => string;
}

const notices: Readonly<Record<TenantNotice, Notice>> = {
  activated: {
    subject: (tenant) => `${tenant} is active`,
    heading: 'The trial has become a subscription',
    text: (tenant) => `${tenant} is an active customer from now on. Nothing else changes for you.`,
  },
  suspended: {
    subject: (tenant) => `${tenant} is suspended`,
    heading: 'Access is suspended',
    text: (tenant) =>
      `${tenant} has been suspended: API keys are refused and nobody can sign in. All data are kept. Please get in touch with us.`,
  },
  resumed: {
    subject: (tenant) => `${tenant} is open again`,
    heading: 'The suspension is over',
    text: (tenant) =>
      `${tenant} is open again: API keys work as before, and everybody can sign in.`,
  },
  'trial-ended': {
    subject: (tenant) => `The trial of ${tenant} is over`,
    heading: 'Your trial is over',
    text: (tenant) =>
      `The trial of ${tenant} is over: API keys are refused from now on. All data are kept. To go on, tell us.`,
  },
  cancelled: {
    subject: (tenant) => `${tenant} is cancelled`,
    heading: 'The subscription is cancelled',
    text: (tenant) =>
      `${tenant} is cancelled: API keys are refused from now on. All data are kept, and you can go on seeing them.`,
  },
  archived: {
    subject: (tenant) => `${tenant} is archived`,
    heading: 'The data are archived',
    text: (tenant) => `${tenant} has been archived. The data are kept; to use them again, tell us.`,
  },
  deleted: {
    subject: (tenant) => `${tenant} will be deleted`,
    heading: 'Everything will be deleted',
    text: (tenant) =>
      `${tenant} is closed, and its data will be deleted for good. Until then we can restore it: tell us.`,
  },
  restored: {
    subject: (tenant) => `${tenant} is restored`,
    heading: 'Everything is there again',
    text: (tenant) => `${tenant} has been restored. You can go on where you stopped.`,
  },
};

/** English: the mails about tenants and the products they use. */
export const tenantMails: MailTemplates<TenantMailKind> = {
  'tenant-notice': ({ recipientName, tenantName, change, purgeAt, link }, moment) => ({
    subject: notices[change].subject(tenantName),
    preheader: notices[change].heading,
    heading: notices[change].heading,
    greeting: hello(recipientName),
    passages: [
      text(notices[change].text(tenantName)),
      ...(purgeAt ? [facts(['Can be restored until', moment(purgeAt)])] : []),
    ],
    action: { label: 'Open Usher', url: link },
    after: [],
    reason: because(tenantName),
  }),

  'trial-ending': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `The trial of ${productName ?? tenantName} ends soon`,
    preheader: `It ends on ${moment(endsAt)}.`,
    heading: 'Your trial ends soon',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `The trial of ${productName} for ${tenantName} is about to end. To keep it, tell us in time.`
          : `The trial of ${tenantName} is about to end. To go on without a break, tell us in time.`,
      ),
      facts(['Ends', moment(endsAt)]),
    ],
    action: { label: 'Open Usher', url: link },
    after: ['Your data are kept in any case.'],
    reason: because(tenantName),
  }),

  'trial-ended': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `The trial of ${productName ?? tenantName} is over`,
    preheader: `It ended on ${moment(endsAt)}.`,
    heading: 'Your trial is over',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `The trial of ${productName} for ${tenantName} is over, and it cannot be used any more. To get it back, tell us.`
          : `The trial of ${tenantName} is over. To go on, tell us.`,
      ),
      facts(['Ended', moment(endsAt)]),
    ],
    action: { label: 'Open Usher', url: link },
    after: ['Your data are kept.'],
    reason: because(tenantName),
  }),

  'purge-blocked': ({ tenantName, problemTitle, whatToDo, blockedAt, link }, moment) => ({
    subject: `Purge blocked: ${tenantName} – ${problemTitle}`,
    preheader: whatToDo,
    heading: 'A purge is blocked',
    greeting: null,
    passages: [
      text(
        'The export that comes before it failed. Nothing was deleted. It is tried again by itself.',
      ),
      facts(
        ['Tenant', tenantName],
        ['Problem', problemTitle],
        ['What to do', whatToDo],
        ['Since', moment(blockedAt)],
      ),
    ],
    action: { label: 'Open the tenant', url: link },
    after: [],
    reason: 'You get this mail because you look after tenants.',
  }),

  'catalog-request': ({ tenantName, productName, trial, note, requestedAt, link }, moment) => ({
    subject: trial ? `${tenantName} tries ${productName}` : `${tenantName} asks for ${productName}`,
    preheader: trial ? 'A trial has begun.' : 'Somebody has to decide.',
    heading: trial ? 'A trial has begun' : 'A product is wanted',
    greeting: null,
    passages: [
      facts(['Tenant', tenantName], ['Product', productName], ['Asked', moment(requestedAt)]),
      ...(note ? [text('They wrote:'), quote(note)] : []),
    ],
    action: { label: 'Open the tenant', url: link },
    after: trial
      ? ['The trial ends by itself; it can be extended once.']
      : ['Grant it by setting the entitlement, or decline the request.'],
    reason: 'You get this mail because you look after tenants.',
  }),
};
