import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import PostalMime from 'postal-mime';
import { writePrivateFile } from './state-files';

/** A mail that arrived, as `GET /api/messages` shows it. */
export interface Mail {
  readonly id: string;
  /** Recipients of the envelope, by comma. */
  readonly to: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** When it arrived, ISO 8601. */
  readonly at: string;
  readonly message_id: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** The mails of a mailbox, oldest first; the oldest go when there are too many. */
export interface MailStore {
  /** Reads a message in the form in which SMTP carried it, and keeps it. */
  receive(raw: Buffer, recipients: readonly string[]): Promise<Mail>;
  list(): readonly Mail[];
  find(id: string): Mail | undefined;
  clear(): void;
}

/** How much a mailbox keeps. */
export const mailboxLimits = { mails: 5_000, bytes: 100 * 1024 * 1024 } as const;

async function readMail(raw: Buffer, recipients: readonly string[]): Promise<Mail> {
  const envelope = { id: randomUUID(), to: recipients.join(', '), at: new Date().toISOString() };
  try {
    const parsed = await PostalMime.parse(raw);
    return {
      ...envelope,
      from: parsed.from?.address ?? '',
      subject: parsed.subject ?? '',
      text: parsed.text ?? '',
      html: parsed.html ?? '',
      message_id: parsed.messageId ?? '',
      headers: parsed.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
    };
  } catch {
    const text = raw.toString('utf8');
    return {
      ...envelope,
      from: '',
      subject: '(unreadable)',
      text,
      html: '',
      message_id: '',
      headers: [],
    };
  }
}

const sizeOf = (mail: Mail) => 2 * (mail.text.length + mail.html.length) + 2_000;

function load(file: string): Mail[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Mail];
    } catch {
      // The line that was being written when the process was killed.
      return [];
    }
  });
}

/**
 * A store in memory and, with a file, also there, one JSON object a line, so that mails outlive the
 * process.
 */
export function createMailStore(file?: string): MailStore {
  let mails: Mail[] = file === undefined ? [] : load(file);
  let bytes = mails.reduce((sum, mail) => sum + sizeOf(mail), 0);
  let appended = 0;

  const rewrite = () => {
    if (file === undefined) return;
    writePrivateFile(file, mails.map((mail) => `${JSON.stringify(mail)}\n`).join(''));
    appended = 0;
  };
  const trim = () => {
    while (
      mails.length > mailboxLimits.mails ||
      (bytes > mailboxLimits.bytes && mails.length > 1)
    ) {
      bytes -= sizeOf(mails.shift() as Mail);
    }
  };
  trim();
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  rewrite();

  return {
    receive: async (raw, recipients) => {
      const mail = await readMail(raw, recipients);
      mails.push(mail);
      bytes += sizeOf(mail);
      trim();
      if (file !== undefined) {
        appendFileSync(file, `${JSON.stringify(mail)}\n`);
        appended += 1;
        if (appended > mailboxLimits.mails) rewrite();
      }
      return mail;
    },
    list: () => mails,
    find: (id) => mails.find((mail) => mail.id === id),
    clear: () => {
      mails = [];
      bytes = 0;
      rewrite();
    },
  };
}
