import { html } from '../../../src/platform/html';
import { counted } from '../../../src/platform/locale';
import type { OutcomeMessages } from './shape';

/** German: the pages that tell one thing, and the login link's page. */
export const outcomes: OutcomeMessages = {
  notices: {
    'invite-not-found': {
      heading: 'Diesen Link kennen wir nicht',
      text: 'Vielleicht wurde er nicht vollständig kopiert. Bitte öffnen Sie ihn noch einmal direkt aus der E-Mail, oder bitten Sie die Person, die Sie eingeladen hat, um eine neue Einladung.',
    },
    'link-needed': {
      heading: 'Bitte öffnen Sie den Link aus Ihrer E-Mail',
      text: 'Zu Ihrer Sicherheit bleibt der Link nicht in der Adresszeile stehen. Öffnen Sie ihn noch einmal aus der E-Mail, und Sie sind wieder an derselben Stelle.',
    },
    'already-used': {
      heading: 'Diese Einladung wurde bereits angenommen',
      text: 'Jeder Link funktioniert nur einmal. Von hier aus geht es direkt weiter.',
    },
    expired: {
      heading: 'Diese Einladung ist abgelaufen',
      text: 'Einladungen gelten nur für eine begrenzte Zeit.',
    },
    revoked: {
      heading: 'Diese Einladung wurde zurückgezogen',
      text: 'Der Absender hat sie zurückgezogen. Wenn Sie damit nicht gerechnet haben, sprechen Sie bitte die Person an, die Sie eingeladen hat.',
    },
    superseded: {
      heading: 'Es gibt einen neueren Link',
      text: 'Bitte verwenden Sie den Link aus der neuesten E-Mail. Sehen Sie auch in Ihrem Spam-Ordner nach.',
    },
    'already-declined': {
      heading: 'Diese Einladung wurde abgelehnt',
      text: 'Der Link funktioniert nicht mehr. Wenn Sie es sich anders überlegt haben, fordern Sie einen neuen an.',
    },
    declined: {
      heading: 'Sie haben die Einladung abgelehnt',
      text: 'Wir teilen es dem Absender mit. Sie müssen nichts weiter tun und können diese Seite schließen.',
    },
    'new-link-requested': {
      heading: 'Wir haben Ihre Anfrage notiert',
      text: 'Wenn sich die Einladung noch erneuern lässt, haben wir den Absender benachrichtigt. Er kann Ihnen einen neuen Link senden. Sie können diese Seite schließen.',
    },
    'tenant-not-open': {
      heading: 'Diese Einladung lässt sich derzeit nicht annehmen',
      text: 'Der Zugang ist im Moment geschlossen. Ihre Einladung geht nicht verloren. Bitte versuchen Sie es später noch einmal, oder sprechen Sie die Person an, die Sie eingeladen hat.',
    },
    'wrong-account': {
      heading: 'Diese Einladung gilt für ein anderes Konto',
      text: 'Melden Sie sich hier ab, und wir führen Sie zur Einladung zurück.',
    },
    'too-many-tries': {
      heading: 'Das war etwas zu oft',
      text: 'Zum Schutz der Konten ist die Zahl der Versuche begrenzt. An Ihrer Einladung ändert das nichts.',
    },
    'invalid-form': {
      heading: 'Dieses Formular ist nicht mehr gültig',
      text: 'Wahrscheinlich war die Seite lange geöffnet. Es wurde nichts geändert. Öffnen Sie sie neu, und senden Sie das Formular noch einmal ab.',
    },
    'login-link-invalid': {
      heading: 'Dieser Anmeldelink funktioniert nicht mehr',
      text: 'Jeder Link funktioniert nur einmal und nur für kurze Zeit. Bitte fordern Sie bei der Anmeldung einen neuen an.',
    },
    'login-link-sent': {
      heading: 'Sehen Sie in Ihr Postfach',
      text: 'Wenn es zu dieser Adresse ein Konto gibt, ist ein Anmeldelink unterwegs. Öffnen Sie ihn auf diesem Gerät, und Sie kommen an dieselbe Stelle zurück.',
    },
    'session-needed': {
      heading: 'Bitte melden Sie sich an, um den Stand zu sehen',
      text: 'Öffnen Sie noch einmal den Link aus Ihrer letzten E-Mail, oder melden Sie sich mit Ihrem Konto an. Es ist nichts verloren: Es geht dort weiter, wo es stand.',
    },
    'signed-in': {
      heading: 'Sie sind angemeldet',
      text: 'Melden Sie sich ab, wenn Sie fertig sind und auch andere dieses Gerät benutzen.',
    },
    'terms-unpublished': {
      heading: 'Nutzungsbedingungen',
      text: 'Der Betreiber dieses Dienstes hat seine Nutzungsbedingungen hier noch nicht veröffentlicht. Bitte fragen Sie die Person danach, die Sie eingeladen hat.',
    },
    problem: {
      heading: 'Bei uns ist etwas schiefgegangen',
      text: 'Ihre Eingabe ist möglicherweise nicht angekommen. Bitte versuchen Sie es gleich noch einmal; doppelt abzusenden schadet nicht.',
    },
  },
  expiredAt: (at) => html`Diese war gültig bis ${at}.`,
  supersededAt: (at) => html`Ein neuerer Link wurde Ihnen gesendet: ${at}.`,
  declinedFor: (tenant) => html`Die Einladung zu ${tenant} ist damit geschlossen.`,
  wrongAccount: (email) =>
    html`Sie sind mit einem anderen Konto angemeldet. Die Einladung ging an ${email}.`,
  retryAfter: (seconds) =>
    seconds < 60
      ? 'Bitte versuchen Sie es in weniger als einer Minute noch einmal.'
      : `Bitte versuchen Sie es in ${counted(Math.ceil(seconds / 60), 'de', { one: 'Minute', other: 'Minuten' })} noch einmal.`,
  requestText:
    'Sie möchten weiterhin dabei sein? Fordern Sie einen neuen Link an: Wir benachrichtigen den Absender, und er kann Ihnen einen senden.',
  requestButton: 'Neuen Link anfordern',
  signIn: 'Zur Anmeldung',
  progress: 'Zum aktuellen Stand',
  back: 'Zurück zum Formular',
  toInvite: 'Zurück zur Einladung',
  continue: 'Weiter',
  signOut: 'Abmelden',
  signedInAs: (name) => html`Willkommen, ${name}.`,
  termsVersion: (version) => html`Angefragte Fassung: ${version}`,
  requestId: 'Wenn Sie uns schreiben, nennen Sie bitte diese Nummer:',
  help: (mail) => html`Haben Sie Fragen? Schreiben Sie an ${mail}.`,
  login: {
    title: 'Anmelden',
    heading: 'Anmelden',
    text: (email) => html`Sie melden sich als ${email} an.`,
    validUntil: (at) => html`Der Link funktioniert einmal, und zwar bis ${at}.`,
    button: 'Jetzt anmelden',
    note: 'Sie haben diesen Link nicht angefordert? Dann schließen Sie diese Seite einfach.',
  },
};
