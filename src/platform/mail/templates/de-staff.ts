import { facts, quote, text, type MailTemplates, type StaffMailKind } from './content';
import type { StaffRole } from './kinds';

const roles: Readonly<Record<StaffRole, string>> = {
  owner: 'Inhaber (owner)',
  admin: 'Administration (admin)',
  operator: 'Betrieb (operator)',
  support: 'Support (support)',
  auditor: 'Prüfung (auditor)',
};
const inviter = 'Sie erhalten diese E-Mail, weil Sie diese Einladung verschickt haben.';

/** German: the mails that operators and inviters read. */
export const staffMails: MailTemplates<StaffMailKind> = {
  'invite-expired-notice': ({ tenantName, email, expiredAt, link }, moment) => ({
    subject: `Ihre Einladung zu ${tenantName} ist abgelaufen`,
    preheader: `${email} hat sie nicht angenommen.`,
    heading: 'Ihre Einladung ist abgelaufen',
    greeting: null,
    passages: [
      text(
        'Die Einladung wurde nicht rechtzeitig angenommen. Sie können sie erneut senden; sie erhält dann einen neuen Link.',
      ),
      facts(['Eingeladen', email], ['Tenant', tenantName], ['Abgelaufen', moment(expiredAt)]),
    ],
    action: { label: 'Einladung ansehen', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-parked': (data, moment) => ({
    subject: `Geparkt: ${data.tenantName} bei ${data.step} – ${data.problemTitle}`,
    preheader: data.whatToDo,
    heading: 'Ein Onboarding ist geparkt',
    greeting: null,
    passages: [
      text(
        'Ein Schritt ist endgültig fehlgeschlagen. Das Onboarding wartet auf einen Auftrag: wiederholen, korrigieren, überspringen, zurückrollen oder abbrechen.',
      ),
      facts(
        ['Tenant', data.tenantName],
        ['Schritt', data.step],
        ['Problem', `${data.problemTitle} (${data.problemCode})`],
        ['Was zu tun ist', data.whatToDo],
        ['Geparkt seit', moment(data.parkedAt)],
        ['Onboarding', data.onboardingId],
      ),
    ],
    action: { label: 'Onboarding öffnen', url: data.link },
    after: ['Der Kunde sieht nur, dass wir uns darum kümmern.'],
    reason: 'Sie erhalten diese E-Mail, weil Sie Onboardings betreuen.',
  }),

  'new-link-requested': ({ tenantName, email, requestedAt, link }, moment) => ({
    subject: `Neuer Link gewünscht für ${tenantName}`,
    preheader: `${email} hat einen alten Link und bittet um einen neuen.`,
    heading: 'Jemand bittet um einen neuen Link',
    greeting: null,
    passages: [
      text(
        'Jemand hat einen alten Link Ihrer Einladung geöffnet und bittet um einen neuen. Wenn Sie die Einladung erneut senden, geht ein neuer Link an dieselbe Adresse.',
      ),
      facts(['Eingeladen', email], ['Tenant', tenantName], ['Angefragt', moment(requestedAt)]),
    ],
    action: { label: 'Einladung ansehen', url: link },
    after: [],
    reason: inviter,
  }),

  'invite-declined': ({ tenantName, email, reason, declinedAt, link }, moment) => ({
    subject: `Ihre Einladung zu ${tenantName} wurde abgelehnt`,
    preheader: `${email} hat sie abgelehnt.`,
    heading: 'Ihre Einladung wurde abgelehnt',
    greeting: null,
    passages: [
      facts(['Eingeladen', email], ['Tenant', tenantName], ['Abgelehnt', moment(declinedAt)]),
      ...(reason
        ? [text('Der angegebene Grund:'), quote(reason)]
        : [text('Ein Grund wurde nicht angegeben.')]),
    ],
    action: { label: 'Einladung ansehen', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-invite': ({ recipientName, inviterName, role, link, expiresAt }, moment) => ({
    subject: 'Ihr Zugang zu Usher',
    preheader: `Richten Sie ihn ein bis ${moment(expiresAt)}.`,
    heading: 'Ihr Zugang zu Usher',
    greeting: recipientName ? `Guten Tag ${recipientName},` : 'Guten Tag,',
    passages: [
      text(
        inviterName
          ? `${inviterName} gibt Ihnen Zugang zu Usher. Öffnen Sie den Link, um ihn einzurichten.`
          : 'Sie haben Zugang zu Usher erhalten. Öffnen Sie den Link, um ihn einzurichten.',
      ),
      facts(['Rolle', roles[role]], ['Gültig bis', moment(expiresAt)]),
    ],
    action: { label: 'Zugang einrichten', url: link },
    after: [
      'Der Link funktioniert einmal und ist nur für Sie bestimmt. Bitte leiten Sie ihn nicht weiter.',
    ],
    reason:
      'Sie erhalten diese E-Mail, weil diese Adresse von der Administration eingetragen wurde. Wenn Sie damit nichts anfangen können, ignorieren Sie sie einfach.',
  }),
};
