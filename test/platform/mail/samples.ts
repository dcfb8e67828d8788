import type { MailData, MailKind } from '../../../src/platform/mail/templates/kinds';

const expiresAt = new Date('2026-11-28T14:05:00Z');
const link = 'https://usher.example/invite/tGx5uV0m1c4qkQ9bYw2rN8sJ6eHd3aLfZpTiKoRyWvM';
const inviteLink = 'https://usher.example/console/onboardings/0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa';
const names = { recipientName: 'Mara Lund', tenantName: 'Nordlicht Handel GmbH' };
const aboutInvite = {
  tenantName: names.tenantName,
  email: 'mara@nordlicht.example',
  link: inviteLink,
};

const aboutKey = {
  ...names,
  keyName: 'Shop backend',
  keyPrefix: 'ush_live_4fT9bXq2',
  link: 'https://usher.example/docs',
};

/** One mail of each kind, with everything that it can say. */
export const mailSamples: { readonly [Kind in MailKind]: MailData[Kind] } = {
  invite: { ...names, inviterName: 'Anna Berg', link, expiresAt },
  'invite-reminder': { ...names, inviterName: 'Anna Berg', link, expiresAt },
  'invite-expired-notice': { ...aboutInvite, expiredAt: expiresAt },
  'customer-input-reminder': {
    ...names,
    missing: ['workspace', 'token'],
    reminder: 2,
    link: 'https://usher.example/onboarding/progress',
  },
  welcome: {
    ...names,
    link: 'https://usher.example/',
    workspaceUrl: 'https://docs.example/d/1',
    docsUrl: 'https://usher.example/docs',
  },
  'login-link': {
    recipientName: 'Mara Lund',
    link: 'https://usher.example/login/tGx5uV0m1c4qkQ9bYw2rN8sJ6eHd3aLfZpTiKoRyWvM',
    expiresAt,
  },
  'operator-parked': {
    tenantName: names.tenantName,
    onboardingId: '0193f4c2-7a10-7c55-9a3e-51d6f0b7c2aa',
    step: 'backend-compat.verify',
    problemCode: 'connector-refused',
    problemTitle: 'The backend refused the step',
    whatToDo: 'Check the token with the customer, then order a fix with the new one.',
    parkedAt: expiresAt,
    link: inviteLink,
  },
  'new-link-requested': { ...aboutInvite, requestedAt: expiresAt },
  'invite-declined': {
    ...aboutInvite,
    reason: 'We have decided otherwise.\nThank you all the same.',
    declinedAt: expiresAt,
  },
  'operator-invite': {
    recipientName: 'Mara Lund',
    inviterName: 'Anna Berg',
    role: 'support',
    link,
    expiresAt,
  },
  'key-rotation-reminder': { ...aboutKey, endsAt: expiresAt, newKeyUsed: false },
  'key-rotation-unused': { ...aboutKey, endsAt: expiresAt },
  'key-rotation-extended': { ...aboutKey, endsAt: expiresAt, extensionsLeft: 2 },
  'key-rotation-requested': { ...aboutKey, because: 'scheduled' },
  'key-leaked': { ...aboutKey, endsAt: null },
  'tenant-notice': {
    ...names,
    change: 'deleted',
    purgeAt: expiresAt,
    link: 'https://usher.example/onboarding/progress',
  },
  'trial-ending': {
    ...names,
    productName: 'Repricing',
    endsAt: expiresAt,
    link: 'https://usher.example/onboarding/progress',
  },
  'trial-ended': {
    ...names,
    productName: null,
    endsAt: expiresAt,
    link: 'https://usher.example/onboarding/progress',
  },
  'purge-blocked': {
    tenantName: names.tenantName,
    problemTitle: 'There is no place for exports',
    whatToDo: 'Set TENANT_EXPORT_DIR to a directory that is backed up.',
    blockedAt: expiresAt,
    link: 'https://usher.example/console/tenants/nordlicht',
  },
  'catalog-request': {
    tenantName: names.tenantName,
    productName: 'Repricing',
    trial: false,
    note: 'For our two shops.\nFrom May on, please.',
    requestedAt: expiresAt,
    link: 'https://usher.example/console/tenants/nordlicht',
  },
};
