import { html } from '../../../src/platform/html';
import type { InviteMessages, ShellMessages } from './shape';

/** German: the words around every page. */
export const shell: ShellMessages = {
  skip: 'Zum Inhalt springen',
  languages: 'Sprache',
  footer: 'Usher – Onboarding, Schritt für Schritt',
  errorTitle: (title) => `Fehler: ${title}`,
  errorSummary: 'Bitte prüfen Sie diese Angaben',
  showSecret: 'Eingabe anzeigen',
  length: (typed, wanted) => `${typed} von mindestens ${wanted} Zeichen`,
  sending: 'Einen Moment …',
};

/** German: the invite page. */
export const invite: InviteMessages = {
  title: (tenant) => `Einladung zu ${tenant}`,
  heading: (inviter, tenant) =>
    inviter ? html`${inviter} lädt Sie zu ${tenant} ein` : html`Sie sind zu ${tenant} eingeladen`,
  lead: 'Nehmen Sie die Einladung an, und wir richten alles für Sie ein. Für Sie dauert das etwa zwei Minuten.',
  recipient: 'Gesendet an',
  validUntil: 'Gültig bis',
  acceptHeading: 'Einladung annehmen',
  existingHeading: 'Sie haben bereits ein Konto',
  existingText:
    'Zu dieser E-Mail-Adresse gibt es schon ein Konto. Melden Sie sich damit an, um die Einladung anzunehmen. Am Konto ändert sich nichts, und sein Passwort bleibt bestehen.',
  signedInHeading: 'Mit Ihrem Konto annehmen',
  signedInText: (email) => html`Sie sind als ${email} angemeldet.`,
  ssoText: 'Sie können sich stattdessen über einen anderen Dienst anmelden.',
  ssoButton: (name) => html`Weiter mit ${name}`,
  ssoReturn: 'Danach kommen Sie hierher zurück und nehmen die Einladung an.',
  or: 'oder',
  name: 'Ihr Name',
  signIn: 'Wie möchten Sie sich künftig anmelden?',
  byPassword: 'Mit einem Passwort',
  byPasswordHint: 'Sie legen es jetzt fest.',
  byLink: 'Mit einem Link per E-Mail',
  byLinkHint: 'Ganz ohne Passwort: Zu jeder Anmeldung senden wir Ihnen einen Link.',
  password: 'Passwort',
  passwordHint: (minimum) =>
    `Mindestens ${minimum} Zeichen. Gut geeignet sind mehrere Wörter hintereinander; Leerzeichen und alle anderen Zeichen sind erlaubt, Einfügen ebenso.`,
  accountPassword: 'Passwort Ihres Kontos',
  terms: (link) => html`Ich stimme den ${link('Nutzungsbedingungen')} zu.`,
  newTab: 'öffnet sich in einem neuen Tab',
  accept: 'Einladung annehmen',
  acceptExisting: 'Anmelden und annehmen',
  loginLinkText: 'Wir senden einen Anmeldelink an die oben genannte Adresse.',
  loginLinkButton: 'Anmeldelink senden',
  declineSummary: 'Ich möchte lieber ablehnen',
  declineText:
    'Wir teilen dem Absender Ihre Ablehnung mit, und dieser Link verliert seine Gültigkeit.',
  reason: 'Grund (freiwillig)',
  reasonHint: 'Der Absender liest ihn genau so, wie Sie ihn schreiben.',
  decline: 'Einladung ablehnen',
  nextHeading: 'So geht es weiter',
  next: [
    'Sie nehmen die Einladung auf dieser Seite an.',
    'Wir richten Ihren Arbeitsbereich ein. Fehlt Ihr Marktplatz-Token noch, können Sie ihn dann ergänzen.',
    'Sobald alles bereit ist, erhalten Sie eine E-Mail.',
  ],
  keepPrivate: 'Dieser Link ist nur für Sie bestimmt. Bitte leiten Sie ihn nicht weiter.',
  errors: {
    'name-required': () => 'Geben Sie Ihren Namen ein.',
    'name-too-long': () => 'Der Name ist zu lang. Geben Sie einen kürzeren ein.',
    'password-required': () => 'Geben Sie ein Passwort ein.',
    'password-too-short': (minimum) =>
      `Das Passwort ist zu kurz. Verwenden Sie mindestens ${minimum} Zeichen.`,
    'password-too-long': () => 'Das Passwort ist zu lang. Wählen Sie ein kürzeres.',
    'password-common': () =>
      'Dieses Passwort ist weit verbreitet und leicht zu erraten. Wählen Sie ein anderes.',
    'password-personal': () =>
      'Das Passwort enthält Ihren Namen, Ihre Adresse oder den Namen Ihrer Firma. Wählen Sie ein anderes.',
    'password-wrong': () =>
      'Das ist nicht das Passwort dieses Kontos. Versuchen Sie es noch einmal.',
    'terms-required': () => 'Stimmen Sie den Nutzungsbedingungen zu, um fortzufahren.',
    'reason-too-long': () => 'Der Grund ist zu lang. Bitte kürzen Sie ihn.',
  },
};
