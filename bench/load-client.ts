import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What a load run is told. */
export interface LoadOrder {
  readonly port: number;
  /** File of JSON: the texts of the requests, whole, as they go over the wire. */
  readonly requests: string;
  readonly connections: number;
  readonly warmUpMs: number;
  readonly runMs: number;
  /** Requests a second over all connections; as many as go without it. */
  readonly perSecond?: number;
  /** A text that every answer has; others are counted as wrong. */
  readonly expect: string;
}

/** What it found. */
export interface LoadResult {
  readonly answers: number;
  readonly wrong: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The first wrong answer, for whoever reads the failure. */
  readonly firstWrong: string | undefined;
}

const headEnd = Buffer.from('\r\n\r\n');

/**
 * Sends requests over raw connections, the next one when the answer of the last is complete: a client library would
 * cost more than the servers that it measures.
 */
export function runLoad(order: LoadOrder): Promise<LoadResult> {
  const texts = JSON.parse(readFileSync(order.requests, 'utf8')) as string[];
  const requests = texts.map((text) => Buffer.from(text, 'latin1'));
  const expected = Buffer.from(order.expect, 'latin1');
  const latencies: number[] = [];
  const state = { answers: 0, wrong: 0, firstWrong: undefined as string | undefined };
  const began = performance.now();
  const from = began + order.warmUpMs;
  const until = from + order.runMs;
  const gapMs = order.perSecond === undefined ? 0 : (order.connections * 1000) / order.perSecond;

  const drive = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket: Socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true });
      let sentAt = 0;
      let due = began + (gapMs * index) / order.connections;
      let pending: Buffer = Buffer.alloc(0);
      const send = (): void => {
        if (performance.now() >= until) {
          socket.destroy();
          resolve();
          return;
        }
        sentAt = performance.now();
        socket.write(requests[Math.floor(Math.random() * requests.length)] as Buffer);
      };
      const next = (): void => {
        if (gapMs === 0) {
          send();
          return;
        }
        due += gapMs;
        const rest = due - performance.now();
        if (rest > 1) setTimeout(send, rest);
        else send();
      };
      socket.on('data', (chunk: Buffer) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        if (!isComplete(pending)) return;
        const now = performance.now();
        if (now >= from && now < until) {
          state.answers += 1;
          latencies.push(now - sentAt);
          if (!pending.includes(expected)) {
            state.wrong += 1;
            state.firstWrong ??= pending.toString('latin1');
          }
        }
        pending = Buffer.alloc(0);
        next();
      });
      socket.on('error', reject);
      socket.on('connect', send);
    });

  return Promise.all(Array.from({ length: order.connections }, (_, index) => drive(index))).then(
    () => {
      latencies.sort((a, b) => a - b);
      const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
      return { ...state, seconds: order.runMs / 1000, p50Ms: at(0.5), p99Ms: at(0.99) };
    },
  );
}

function isComplete(answer: Buffer): boolean {
  const end = answer.indexOf(headEnd);
  if (end < 0) return false;
  const head = answer.toString('latin1', 0, end);
  if (head.startsWith('HTTP/1.1 204')) return true;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return length !== undefined && answer.length >= end + 4 + Number(length);
}

if (require.main === module) {
  const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder;
  runLoad(order).then(
    (result) => {
      console.log(JSON.stringify(result));
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
