import type { TenantNotice } from '../../../contracts/registry';
import { facts, quote, text, type MailTemplates, type TenantMailKind } from './content';

const hello = (name: string | null) => (name ? `Guten Tag ${name},` : 'Guten Tag,');
const because = (tenant: string) =>
  `Sie betreuen ${tenant} mit, deshalb erhalten Sie diese E-Mail.`;

interface Notice {
  readonly subject: (tenant: string) => string;
  readonly heading: string;
  readonly text: (tenant: string) => string;
}

const notices: Readonly<Record<TenantNotice, Notice>> = {
  activated: {
    subject: (tenant) => `${tenant} ist aktiv`,
    heading: 'Aus dem Test ist ein Abonnement geworden',
    text: (tenant) => `${tenant} ist ab jetzt aktiver Kunde. Sonst ändert sich für Sie nichts.`,
  },
  suspended: {
    subject: (tenant) => `${tenant} ist gesperrt`,
    heading: 'Der Zugang ist gesperrt',
    text: (tenant) =>
      `${tenant} wurde gesperrt: API-Schlüssel werden abgelehnt, und niemand kann sich anmelden. Alle Daten bleiben erhalten. Bitte melden Sie sich bei uns.`,
  },
  resumed: {
    subject: (tenant) => `${tenant} ist wieder offen`,
    heading: 'Die Sperre ist aufgehoben',
    text: (tenant) =>
      `${tenant} ist wieder offen: API-Schlüssel gelten wie zuvor, und alle können sich anmelden.`,
  },
  'trial-ended': {
    subject: (tenant) => `Die Testzeit von ${tenant} ist vorbei`,
    heading: 'Ihre Testzeit ist vorbei',
    text: (tenant) =>
      `Die Testzeit von ${tenant} ist vorbei: API-Schlüssel werden ab jetzt abgelehnt. Alle Daten bleiben erhalten. Wenn es weitergehen soll, sagen Sie uns Bescheid.`,
  },
  cancelled: {
    subject: (tenant) => `${tenant} ist gekündigt`,
    heading: 'Das Abonnement ist gekündigt',
    text: (tenant) =>
      `${tenant} ist gekündigt: API-Schlüssel werden ab jetzt abgelehnt. Alle Daten bleiben erhalten, und Sie können sie weiterhin ansehen.`,
  },
  archived: {
    subject: (tenant) => `${tenant} ist archiviert`,
    heading: 'Die Daten sind archiviert',
    text: (tenant) =>
      `${tenant} wurde archiviert. Die Daten bleiben erhalten; wenn Sie sie wieder brauchen, sagen Sie uns Bescheid.`,
  },
  deleted: {
    subject: (tenant) => `${tenant} wird gelöscht`,
    heading: 'Alles wird gelöscht',
    text: (tenant) =>
      `${tenant} ist geschlossen, und die Daten werden endgültig gelöscht. Bis dahin können wir alles wiederherstellen: Sagen Sie uns Bescheid.`,
  },
  restored: {
    subject: (tenant) => `${tenant} ist wiederhergestellt`,
    heading: 'Alles ist wieder da',
    text: (tenant) =>
      `${tenant} wurde wiederhergestellt. Sie können weitermachen, wo Sie aufgehört haben.`,
  },
};

/** German: the mails about tenants and the products they use. */
export const tenantMails: MailTemplates<TenantMailKind> = {
  'tenant-notice': ({ recipientName, tenantName, change, purgeAt, link }, moment) => ({
    subject: notices[change].subject(tenantName),
    preheader: notices[change].heading,
    heading: notices[change].heading,
    greeting: hello(recipientName),
    passages: [
      text(notices[change].text(tenantName)),
      ...(purgeAt ? [facts(['Wiederherstellbar bis', moment(purgeAt)])] : []),
    ],
    action: { label: 'Usher öffnen', url: link },
    after: [],
    reason: because(tenantName),
  }),

  'trial-ending': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `Die Testzeit von ${productName ?? tenantName} endet bald`,
    preheader: `Sie endet am ${moment(endsAt)}.`,
    heading: 'Ihre Testzeit endet bald',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `Die Testzeit von ${productName} für ${tenantName} geht zu Ende. Wenn Sie es behalten möchten, sagen Sie uns rechtzeitig Bescheid.`
          : `Die Testzeit von ${tenantName} geht zu Ende. Wenn es ohne Pause weitergehen soll, sagen Sie uns rechtzeitig Bescheid.`,
      ),
      facts(['Endet', moment(endsAt)]),
    ],
    action: { label: 'Usher öffnen', url: link },
    after: ['Ihre Daten bleiben in jedem Fall erhalten.'],
    reason: because(tenantName),
  }),

  'trial-ended': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `Die Testzeit von ${productName ?? tenantName} ist vorbei`,
    preheader: `Sie endete am ${moment(endsAt)}.`,
    heading: 'Ihre Testzeit ist vorbei',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `Die Testzeit von ${productName} für ${tenantName} ist vorbei, und es kann nicht mehr genutzt werden. Wenn Sie es zurückhaben möchten, sagen Sie uns Bescheid.`
          : `Die Testzeit von ${tenantName} ist vorbei. Wenn es weitergehen soll, sagen Sie uns Bescheid.`,
      ),
      facts(['Endete', moment(endsAt)]),
    ],
    action: { label: 'Usher öffnen', url: link },
    after: ['Ihre Daten bleiben erhalten.'],
    reason: because(tenantName),
  }),

  'purge-blocked': ({ tenantName, problemTitle, whatToDo, blockedAt, link }, moment) => ({
    subject: `Löschung blockiert: ${tenantName} – ${problemTitle}`,
    preheader: whatToDo,
    heading: 'Eine endgültige Löschung ist blockiert',
    greeting: null,
    passages: [
      text(
        'Der Export, der ihr vorausgeht, ist fehlgeschlagen. Gelöscht wurde nichts. Er wird von selbst wiederholt.',
      ),
      facts(
        ['Tenant', tenantName],
        ['Problem', problemTitle],
        ['Was zu tun ist', whatToDo],
        ['Seit', moment(blockedAt)],
      ),
    ],
    action: { label: 'Tenant öffnen', url: link },
    after: [],
    reason: 'Sie erhalten diese E-Mail, weil Sie Tenants betreuen.',
  }),

  'catalog-request': ({ tenantName, productName, trial, note, requestedAt, link }, moment) => ({
    subject: trial ? `${tenantName} testet ${productName}` : `${tenantName} möchte ${productName}`,
    preheader: trial ? 'Ein Test hat begonnen.' : 'Jemand muss entscheiden.',
    heading: trial ? 'Ein Test hat begonnen' : 'Ein Produkt ist gewünscht',
    greeting: null,
    passages: [
      facts(['Tenant', tenantName], ['Produkt', productName], ['Angefragt', moment(requestedAt)]),
      ...(note ? [text('Dazu schreiben sie:'), quote(note)] : []),
    ],
    action: { label: 'Tenant öffnen', url: link },
    after: trial
      ? ['Der Test endet von selbst; er kann einmal verlängert werden.']
      : ['Gewähren Sie es, indem Sie die Berechtigung setzen, oder lehnen Sie die Anfrage ab.'],
    reason: 'Sie erhalten diese E-Mail, weil Sie Tenants betreuen.',
  }),
};
