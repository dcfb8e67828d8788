import { facts, list, text, type KeyMailKind, type MailTemplates } from './content';
import type { AboutKey } from './kinds';

const hello = (name: string | null) => (name ? `Guten Tag ${name},` : 'Guten Tag,');
const key = ({ keyName, keyPrefix, tenantName }: AboutKey) =>
  [
    ['Schlüssel', `${keyName} (${keyPrefix}…)`],
    ['Mandant', tenantName],
  ] as const;
const because = (tenantName: string) =>
  `Sie erhalten diese E-Mail, weil Sie sich um die API-Schlüssel von ${tenantName} kümmern.`;
const label = 'So werden Schlüssel gewechselt';

/** German: the mails about API keys. */
export const keyMails: MailTemplates<KeyMailKind> = {
  'key-rotation-reminder': (data, moment) => ({
    subject: `Der API-Schlüssel ${data.keyName} endet am ${moment(data.endsAt)}`,
    preheader: data.newKeyUsed
      ? 'Sein Nachfolger ist in Gebrauch. Ersetzen Sie ihn auch überall sonst.'
      : 'Sein Nachfolger wurde noch nicht benutzt.',
    heading: 'Ein API-Schlüssel endet bald',
    greeting: hello(data.recipientName),
    passages: [
      text('dieser Schlüssel wird gewechselt. Zur angegebenen Zeit endet der alte Schlüssel.'),
      facts(...key(data), ['Der alte Schlüssel endet', moment(data.endsAt)]),
      text(
        data.newKeyUsed
          ? 'Der neue Schlüssel ist in Gebrauch. Stellen Sie sicher, dass nichts mehr den alten benutzt, oder geben Sie ihm mehr Zeit.'
          : 'Der neue Schlüssel wurde noch nicht benutzt. Setzen Sie ihn ein, bevor der alte endet, oder brechen Sie den Wechsel ab.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-unused': (data, moment) => ({
    subject: `Der neue API-Schlüssel für ${data.keyName} wurde nie benutzt`,
    preheader: data.endsAt
      ? `Der alte endet am ${moment(data.endsAt)}.`
      : 'Der alte ist bereits beendet.',
    heading: 'Der neue Schlüssel wurde nie benutzt',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'dieser Schlüssel wurde gewechselt, aber nichts benutzt seinen Nachfolger. Sobald der alte endet, werden Anfragen mit ihm abgewiesen.'
          : 'dieser Schlüssel wurde gewechselt und ist beendet, aber nichts benutzt seinen Nachfolger. Anfragen mit dem alten werden abgewiesen.',
      ),
      facts(
        ...key(data),
        ...(data.endsAt ? [['Der alte Schlüssel endet', moment(data.endsAt)] as const] : []),
      ),
      list(
        'Sie haben den neuen Schlüssel: Setzen Sie ihn ein.',
        'Sie haben ihn verloren: Widerrufen Sie ihn und stellen Sie einen anderen aus. Er wurde einmal angezeigt und kann nicht noch einmal angezeigt werden.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-extended': (data, moment) => ({
    subject: `Der API-Schlüssel ${data.keyName} hat mehr Zeit bekommen`,
    preheader: `Er ist noch in Gebrauch und endet nun am ${moment(data.endsAt)}.`,
    heading: 'Der alte Schlüssel hat mehr Zeit bekommen',
    greeting: hello(data.recipientName),
    passages: [
      text('der alte Schlüssel sollte enden und ist noch in Gebrauch; er hat mehr Zeit bekommen.'),
      facts(
        ...key(data),
        ['Der alte Schlüssel endet', moment(data.endsAt)],
        ['Weitere Verlängerungen', String(data.extensionsLeft)],
      ),
      text('Finden Sie heraus, was den alten Schlüssel noch benutzt, und geben Sie ihm den neuen.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-requested': (data) => ({
    subject: `Bitte wechseln Sie den API-Schlüssel ${data.keyName}`,
    preheader:
      data.because === 'leaked'
        ? 'Er wurde als öffentlich geworden gemeldet.'
        : 'Er hat das Alter erreicht, in dem er ersetzt werden soll.',
    heading: 'Ein Schlüssel ist zu wechseln',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.because === 'leaked'
          ? 'dieser Schlüssel wurde als öffentlich geworden gemeldet. Wechseln Sie ihn, und Sie erhalten einen Nachfolger.'
          : 'dieser Schlüssel hat das Alter erreicht, in dem er ersetzt werden soll. Er gilt weiter; es geschieht nichts, bis Sie ihn wechseln.',
      ),
      facts(...key(data)),
      text('Der neue Schlüssel wird nur Ihnen angezeigt, wenn Sie den Wechsel veranlassen.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-leaked': (data, moment) => ({
    subject: `Ihr API-Schlüssel ${data.keyName} wurde als öffentlich gemeldet`,
    preheader: data.endsAt ? `Er endet am ${moment(data.endsAt)}.` : 'Er ist widerrufen.',
    heading: 'Ein API-Schlüssel ist öffentlich geworden',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'jemand hat diesen Schlüssel dort gefunden, wo er nicht sein sollte, und gemeldet. Er endet zur angegebenen Zeit; nichts kann sie verlängern.'
          : 'jemand hat diesen Schlüssel dort gefunden, wo er nicht sein sollte, und gemeldet. Er ist widerrufen: Anfragen mit ihm werden abgewiesen.',
      ),
      facts(...key(data), ...(data.endsAt ? [['Er endet', moment(data.endsAt)] as const] : [])),
      list(
        'Wechseln Sie den Schlüssel: Sie erhalten einen Nachfolger mit denselben Rechten.',
        'Finden Sie heraus, wo der alte veröffentlicht wurde, und entfernen Sie ihn dort.',
        'Sehen Sie seine letzten Benutzungen an: Sind alle von Ihnen?',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),
};
