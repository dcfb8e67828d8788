import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestApp } from '../../support/test-app';

/** An answer as it came over the wire; JSON is parsed. */
export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly body: any;
}

/** A request whose every byte the test decides. */
export interface Wish {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a request with a key that may do everything; POST unless told otherwise. */
export async function send(
  app: TestApp,
  key: string,
  path: string,
  { method = 'POST', headers, body }: Wish = {},
): Promise<Seen> {
  const response = await fetch(`${app.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { 'x-api-key': key, ...headers },
    ...(body === undefined ? {} : { body: body as string }),
  });
  const text = await response.text();
  const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body: parsed };
}

/** The same below HTTP: writes text to the socket and returns the text that came back until it was closed. */
export async function raw(app: TestApp, request: string): Promise<string> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', () => undefined);
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

/** Headers of a request with a JSON body. */
export const json = { 'content-type': 'application/json' };

/** The form of a request id. */
export const requestId = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Expects a whole problem document. */
export function expectProblem(
  { status, headers, body }: Seen,
  expected: number,
  code: string,
): void {
  expect([status, body.code]).toEqual([expected, code]);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(headers.get('x-request-id')).toMatch(requestId);
  expect(body).toMatchObject({
    type: `/problems/${code}`,
    status: expected,
    request_id: headers.get('x-request-id'),
  });
}

/** Lines that the API has logged as failures of its own. */
export function failures(app: TestApp): string[] {
  return app.logs.filter((line) => line.includes('"level":"error"'));
}
