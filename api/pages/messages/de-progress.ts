import { html } from '../../../src/platform/html';
import type { ProgressMessages } from './shape';

/** German: the progress page. */
export const progress: ProgressMessages = {
  title: (tenant) => `Onboarding von ${tenant}`,
  over: 'Onboarding',
  stepsHeading: 'Die Schritte',
  steps: {
    accepted: 'Einladung',
    workspace: 'Arbeitsbereich',
    token: 'Marktplatz-Token',
    checking: 'Prüfung der Verbindung',
    ready: 'Startklar',
  },
  states: {
    done: 'Erledigt',
    current: 'Läuft gerade',
    waiting: 'Wartet auf Sie',
    parked: 'Wir kümmern uns darum',
    upcoming: 'Kommt noch',
  },
  working: {
    heading: 'Wir richten alles für Sie ein',
    text: 'Das dauert in der Regel wenige Minuten. Sie müssen nichts weiter tun.',
  },
  waiting: {
    heading: 'Wir brauchen etwas von Ihnen',
    text: 'Sobald das erledigt ist, machen wir von selbst weiter.',
  },
  parked: {
    heading: 'Wir kümmern uns darum',
    text: 'Einen Schritt sehen wir uns genauer an. Unser Team weiß Bescheid und kümmert sich darum. Was erledigt ist, bleibt erledigt, und Sie müssen nichts weiter tun.',
  },
  active: {
    heading: 'Alles ist bereit',
    text: 'Ihr Arbeitsbereich ist verbunden und geprüft. Sie können sofort loslegen.',
  },
  cancelled: {
    heading: 'Dieses Onboarding wurde abgebrochen',
    text: 'Es wird nicht fortgesetzt. Wenn Sie das überrascht, sprechen Sie bitte die Person an, die Sie eingeladen hat.',
  },
  rolledBack: {
    heading: 'Dieses Onboarding wurde rückgängig gemacht',
    text: 'Was bereits eingerichtet war, haben wir zurückgenommen. Für einen Neubeginn bitten Sie die Person, die Sie eingeladen hat, um eine neue Einladung.',
  },
  formHeading: 'Das brauchen wir noch von Ihnen',
  formText: {
    workspace: 'Nennen Sie uns die Tabelle, die wir verbinden sollen.',
    token:
      'Hinterlegen Sie den Token Ihres Marktplatz-Kontos, damit wir Ihre Daten abrufen können.',
    both: 'Nennen Sie uns die Tabelle, die wir verbinden sollen, und hinterlegen Sie den Token Ihres Marktplatz-Kontos.',
  },
  token: 'Marktplatz-Token',
  tokenHint:
    'Sie erstellen ihn in Ihrem Verkäuferkonto beim Marktplatz, in den Einstellungen für den API-Zugriff. Kopieren Sie ihn vollständig, und fügen Sie ihn hier ein.',
  tokenSafety: 'Wir speichern den Token verschlüsselt und zeigen ihn nie wieder an.',
  spreadsheet: 'ID der Tabelle',
  spreadsheetHint:
    'Der lange Teil in der Adresse der Tabelle, zwischen /d/ und /edit. Sie können auch die ganze Adresse einfügen.',
  ownerEmail: 'E-Mail-Adresse des Tabellenbesitzers',
  ownerEmailHint: 'Das Konto, dem die Tabelle gehört.',
  submit: 'Speichern und weiter',
  submitNote: 'Die Prüfung kann einige Sekunden dauern.',
  nextHeading: 'Das können Sie jetzt tun',
  openWorkspace: {
    heading: 'Arbeitsbereich öffnen',
    text: 'Sehen Sie zu, wie Ihre Daten eintreffen.',
  },
  signIn: { heading: 'Anmelden', text: 'Mit dem Konto, das Sie gerade verwendet haben.' },
  docs: { heading: 'Anleitung lesen', text: 'Die ersten Schritte, kurz erklärt.' },
  mailed: {
    heading: 'In Ihr Postfach sehen',
    text: 'Wir senden Ihnen eine Zusammenfassung. Diese Seite können Sie schließen.',
  },
  comeBack:
    'Sie können diese Seite schließen und jederzeit zurückkommen. Sobald alles bereit ist, erhalten Sie eine E-Mail.',
  refresh: 'Seite aktualisieren',
  updated: 'Die Seite wurde aktualisiert.',
  help: (mail) => html`Haben Sie Fragen? Schreiben Sie an ${mail}.`,
  errors: {
    'spreadsheet-required': 'Geben Sie die ID der Tabelle ein.',
    'spreadsheet-invalid':
      'Das sieht nicht nach der ID einer Tabelle aus. Kopieren Sie sie aus der Adresse zwischen /d/ und /edit.',
    'owner-email-required': 'Geben Sie die E-Mail-Adresse des Besitzers ein.',
    'owner-email-invalid': 'Das ist keine vollständige E-Mail-Adresse wie name@example.com.',
    'token-required': 'Fügen Sie den Marktplatz-Token ein.',
    'token-malformed':
      'Das sieht nicht nach einem vollständigen Token aus. Kopieren Sie ihn noch einmal, vom ersten bis zum letzten Zeichen.',
    'token-rejected':
      'Der Marktplatz hat diesen Token nicht angenommen. Erstellen Sie einen neuen, und fügen Sie ihn hier ein.',
    'too-long': 'Das ist zu lang. Bitte prüfen Sie, was Sie eingefügt haben.',
    'already-stored':
      'Hier ist bereits etwas anderes hinterlegt. Wenn es geändert werden soll, schreiben Sie uns bitte.',
  },
};
