import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getPath, postPath } from './keys';

/** A GET as it goes over the wire. */
export const getOf = (key: string, version = '1.1', connection?: string): string =>
  [
    `GET ${getPath} HTTP/${version}`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${key}`,
    ...(connection === undefined ? [] : [`Connection: ${connection}`]),
    '\r\n',
  ].join('\r\n');

/** A POST as it goes over the wire, with further headers. */
export function postOf(body: unknown, ...headers: readonly string[]): string {
  const text = JSON.stringify(body);
  return [
    `POST ${postPath} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Content-Length: ${String(Buffer.byteLength(text))}`,
    ...headers,
    '',
    text,
  ].join('\r\n');
}

/** Milliseconds after which nothing more is expected to come. */
const quietMs = 300;

/** Everything that comes back over one connection for some pieces of bytes, until it is quiet or closed. */
export function exchange(
  url: string,
  ...pieces: readonly string[]
): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay();
    let text = '';
    let quiet = setTimeout(() => undefined, 0);
    const done = (closed: boolean): void => {
      clearTimeout(quiet);
      socket.destroy();
      resolve({ text, closed });
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(() => {
        done(false);
      }, quietMs);
    });
    socket.on('end', () => {
      done(true);
    });
    socket.on('error', reject);
    void (async () => {
      for (const [at, piece] of pieces.entries()) {
        if (at > 0) await sleep(quietMs / 6);
        socket.write(piece, 'latin1');
      }
    })();
  });
}
