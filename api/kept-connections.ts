import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds for which a connection is kept over which nothing goes: longer than proxies keep theirs. */
export const keptMs = 65_000;

/** Whether a connection is kept behind an answer. Those of HTTP/1.0 that ask for it may be, and are told nothing. */
export const isKept = ({ shouldKeepAlive, req }: ServerResponse): boolean =>
  shouldKeepAlive && req.httpVersionMinor === 1;

/** Tells a client for how long; node:http tells of its own timer only. */
export const keepAlive = ['Keep-Alive', `timeout=${String(keptMs / 1000)}`] as const;

/** Ends connections over which nothing has gone for so long. */
export interface KeptConnections {
  /** Has the connections of a server watched until it is closed. */
  watch(server: Server): void;
  /** An answer is under way that may take its time: its connection is kept until it is over. */
  busy(response: ServerResponse): void;
}

/** What was seen of a connection. */
interface Seen {
  /** Read and written, together. */
  bytes: number;
  /** When they were fewer. */
  since: number;
}

/** Looks at a connection in the time for which it is kept. */
const looks = 8;

/**
 * Builds the watch over connections. node:http has a timer for that, `keepAliveTimeout`, which it makes and drops with
 * every answer; where an answer takes 20 us that is one in 20. A look at all connections now and then does as well, and
 * ends them up to an eighth of the time later.
 */
export function createKeptConnections(idleMs = keptMs): KeptConnections {
  const answering = new Map<Socket, number>();
  const look = (connections: Map<Socket, Seen>): void => {
    const now = performance.now();
    for (const [socket, seen] of connections) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      if (bytes !== seen.bytes || answering.has(socket)) {
        seen.bytes = bytes;
        seen.since = now;
      } else if (now - seen.since >= idleMs) socket.destroy();
    }
  };
  return {
    watch(server) {
      const connections = new Map<Socket, Seen>();
      server.on('connection', (socket) => {
        connections.set(socket, { bytes: 0, since: performance.now() });
        socket.once('close', () => connections.delete(socket));
      });
      const timer = setInterval(look, idleMs / looks, connections).unref();
      server.once('close', () => {
        clearInterval(timer);
      });
    },
    busy(response) {
      // The answer itself has none while others go before it.
      const { socket } = response.req;
      answering.set(socket, (answering.get(socket) ?? 0) + 1);
      response.once('close', () => {
        const rest = (answering.get(socket) ?? 1) - 1;
        if (rest > 0) answering.set(socket, rest);
        else answering.delete(socket);
      });
    },
  };
}
