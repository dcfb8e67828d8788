import { createServer, request as send } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SeenResponse } from '../support/openapi';

/** A call that went through the proxy. */
export interface RecordedCall {
  /** Number of the block that made it, as the last call of `/_block/<n>` said. */
  readonly block: number;
  readonly method: string;
  readonly path: string;
  readonly answer: SeenResponse;
}

/** An HTTP server that hands on what it gets and remembers it. */
export interface RecordingProxy {
  readonly url: string;
  readonly calls: readonly RecordedCall[];
  /** Where calls go from now on. */
  target: string;
  close(): Promise<void>;
}

/** Starts one; `GET /_block/<n>` tells it which block of a page is being run. */
export async function startRecordingProxy(): Promise<RecordingProxy> {
  const calls: RecordedCall[] = [];
  const state = { target: '', block: -1 };
  const server = createServer((request, response) => {
    const marker = /^\/_block\/(\d+)$/.exec(request.url ?? '');
    if (marker) {
      state.block = Number(marker[1]);
      response.writeHead(204).end();
      return;
    }
    const { block } = state;
    handOn(state.target, request, response, (answer) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      calls.push({ block, method: request.method ?? '', path, answer });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    calls,
    get target() {
      return state.target;
    },
    set target(to) {
      state.target = to;
    },
    close: () => close(server),
  };
}

function handOn(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  record: (answer: SeenResponse) => void,
): void {
  const { method, headers, url } = request;
  const options = { method, headers, agent: false };
  const onward = send(`${target}${url ?? ''}`, options, (answer) => {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => {
      const body = Buffer.concat(parts);
      const status = answer.statusCode ?? 0;
      record({ status, headers: answer.headers, body: parsed(answer, body) });
      response.writeHead(status, answer.headers).end(body);
    });
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

function parsed(answer: IncomingMessage, body: Buffer): unknown {
  const text = body.toString('utf8');
  const isJson = (answer.headers['content-type'] ?? '').includes('json');
  return isJson && text !== '' ? (JSON.parse(text) as unknown) : text;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
