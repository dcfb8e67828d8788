import type { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { Faults } from './mailbox-faults';
import type { MailStore } from './mailbox-store';

const largestMail = 10 * 1024 * 1024;

/** A mail server that delivers to the store. */
export interface SmtpSink {
  readonly port: number;
  close(): Promise<void>;
}

function refusal(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

async function readAll(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk as Buffer);
  if (stream.sizeExceeded) throw refusal(552, '5.3.4 Message too big');
  return Buffer.concat(chunks);
}

/** Listens for mail on the loopback address: any recipient, no login, no TLS. */
export async function startSmtpSink(
  port: number,
  store: MailStore,
  faults: Faults,
): Promise<SmtpSink> {
  const sockets = new Map<number, Socket>();

  const receive = async (
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
  ): Promise<string> => {
    const recipients = session.envelope.rcptTo.map(({ address }) => address);
    const raw = await readAll(stream);
    const { id } = await store.receive(raw, recipients);
    const fault = recipients
      .map((recipient) => faults.strike(recipient, ['drop-after-data', 'slow']))
      .find((struck) => struck !== undefined);
    if (fault?.mode === 'drop-after-data') sockets.get(session.remotePort)?.destroy();
    if (fault?.mode === 'slow') await sleep(fault.delay_ms);
    return `2.0.0 Kept as ${id}`;
  };

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: largestMail,
    banner: 'Usher mailbox',
    onRcptTo: ({ address }, _session, done) => {
      const fault = faults.strike(address, ['reject-550', 'tempfail-451']);
      if (fault?.mode === 'reject-550') done(refusal(550, `5.1.1 <${address}>: no such mailbox`));
      else if (fault) done(refusal(451, `4.3.0 <${address}>: try again later`));
      else done();
    },
    onData: (stream, session, done) => {
      receive(stream, session).then(
        (text) => (done as (error: null, text: string) => void)(null, text),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  // Clients that hang up in the middle are their own affair.
  server.on('error', () => undefined);
  server.server.on('connection', (socket: Socket) => {
    const key = socket.remotePort ?? 0;
    sockets.set(key, socket);
    socket.once('close', () => sockets.delete(key));
  });
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.values()) socket.destroy();
      }),
  };
}
