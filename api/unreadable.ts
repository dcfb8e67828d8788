import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { toProblem } from '../src/errors/http';
import { DomainError } from '../src/errors/problems';
import { newId } from '../src/platform/ids';
import type { KeptConnections } from './kept-connections';

/** Why node gave up on a request before the app saw it, by the code of its error. */
const details: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers are too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not arrive in time.',
};

/**
 * Has what is no readable HTTP answered as everything else is: by a problem with a request id. An expectation that
 * nobody knows is answered as if it was not there, which RFC 9110 allows.
 */
export function answerUnreadable(
  server: Server,
  { isMidAnswer }: Pick<KeptConnections, 'isMidAnswer'>,
): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // In the middle of an answer the problem would pass for a part of it; cut off, it is seen to be no whole one.
    if (error.code === 'ECONNRESET' || !socket.writable || isMidAnswer(socket)) {
      socket.destroy();
      return;
    }
    const detail = details[error.code ?? ''];
    const requestId = newId();
    const problem = toProblem(new DomainError('malformed-request', detail ? { detail } : {}), {
      requestId,
      instance: '',
    });
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${String(problem.status)} ${STATUS_CODES[problem.status] ?? ''}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Request-Id: ${requestId}`,
      'Cache-Control: no-store',
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
  server.on('checkExpectation', (request, response) => {
    server.emit('request', request, response);
  });
}
