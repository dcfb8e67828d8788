import { validateHeaderValue } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createQuickIds } from '../src/platform/ids';
import { isKept, keepAlive } from './kept-connections';

/** The part of an answer's head that many answers have in common. */
export interface Head {
  readonly status: number;
  /** Its headers as they go over the wire. */
  readonly headers: string;
}

/** A body and how many bytes it has. */
export interface Body {
  readonly text: string;
  readonly bytes: number;
}

/**
 * Writes an answer, whole: `X-Request-Id` and, with a body, `Content-Length` stand behind the headers given.
 * @param body undefined for a status that has none
 */
export type WriteAnswer = (response: ServerResponse, head: Head, body?: Body) => void;

/**
 * Writes headers, names and values in turn, as they go over the wire.
 * @throws TypeError for a value that no header can have
 */
export function writtenHeaders(headers: readonly string[]): string {
  let text = '';
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    validateHeaderValue(name, value);
    text += `${name}: ${value}\r\n`;
  }
  // In one piece, and not as the tree of pieces that it was put together from.
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Names and values in turn of headers that are written. */
const listedHeaders = (text: string): string[] =>
  text
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    });

/** What node:http keeps of an answer while it writes it; no part of its documentation. */
interface Inside {
  /** The head as it goes over the wire, once it is made; it leaves with the first piece of the body, or the end. */
  _header?: unknown;
}

/** Milliseconds for which a `Date` is true. */
const second = 1000;

/**
 * Builds the writer of one server. What node:http does to write a head, header by header, costs more than to verify a
 * key, and of thousands of heads a second only the ids differ. So it writes the first answer of every second, from
 * which is learnt how its heads begin and end (`Keep-Alive`, `Date`, `Connection`), and is handed the others ready
 * made. A connection that is not kept, and a node:http that keeps its heads elsewhere, is served by it alone.
 */
export function createAnswerWriter(): WriteAnswer {
  /** The second that was learnt last, in milliseconds since 1970, and what was. */
  let learntAt = -Infinity;
  let end = '';
  const beginnings = new Map<number, string>();
  const newId = createQuickIds();
  const kept = writtenHeaders(keepAlive);

  const learn = (
    response: ServerResponse,
    { status, headers }: Head,
    own: string,
    now: number,
  ): void => {
    const { _header: whole } = response as Inside;
    if (typeof whole !== 'string') return;
    const from = whole.indexOf('\r\n') + 2;
    const given = headers + own;
    if (!whole.startsWith(given, from)) return;
    beginnings.set(status, whole.slice(0, from));
    end = whole.slice(from + given.length);
    learntAt = now - (now % second);
  };

  return (response, head, body) => {
    const now = Date.now();
    const length = body === undefined ? '' : `Content-Length: ${String(body.bytes)}\r\n`;
    const text = body === undefined ? '' : body.text;
    const isUsual = isKept(response);
    const own = `X-Request-Id: ${newId(now)}\r\n${length}`;
    const isAscii = body === undefined || text.length === body.bytes;
    const begin = beginnings.get(head.status);
    const isKnown = begin !== undefined && now >= learntAt && now < learntAt + second;
    if (isUsual && isAscii && isKnown) {
      response.statusCode = head.status;
      // The body goes along, so that it is all one write.
      (response as Inside)._header = begin + head.headers + own + end + text;
      response.end();
      return;
    }
    response.writeHead(head.status, listedHeaders(head.headers + own + (isUsual ? kept : '')));
    if (isUsual) learn(response, head, own, now);
    response.end(text);
  };
}
