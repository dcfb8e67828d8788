import { facts, list, text, type KeyMailKind, type MailTemplates } from './content';
import type { AboutKey } from './kinds';

const hello = (name: string | null) => (name ? `Здравствуйте, ${name}!` : 'Здравствуйте!');
const key = ({ keyName, keyPrefix, tenantName }: AboutKey) =>
  [
    ['Ключ', `${keyName} (${keyPrefix}…)`],
    ['Клиент', tenantName],
  ] as const;
const because = (tenantName: string) =>
  `Вы получили это письмо, потому что отвечаете за API-ключи ${tenantName}.`;
const label = 'Как заменить ключ';

/** Russian: the mails about API keys. */
export const keyMails: MailTemplates<KeyMailKind> = {
  'key-rotation-reminder': (data, moment) => ({
    subject: `API-ключ ${data.keyName} перестанет действовать ${moment(data.endsAt)}`,
    preheader: data.newKeyUsed
      ? 'Новый ключ уже используется. Замените старый везде, где он остался.'
      : 'Новый ключ ещё не использовался.',
    heading: 'API-ключ скоро перестанет действовать',
    greeting: hello(data.recipientName),
    passages: [
      text('Этот ключ заменяется новым. В указанное время старый ключ перестанет действовать.'),
      facts(...key(data), ['Старый ключ действует до', moment(data.endsAt)]),
      text(
        data.newKeyUsed
          ? 'Новый ключ используется. Убедитесь, что старый больше нигде не нужен, или продлите его.'
          : 'Новый ключ ещё не использовался. Установите его до этого времени или отмените замену.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-unused': (data, moment) => ({
    subject: `Новый API-ключ для ${data.keyName} ни разу не использовался`,
    preheader: data.endsAt
      ? `Старый ключ действует до ${moment(data.endsAt)}.`
      : 'Старый ключ уже не действует.',
    heading: 'Новый ключ ни разу не использовался',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'Этот ключ заменён, но новый никто не использует. Когда старый перестанет действовать, запросы с ним будут отклоняться.'
          : 'Этот ключ заменён и больше не действует, но новый никто не использует. Запросы со старым ключом отклоняются.',
      ),
      facts(
        ...key(data),
        ...(data.endsAt ? [['Старый ключ действует до', moment(data.endsAt)] as const] : []),
      ),
      list(
        'Новый ключ у вас: установите его.',
        'Новый ключ потерян: отзовите его и выпустите другой. Он показывается один раз, второй раз показать его нельзя.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-extended': (data, moment) => ({
    subject: `API-ключ ${data.keyName} продлён`,
    preheader: `Он ещё используется и теперь действует до ${moment(data.endsAt)}.`,
    heading: 'Старый ключ продлён',
    greeting: hello(data.recipientName),
    passages: [
      text('Срок старого ключа подходил к концу, но он ещё используется, поэтому он продлён.'),
      facts(
        ...key(data),
        ['Старый ключ действует до', moment(data.endsAt)],
        ['Осталось продлений', String(data.extensionsLeft)],
      ),
      text('Выясните, где ещё используется старый ключ, и замените его новым.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-requested': (data) => ({
    subject: `Замените, пожалуйста, API-ключ ${data.keyName}`,
    preheader:
      data.because === 'leaked'
        ? 'Поступило сообщение о его утечке.'
        : 'Он достиг возраста, в котором ключ пора заменить.',
    heading: 'Ключ пора заменить',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.because === 'leaked'
          ? 'Поступило сообщение об утечке этого ключа. Замените его, и вы получите новый.'
          : 'Этот ключ достиг возраста, в котором его пора заменить. Он продолжает действовать; ничего не произойдёт, пока вы его не замените.',
      ),
      facts(...key(data)),
      text('Новый ключ увидите только вы, когда начнёте замену.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-leaked': (data, moment) => ({
    subject: `Сообщение об утечке API-ключа ${data.keyName}`,
    preheader: data.endsAt ? `Он действует до ${moment(data.endsAt)}.` : 'Он отозван.',
    heading: 'Поступило сообщение об утечке API-ключа',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'Кто-то нашёл этот ключ там, где его быть не должно, и сообщил об этом. В указанное время он перестанет действовать; продлить его нельзя.'
          : 'Кто-то нашёл этот ключ там, где его быть не должно, и сообщил об этом. Ключ отозван: запросы с ним отклоняются.',
      ),
      facts(...key(data), ...(data.endsAt ? [['Действует до', moment(data.endsAt)] as const] : [])),
      list(
        'Замените ключ: новый получит те же права.',
        'Выясните, где был опубликован старый ключ, и удалите его там.',
        'Проверьте последние использования ключа: все ли они ваши?',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),
};
