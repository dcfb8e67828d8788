import type { TenantNotice } from '../../../contracts/registry';

/** What the mail of each kind is about. Names are printed as they are given, cleaned and escaped. */
export interface MailData {
  /** To the customer: the invite's first mail, and each one after a resend. */
  invite: InviteMail;
  /** To the customer: 48 hours before the invite expires. */
  'invite-reminder': InviteMail;
  /** To the inviter: nobody accepted in time. */
  'invite-expired-notice': AboutInvite & { expiredAt: Date };
  /** To the customer: the onboarding waits for the workspace or the token; `reminder` counts from 1. */
  'customer-input-reminder': {
    recipientName: string | null;
    tenantName: string;
    missing: readonly ('workspace' | 'token')[];
    reminder: number;
    link: string;
  };
  /** To the customer: the tenant is active. Links that are missing are left out. */
  welcome: {
    recipientName: string | null;
    tenantName: string;
    link: string;
    workspaceUrl?: string | null;
    docsUrl?: string | null;
  };
  /** To a person who asked to sign in without a password. */
  'login-link': { recipientName: string | null; link: string; expiresAt: Date };
  /** To the operators: an onboarding stands still until one of them orders what to do. */
  'operator-parked': {
    tenantName: string;
    onboardingId: string;
    step: string;
    problemCode: string;
    problemTitle: string;
    whatToDo: string;
    parkedAt: Date;
    link: string;
  };
  /** To the inviter: somebody holding an old link asked for a new one. */
  'new-link-requested': AboutInvite & { requestedAt: Date };
  /** To the inviter. */
  'invite-declined': AboutInvite & { reason: string | null; declinedAt: Date };
  /** To a future member of staff. */
  'operator-invite': {
    recipientName: string | null;
    inviterName: string | null;
    role: StaffRole;
    link: string;
    expiresAt: Date;
  };
  /** To whoever looks after a key: its end by a rotation comes near. */
  'key-rotation-reminder': AboutKey & { endsAt: Date; newKeyUsed: boolean };
  /** The same: the new key of a rotation was never used; without a time the old one has ended. */
  'key-rotation-unused': AboutKey & { endsAt: Date | null };
  /** The same: the old key got more time, because it is still in use. */
  'key-rotation-extended': AboutKey & { endsAt: Date; extensionsLeft: number };
  /** The same: a key is to be rotated, and waits for them to do it. */
  'key-rotation-requested': AboutKey & { because: 'scheduled' | 'leaked' };
  /** The same: a key was reported as leaked; without a time it is revoked already. */
  'key-leaked': AboutKey & { endsAt: Date | null };
  /** To a tenant's owners and admins: its status has changed. */
  'tenant-notice': {
    recipientName: string | null;
    tenantName: string;
    change: TenantNotice;
    /** Until when a deleted tenant can be restored. */
    purgeAt: Date | null;
    link: string;
  };
  /** To the same: a trial ends in three days; of the tenant itself, or of a product. */
  'trial-ending': TrialMail;
  /** To the same: a trial is over. */
  'trial-ended': TrialMail;
  /** To the operators: a tenant cannot be purged, since it could not be exported. */
  'purge-blocked': {
    tenantName: string;
    problemTitle: string;
    whatToDo: string;
    blockedAt: Date;
    link: string;
  };
  /** To the operators: a tenant asks for a product, or has begun a trial of it. */
  'catalog-request': {
    tenantName: string;
    productName: string;
    trial: boolean;
    note: string | null;
    requestedAt: Date;
    link: string;
  };
}

/** What mails about a trial say. */
export interface TrialMail {
  recipientName: string | null;
  tenantName: string;
  /** Null for the trial of the tenant itself. */
  productName: string | null;
  endsAt: Date;
  link: string;
}

/** One of the kinds of mail that Usher writes. */
export type MailKind = keyof MailData;

/** The platform roles that staff are invited to. */
export type StaffRole = 'owner' | 'admin' | 'operator' | 'support' | 'auditor';

/** What an invite's own mails say. */
export interface InviteMail {
  recipientName: string | null;
  inviterName: string | null;
  tenantName: string;
  link: string;
  expiresAt: Date;
}

/** What mails to an inviter say about one invite; `link` leads to it. */
export interface AboutInvite {
  tenantName: string;
  email: string;
  link: string;
}

/** What mails about an API key say of it; `link` leads to the description of the API. */
export interface AboutKey {
  recipientName: string | null;
  tenantName: string;
  keyName: string;
  /** The tag and the first 8 characters, as lists show it. */
  keyPrefix: string;
  link: string;
}
