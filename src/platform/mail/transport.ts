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
  readonly responseCode?: number;
  readonly command?: string;
  readonly syscall?: string;
}

/** Opens a pooled SMTP transport; nothing is dialled before the first mail. */
export function createMailTransport(options: { url: string; from: string }): MailTransport {
  const transport = createTransport(
    {
      url: options.url,
      pool: true,
      maxConnections: 5,
      maxMessages: 1000,
      connectionTimeout: 5_000,
      greetingTimeout: 5_000,
      socketTimeout: 15_000,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from: options.from },
  );
  return {
    async send(mail) {
      try {
        await transport.sendMail({
          to: mail.to.name ? { name: mail.to.name, address: mail.to.address } : mail.to.address,
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return { kind: 'sent' };
      } catch (error) {
        return judge(error);
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

/** What a failed hand-over means; RFC 5321 section 4.2.1 for the classes of reply codes. */
export function judge(error: unknown): SendOutcome {
  const { code, responseCode, command, syscall } = error as SmtpError;
  const reason = reduceError(error);
  if (responseCode !== undefined && responseCode >= 500) {
    // A 5xx to EHLO or AUTH speaks of our configuration, not of the recipient.
    const aboutUs =
      code === 'EAUTH' || command === 'CONN' || command === 'EHLO' || command?.startsWith('AUTH');
    return { kind: aboutUs ? 'later' : 'refused', reason };
  }
  if (responseCode !== undefined && responseCode >= 400) return { kind: 'later', reason };
  const neverConnected =
    syscall === 'connect' ||
    syscall === 'getaddrinfo' ||
    code === 'EDNS' ||
    code === 'EAUTH' ||
    code === 'ETLS' ||
    code === 'ECONNREFUSED';
  if (neverConnected) return { kind: 'later', reason };
  if (code === 'EENVELOPE' || code === 'EMESSAGE') return { kind: 'refused', reason };
  return { kind: 'unknown', reason };
}
