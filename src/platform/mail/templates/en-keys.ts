import { facts, list, text, type KeyMailKind, type MailTemplates } from './content';
import type { AboutKey } from './kinds';

const hello = (name: string | null) => (name ? `Hello ${name},` : 'Hello,');
const key = ({ keyName, keyPrefix, tenantName }: AboutKey) =>
  [
    ['Key', `${keyName} (${keyPrefix}…)`],
    ['Tenant', tenantName],
  ] as const;
const because = (tenantName: string) =>
  `You get this mail because you look after the API keys of ${tenantName}.`;
const label = 'See how keys are rotated';

/** English: the mails about API keys. */
export const keyMails: MailTemplates<KeyMailKind> = {
  'key-rotation-reminder': (data, moment) => ({
    subject: `The API key ${data.keyName} ends on ${moment(data.endsAt)}`,
    preheader: data.newKeyUsed
      ? 'Its successor is in use. Replace what still uses the old one.'
      : 'Its successor has not been used yet.',
    heading: 'An API key is about to end',
    greeting: hello(data.recipientName),
    passages: [
      text('This key is being rotated. At the time below the old key stops working.'),
      facts(...key(data), ['The old key ends', moment(data.endsAt)]),
      text(
        data.newKeyUsed
          ? 'The new key is in use. Make sure that nothing uses the old one any more, or give it more time.'
          : 'The new key has not been used yet. Put it in place before the old one ends, or cancel the rotation.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-unused': (data, moment) => ({
    subject: `The new API key for ${data.keyName} was never used`,
    preheader: data.endsAt
      ? `The old one ends on ${moment(data.endsAt)}.`
      : 'The old one has ended already.',
    heading: 'The new key was never used',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'This key was rotated, but nothing uses its successor. When the old key ends, requests with it are refused.'
          : 'This key was rotated and has ended, but nothing uses its successor. Requests with the old key are refused.',
      ),
      facts(
        ...key(data),
        ...(data.endsAt ? [['The old key ends', moment(data.endsAt)] as const] : []),
      ),
      list(
        'You have the new key: put it in place.',
        'You have lost it: revoke it and issue another one. It was shown once and cannot be shown again.',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-extended': (data, moment) => ({
    subject: `The API key ${data.keyName} got more time`,
    preheader: `It is still in use and now ends on ${moment(data.endsAt)}.`,
    heading: 'The old key got more time',
    greeting: hello(data.recipientName),
    passages: [
      text('The old key was about to end and is still in use, so that it got more time.'),
      facts(
        ...key(data),
        ['The old key ends', moment(data.endsAt)],
        ['Further extensions', String(data.extensionsLeft)],
      ),
      text('Find out what still uses the old key, and give it the new one.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-rotation-requested': (data) => ({
    subject: `Please rotate the API key ${data.keyName}`,
    preheader:
      data.because === 'leaked'
        ? 'It was reported as leaked.'
        : 'It has reached the age at which it is to be replaced.',
    heading: 'A key is to be rotated',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.because === 'leaked'
          ? 'This key was reported as leaked. Rotate it, and you get a successor.'
          : 'This key has reached the age at which it is to be replaced. It goes on working; nothing happens until you rotate it.',
      ),
      facts(...key(data)),
      text('The new key is shown to you alone, when you order the rotation.'),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),

  'key-leaked': (data, moment) => ({
    subject: `Your API key ${data.keyName} was reported as leaked`,
    preheader: data.endsAt ? `It ends on ${moment(data.endsAt)}.` : 'It is revoked.',
    heading: 'An API key was reported as leaked',
    greeting: hello(data.recipientName),
    passages: [
      text(
        data.endsAt
          ? 'Somebody found this key where it should not be and reported it. It ends at the time below; nothing can lengthen that.'
          : 'Somebody found this key where it should not be and reported it. It is revoked: requests with it are refused.',
      ),
      facts(...key(data), ...(data.endsAt ? [['It ends', moment(data.endsAt)] as const] : [])),
      list(
        'Rotate the key: you get a successor with the same rights.',
        'Find out where the old one was published, and remove it there.',
        'Look at its last uses: are all of them yours?',
      ),
    ],
    action: { label, url: data.link },
    after: [],
    reason: because(data.tenantName),
  }),
};
