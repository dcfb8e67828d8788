import { facts, links, list, text, type CustomerMailKind, type MailTemplates } from './content';

const hello = (name: string | null) => (name ? `Guten Tag ${name},` : 'Guten Tag,');
const alone = 'Der Link ist nur für Sie bestimmt. Bitte leiten Sie ihn nicht weiter.';

/** German: the mails that customers read. */
export const customerMails: MailTemplates<CustomerMailKind> = {
  invite: ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: inviterName
      ? `${inviterName} lädt Sie zu ${tenantName} ein`
      : `Sie sind zu ${tenantName} eingeladen`,
    preheader: `Gültig bis ${moment(expiresAt)}. Für Sie dauert es etwa zwei Minuten.`,
    heading: `Sie sind zu ${tenantName} eingeladen`,
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} lädt Sie zu ${tenantName} ein. Nehmen Sie die Einladung an, und wir richten alles für Sie ein.`
          : `Sie sind zu ${tenantName} eingeladen. Nehmen Sie die Einladung an, und wir richten alles für Sie ein.`,
      ),
      facts(['Gültig bis', moment(expiresAt)]),
    ],
    action: { label: 'Einladung ansehen', url: link },
    after: [alone],
    reason: `Sie erhalten diese E-Mail, weil jemand diese Adresse zu ${tenantName} eingeladen hat. Wenn Sie damit nichts anfangen können, ignorieren Sie sie einfach: Es passiert dann nichts.`,
  }),

  'invite-reminder': ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: `Ihre Einladung zu ${tenantName} läuft bald ab`,
    preheader: `Sie gilt bis ${moment(expiresAt)}.`,
    heading: 'Ihre Einladung wartet noch auf Sie',
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} hat Sie zu ${tenantName} eingeladen, und die Einladung ist noch offen.`
          : `Ihre Einladung zu ${tenantName} ist noch offen.`,
      ),
      facts(['Gültig bis', moment(expiresAt)]),
    ],
    action: { label: 'Einladung ansehen', url: link },
    after: [alone, 'Sie möchten nicht dabei sein? Auf derselben Seite können Sie ablehnen.'],
    reason: `Sie erhalten diese Erinnerung einmalig, weil jemand diese Adresse zu ${tenantName} eingeladen hat.`,
  }),

  'customer-input-reminder': ({ recipientName, tenantName, missing, reminder, link }) => {
    const things = missing.map((thing) =>
      thing === 'workspace'
        ? 'die Tabelle, die wir verbinden sollen'
        : 'der Token Ihres Marktplatz-Kontos',
    );
    return {
      subject:
        reminder > 1
          ? `Erinnerung: ${tenantName} wartet auf Sie`
          : `Noch ein Schritt für ${tenantName}`,
      preheader: `Es fehlt noch: ${things.join(' und ')}.`,
      heading: 'Wir brauchen etwas von Ihnen',
      greeting: hello(recipientName),
      passages: [
        text(`das Onboarding von ${tenantName} wartet auf Sie. Es fehlt noch:`),
        list(...things),
        text('Sobald das erledigt ist, machen wir von selbst weiter.'),
      ],
      action: { label: 'Jetzt ergänzen', url: link },
      after: ['Was bereits erledigt ist, bleibt erledigt; eine Frist gibt es nicht.'],
      reason: `Sie erhalten diese E-Mail, weil Sie die Einladung zu ${tenantName} angenommen haben.`,
    };
  },

  welcome: ({ recipientName, tenantName, link, workspaceUrl, docsUrl }) => ({
    subject: `${tenantName} ist bereit`,
    preheader: 'Alles ist eingerichtet. Sie können sofort loslegen.',
    heading: 'Alles ist bereit',
    greeting: hello(recipientName),
    passages: [
      text(
        `${tenantName} ist eingerichtet: Ihr Arbeitsbereich ist verbunden und geprüft. Sie können sofort loslegen.`,
      ),
      text('Melden Sie sich mit dem Konto an, mit dem Sie die Einladung angenommen haben.'),
      ...links(
        ['Ihr Arbeitsbereich', workspaceUrl],
        ['Die Anleitung für die ersten Schritte', docsUrl],
      ),
    ],
    action: { label: `${tenantName} öffnen`, url: link },
    after: [],
    reason: `Sie erhalten diese E-Mail, weil Sie die Einladung zu ${tenantName} angenommen haben.`,
  }),

  'login-link': ({ recipientName, link, expiresAt }, moment) => ({
    subject: 'Ihr Anmeldelink',
    preheader: `Er funktioniert einmal, bis ${moment(expiresAt)}.`,
    heading: 'Ihr Anmeldelink',
    greeting: hello(recipientName),
    passages: [
      text('hier ist der Link, den Sie angefordert haben. Er funktioniert einmal.'),
      facts(['Gültig bis', moment(expiresAt)]),
    ],
    action: { label: 'Anmelden', url: link },
    after: [alone],
    reason:
      'Sie erhalten diese E-Mail, weil für diese Adresse ein Anmeldelink angefordert wurde. Wenn Sie das nicht waren, ignorieren Sie sie: Ohne den Link kann sich niemand anmelden.',
  }),
};
