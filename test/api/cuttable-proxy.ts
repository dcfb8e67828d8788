import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy before a server, so that a test can take the server away and give it back. */
export interface CuttableProxy {
  /** The URL with host and port of the proxy in place of the server's; it decides where the proxy leads. */
  through(url: string): string;
  /** Ends all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Lets bytes through no more, but keeps every connection open, as a network does that lost its route. */
  hang(): void;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a proxy on 127.0.0.1. */
export async function startCuttableProxy(): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  let target = { host: '127.0.0.1', port: 0 };
  let hanging = false;

  const track = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      if (!hanging) other.write(bytes);
    });
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(target);
    track(client, upstream);
    track(upstream, client);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const cut = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    through(url) {
      const { hostname, port: targetPort } = new URL(url);
      target = { host: hostname, port: Number(targetPort) };
      const changed = new URL(url);
      changed.host = `127.0.0.1:${String(port)}`;
      return changed.href;
    },
    cut,
    hang() {
      hanging = true;
    },
    async restore() {
      hanging = false;
      if (!server.listening) await listen(port);
    },
    async stop() {
      if (server.listening) await cut();
    },
  };
}
