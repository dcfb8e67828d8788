import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy before Postgres that can keep notifications to itself. */
export interface DeafProxy {
  /** The URL with host and port of the proxy. */
  readonly url: string;
  /** Lets no notification through from now on, or again all that come. */
  setDeaf(deaf: boolean): void;
  stop(): Promise<void>;
}

const notification = 'A'.charCodeAt(0);

/** Starts a proxy on 127.0.0.1 that leads to the server of a URL, without TLS. */
export async function startDeafProxy(databaseUrl: string): Promise<DeafProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let deaf = false;

  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    keep(client, upstream);
    keep(upstream, client);
    client.on('data', (bytes) => upstream.write(bytes));
    let rest = Buffer.alloc(0);
    upstream.on('data', (bytes: Buffer) => {
      const { messages, incomplete } = split(Buffer.concat([rest, bytes]));
      rest = Buffer.from(incomplete);
      for (const message of messages)
        if (!(deaf && message[0] === notification)) client.write(message);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(databaseUrl);
  through.host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url: through.href,
    setDeaf(to) {
      deaf = to;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Whole messages of a server: a type byte, then a length that counts itself. */
function split(bytes: Buffer): { messages: Buffer[]; incomplete: Buffer } {
  const messages: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return { messages, incomplete: bytes.subarray(at) };
}
