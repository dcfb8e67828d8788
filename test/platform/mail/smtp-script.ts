import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a scripted server does where it does not just agree; `undefined` stands for silence. */
export interface Script {
  /** Its first words; without them it greets. */
  readonly greeting?: (socket: Socket) => string | undefined;
  /** Its answers to commands, by their first word; `content` is the end of the mail. */
  readonly answers?: Readonly<Record<string, (socket: Socket) => string | undefined>>;
}

/** A mail server that keeps to a script. */
export interface ScriptedServer {
  readonly port: number;
  /** The first words of the commands that it got, `content` for each whole mail. */
  readonly heard: readonly string[];
  close(): Promise<void>;
}

const agreement: Readonly<Record<string, string>> = {
  EHLO: '250 here',
  DATA: '354 go ahead',
  QUIT: '221 bye',
};

/** Listens on the loopback address; line by line, so that a test decides about every single answer. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const say = (line: string | undefined) => {
      if (line !== undefined && socket.writable) socket.write(`${line}\r\n`);
    };
    const obey = (command: string) => {
      heard.push(command);
      const answer = script.answers?.[command];
      say(answer ? answer(socket) : (agreement[command] ?? '250 fine'));
    };
    let inContent = false;
    let rest = '';
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (inContent && line !== '.') continue;
        const command = inContent ? 'content' : (line.split(/[ :]/)[0] ?? '');
        inContent = command === 'DATA';
        obey(command);
      }
    });
    say(script.greeting ? script.greeting(socket) : '220 here');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
