import type { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import { reduceError } from '../../errors/temporal';

/** A rendered mail. */
export interface OutgoingMail {
  readonly to: { readonly address: string; readonly name: string | null };
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same for every repeat, so that receivers can recognise a double. */
  readonly messageId: string;
}

/** How handing a mail to the server ended. `reason` holds codes only, never an address. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** Refused for good (SMTP 5xx). */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Certainly not accepted; to be tried again. */
  | { readonly kind: 'later'; readonly reason: string }
  /** It may have been accepted. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** A connection to the mail server. */
export interface MailTransport {
  send(mail: OutgoingMail): Promise<SendOutcome>;
  /** Whether the server greets us; for the doctor. */
  verify(): Promise<boolean>;
  close(): void;
}

interface SmtpError {
  readonly code?: string;
  readonly response?: string;
  readonly responseCode?: number;
  readonly command?: string;
}

/**
 * How long one sending may take, in milliseconds: until the server is reached and greets, until it says anything more,
 * and in all, the wait for a free connection included. The last is what ends a server that answers slowly every time.
 */
export const sendLimits = { connect: 5_000, answer: 15_000, inAll: 20_000 } as const;

/** Opens a pooled SMTP transport; nothing is dialled before the first mail. */
export function createMailTransport(options: {
  url: string;
  from: string;
  limits?: { readonly [K in keyof typeof sendLimits]: number };
}): MailTransport {
  const limits = options.limits ?? sendLimits;
  const transport = createTransport(
    {
      url: options.url,
      pool: true,
      maxConnections: 5,
      maxMessages: 1000,
      connectionTimeout: limits.connect,
      greetingTimeout: limits.connect,
      socketTimeout: limits.answer,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from: options.from },
  );
  // What each sending reads its mail from: the client begins only when the server has asked for the data.
  const contents = new WeakMap<AbortSignal, Readable[]>();
  transport.use('stream', ({ message, data: { signal } }, done) => {
    const open = message.createReadStream.bind(message);
    message.createReadStream = (...args) => {
      const content = open(...args);
      if (signal) contents.get(signal)?.push(content);
      return content;
    };
    done();
  });
  return {
    async send(mail) {
      const ending = new AbortController();
      const { signal } = ending;
      const read: Readable[] = [];
      contents.set(signal, read);
      const timer = setTimeout(() => ending.abort(), limits.inAll);
      try {
        await transport.sendMail({
          to: mail.to.name ? { name: mail.to.name, address: mail.to.address } : mail.to.address,
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal,
        });
        return { kind: 'sent' };
      } catch (error) {
        return judge(
          error,
          read.some(({ readableDidRead }) => readableDidRead),
        );
      } finally {
        clearTimeout(timer);
      }
    },
    verify: () =>
      transport.verify().then(
        () => true,
        () => false,
      ),
    close: () => {
      transport.close();
    },
  };
}

// A 5xx to anything else (greeting, EHLO, HELO, STARTTLS, AUTH) speaks of us or of the server.
const commandsOfTheMail: readonly (string | undefined)[] = ['MAIL FROM', 'RCPT TO', 'DATA'];

// Out of order, or login or encryption missing (RFC 4954 section 6, RFC 3207 section 4): about us, whatever the command.
const repliesAboutUs = [503, 530, 534, 535, 538];

/**
 * What a failed sending means; RFC 5321 section 4.2.1 for the classes of reply codes. `begun` says whether any of the
 * mail's content was handed to the server. Without it nothing can have been accepted, however the connection ended;
 * the client's own codes do not tell, its time-outs before the greeting and after the data look alike.
 */
function judge(error: unknown, begun: boolean): SendOutcome {
  const { code, response, responseCode = 0, command } = error as SmtpError;
  const reason = reduceError(error);
  if (responseCode >= 500) {
    const aboutTheMail =
      commandsOfTheMail.includes(command) && !repliesAboutUs.includes(responseCode);
    return { kind: aboutTheMail ? 'refused' : 'later', reason };
  }
  if (responseCode >= 400) return { kind: 'later', reason };
  // Refused by the client itself: an address that cannot be one, or more than the server takes.
  if (!response && (code === 'EENVELOPE' || code === 'EMESSAGE'))
    return { kind: 'refused', reason };
  return { kind: begun ? 'unknown' : 'later', reason };
}
