import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

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
  /**
   * An answer is under way that may take its time: its connection is kept until it is over. It emits `close` once its
   * connection is closed, also where it still waits behind another one.
   */
  busy(response: ServerResponse): void;
  /** Whether a part of such an answer has gone over a connection and the rest has not: nothing else may go now. */
  isMidAnswer(socket: Duplex): boolean;
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
  const underWay = new WeakMap<Duplex, Set<ServerResponse>>();
  const answersOver = (socket: Duplex): ServerResponse[] => [...(underWay.get(socket) ?? [])];
  const isBusy = (socket: Socket): boolean =>
    // Over one that was ended on this side no answer can go any more.
    socket.writable && (underWay.get(socket)?.size ?? 0) > 0;
  const look = (connections: Map<Socket, Seen>): void => {
    const now = performance.now();
    for (const [socket, seen] of connections) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      if (bytes !== seen.bytes || isBusy(socket)) {
        seen.bytes = bytes;
        seen.since = now;
      } else if (now - seen.since >= idleMs) socket.destroy();
    }
  };
  const closeAnswers = (socket: Socket): void => {
    for (const response of answersOver(socket)) {
      response.destroy();
      response.emit('close');
    }
  };
  return {
    watch(server) {
      const connections = new Map<Socket, Seen>();
      server.on('connection', (socket) => {
        connections.set(socket, { bytes: 0, since: performance.now() });
        socket.once('close', () => {
          connections.delete(socket);
          // node:http closes the answer whose turn it is, in this tick or the next, and none that waits behind it.
          if (underWay.has(socket)) process.nextTick(closeAnswers, socket);
        });
      });
      const timer = setInterval(look, idleMs / looks, connections).unref();
      server.once('close', () => {
        clearInterval(timer);
      });
    },
    busy(response) {
      // The answer itself has none while others go before it.
      const { socket } = response.req;
      const answers = underWay.get(socket) ?? new Set();
      underWay.set(socket, answers.add(response));
      response.once('close', () => answers.delete(response));
    },
    isMidAnswer: (socket) =>
      answersOver(socket).some(
        // What waits behind others has no socket yet; of what is ended, all of it has gone.
        (answer) => answer.socket !== null && answer.headersSent && !answer.writableEnded,
      ),
  };
}
