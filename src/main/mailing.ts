import type { Tx } from '../platform/db';
import { renderMail } from '../platform/mail/render';
import type { MailData, MailKind } from '../platform/mail/templates/kinds';
import type { MailTransport } from '../platform/mail/transport';
import type { Log } from '../platform/log';
import type { Metrics } from '../platform/metrics';
import type { Mail, MailSender, MailStatus } from '../domain/mails/mails';
import type { OnboardingDeps } from '../domain/onboarding/deps';
import { isStillTrue } from '../domain/tenants/mail-relevance';

type Writers = {
  readonly [K in MailKind]: (mail: Mail, token: string | null) => MailData[K];
};

const text = (mail: Mail, name: string): string => {
  const value = mail.data[name];
  return typeof value === 'string' ? value : '';
};
const maybe = (mail: Mail, name: string): string | null => text(mail, name) || null;
const moment = (mail: Mail, name: string): Date => new Date(text(mail, name) || Date.now());
// Null for a time that has passed: what was to end has ended.
const ahead = (mail: Mail, name: string): Date | null =>
  moment(mail, name).getTime() > Date.now() ? moment(mail, name) : null;

/** What each kind of mail says, from its row and the token of its link. */
function createWriters(publicUrl: string): Writers {
  const invite = (mail: Mail, token: string | null): MailData['invite'] => ({
    recipientName: mail.toName,
    inviterName: maybe(mail, 'inviter_name'),
    tenantName: text(mail, 'tenant_name'),
    link: `${publicUrl}/invite/${token ?? ''}`,
    expiresAt: moment(mail, 'expires_at'),
  });
  const about = (mail: Mail) => ({
    tenantName: text(mail, 'tenant_name'),
    email: text(mail, 'invitee'),
    link: `${publicUrl}/console/onboardings/${mail.onboardingId ?? ''}`,
  });
  const key = (mail: Mail) => ({
    recipientName: mail.toName,
    tenantName: text(mail, 'tenant_name'),
    keyName: text(mail, 'key_name'),
    keyPrefix: text(mail, 'key_prefix'),
    link: `${publicUrl}/docs`,
  });
  const trial = (mail: Mail): MailData['trial-ending'] => ({
    recipientName: mail.toName,
    tenantName: text(mail, 'tenant_name'),
    productName: maybe(mail, 'product'),
    endsAt: moment(mail, 'ends_at'),
    link: `${publicUrl}/onboarding/progress`,
  });
  const tenantPage = (mail: Mail): string =>
    `${publicUrl}/console/tenants/${encodeURIComponent(text(mail, 'tenant_slug'))}`;
  return {
    invite,
    'invite-reminder': invite,
    'invite-expired-notice': (mail) => ({ ...about(mail), expiredAt: moment(mail, 'expired_at') }),
    'invite-declined': (mail) => ({
      ...about(mail),
      reason: maybe(mail, 'reason'),
      declinedAt: moment(mail, 'declined_at'),
    }),
    'new-link-requested': (mail) => ({ ...about(mail), requestedAt: moment(mail, 'requested_at') }),
    'customer-input-reminder': (mail) => ({
      recipientName: mail.toName,
      tenantName: text(mail, 'tenant_name'),
      missing: missing(mail),
      reminder: Number(mail.data['reminder'] ?? 1),
      link: `${publicUrl}/onboarding/progress`,
    }),
    welcome: (mail) => ({
      recipientName: mail.toName,
      tenantName: text(mail, 'tenant_name'),
      link: `${publicUrl}/onboarding/progress`,
    }),
    'login-link': (mail, token) => ({
      recipientName: mail.toName,
      link: `${publicUrl}/login/${token ?? ''}`,
      expiresAt: moment(mail, 'expires_at'),
    }),
    'operator-parked': (mail) => ({
      tenantName: text(mail, 'tenant_name'),
      onboardingId: mail.onboardingId ?? '',
      step: text(mail, 'step'),
      problemCode: text(mail, 'problem'),
      problemTitle: text(mail, 'problem_title'),
      whatToDo: text(mail, 'problem_next'),
      parkedAt: moment(mail, 'parked_at'),
      link: `${publicUrl}/console/onboardings/${mail.onboardingId ?? ''}`,
    }),
    'operator-invite': (mail, token) => ({
      recipientName: mail.toName,
      inviterName: maybe(mail, 'inviter_name'),
      role: text(mail, 'role') as MailData['operator-invite']['role'],
      link: `${publicUrl}/login/${token ?? ''}`,
      expiresAt: moment(mail, 'expires_at'),
    }),
    'key-rotation-reminder': (mail) => ({
      ...key(mail),
      endsAt: moment(mail, 'ends_at'),
      newKeyUsed: mail.data['new_key_used'] === true,
    }),
    'key-rotation-unused': (mail) => ({ ...key(mail), endsAt: ahead(mail, 'ends_at') }),
    'key-rotation-extended': (mail) => ({
      ...key(mail),
      endsAt: moment(mail, 'ends_at'),
      extensionsLeft: Number(mail.data['extensions_left'] ?? 0),
    }),
    'key-rotation-requested': (mail) => ({
      ...key(mail),
      because: text(mail, 'reason') === 'leaked' ? 'leaked' : 'scheduled',
    }),
    'key-leaked': (mail) => ({ ...key(mail), endsAt: ahead(mail, 'ends_at') }),
    'tenant-notice': (mail) => ({
      recipientName: mail.toName,
      tenantName: text(mail, 'tenant_name'),
      change: text(mail, 'change') as MailData['tenant-notice']['change'],
      purgeAt: maybe(mail, 'purge_at') === null ? null : moment(mail, 'purge_at'),
      link: `${publicUrl}/onboarding/progress`,
    }),
    'trial-ending': trial,
    'trial-ended': trial,
    'purge-blocked': (mail) => ({
      tenantName: text(mail, 'tenant_name'),
      problemTitle: text(mail, 'problem_title'),
      whatToDo: text(mail, 'problem_next'),
      blockedAt: moment(mail, 'blocked_at'),
      link: tenantPage(mail),
    }),
    'catalog-request': (mail) => ({
      tenantName: text(mail, 'tenant_name'),
      productName: text(mail, 'product'),
      trial: mail.data['trial'] === true,
      note: maybe(mail, 'note'),
      requestedAt: moment(mail, 'requested_at'),
      link: tenantPage(mail),
    }),
  };
}

function missing(mail: Mail): ('workspace' | 'token')[] {
  const names = Array.isArray(mail.data['missing']) ? (mail.data['missing'] as unknown[]) : [];
  return names.map((name) => (name === 'spreadsheet_id' ? 'workspace' : 'token'));
}

function isKind(kind: string, writers: Writers): kind is MailKind {
  return Object.hasOwn(writers, kind);
}

/** Builds what sends mail rows: rendering, the server, and the last look whether a mail is still wanted. */
export function createMailSender(
  deps: Pick<OnboardingDeps, 'db' | 'ring' | 'config'> & {
    readonly metrics: Metrics;
    readonly log: Log;
    readonly transport: MailTransport;
  },
): MailSender {
  const writers = createWriters(deps.config.PUBLIC_URL);
  return {
    db: deps.db,
    ring: deps.ring,
    stillWanted,
    send: async (mail, token) => {
      if (!isKind(mail.kind, writers)) return { kind: 'refused', reason: 'unknown kind of mail' };
      const rendered = renderMail({
        kind: mail.kind,
        locale: mail.locale,
        data: writers[mail.kind](mail, token),
      });
      return deps.transport.send({
        ...rendered,
        to: { address: mail.toEmail, name: mail.toName },
        messageId: mail.messageId,
      });
    },
    onOutcome: (mail, status) => {
      deps.metrics.mails.inc({ kind: mail.kind, status });
      const failed = failures[status];
      if (failed !== undefined) warnOf(deps.log, mail, failed);
      if (mail.kind !== 'invite') return;
      if (status === 'sent' || status === 'bounced') deps.metrics.invites.inc({ status });
    },
  };
}

const failures: Readonly<Partial<Record<MailStatus, string>>> = {
  due: 'could not be handed over and is tried again',
  sending: 'was cut off on its way and is repeated once',
  uncertain: 'may have arrived or not',
  bounced: 'was refused for good',
};

// The address stands in the row only; the code of the mail server is there as well.
function warnOf(log: Log, mail: Mail, failed: string): void {
  const { id, kind, tenantId, onboardingId } = mail;
  const about = { 'tenant.id': tenantId, 'onboarding.id': onboardingId };
  log.warn(
    { 'mail.id': id, 'mail.kind': kind, ...about, client_id: tenantId, job_id: onboardingId },
    `A mail of kind ${kind} ${failed}`,
  );
}

// Without `key-leaked`: what is not sent now never is, and whoever holds a leaked key has to learn of it.
const toCustomers = [
  'invite',
  'invite-reminder',
  'customer-input-reminder',
  'welcome',
  'key-rotation-reminder',
  'key-rotation-unused',
  'key-rotation-extended',
  'key-rotation-requested',
  'trial-ending',
  'trial-ended',
];
const closedStatuses = ['suspended', 'archived', 'deleted', 'purging'];

/**
 * A mail whose link was replaced, whose invite is closed, or to the customer of a tenant that is suspended is not sent
 * any more. What staff are told stays true: a declined invite frees its tenant, and its sender still hears of it.
 */
async function stillWanted(tx: Tx, mail: Mail): Promise<boolean> {
  if (mail.tenantId && toCustomers.includes(mail.kind)) {
    const tenant = await tx.maybe<{ status: string }>('select status from tenants where id = $1', [
      mail.tenantId,
    ]);
    if (tenant && closedStatuses.includes(tenant.status)) return false;
  }
  if (!(await isStillTrue(tx, mail))) return false;
  if (mail.inviteTokenId === null) return true;
  const open = await tx.maybe(
    `select 1 from invite_tokens as t join invites as i on i.id = t.invite_id
     where t.id = $1 and t.superseded_at is null and i.status = 'invited' and i.expires_at > now()`,
    [mail.inviteTokenId],
  );
  return open !== undefined;
}
