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
  readonly p99Ms: number;
  /** The first wrong answer, for whoever reads the failure. */
  readonly firstWrong: string | undefined;
}

/**
 * Sends requests over raw connections, the next one when the answer of the last is complete: a client library would
 * cost more than the servers that it measures, and this one shares a core with what they ask.
 */
export function runLoad(order: LoadOrder): Promise<LoadResult> {
  const texts = JSON.parse(readFileSync(order.requests, 'utf8')) as string[];
  const latencies: number[] = [];
  const state = { answers: 0, wrong: 0, firstWrong: undefined as string | undefined };
  const began = performance.now();
  const from = began + order.warmUpMs;
  const until = from + order.runMs;
  const gapMs = order.perSecond === undefined ? 0 : (order.connections * 1000) / order.perSecond;

  const drive = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAt = 0;
      let due = began + (gapMs * index) / order.connections;
      let pending = '';
      const onAnswer = (text: string): void => {
        pending = pending === '' ? text : pending + text;
        if (!isComplete(pending)) return;
        const now = performance.now();
        if (now >= from && now < until) {
          state.answers += 1;
          latencies.push(now - sentAt);
          if (!pending.includes(order.expect)) {
            state.wrong += 1;
            state.firstWrong ??= pending;
          }
        }
        pending = '';
        next();
      };
      const socket: Socket = connect({
        port: order.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(16 * 1024),
          callback(length, buffer) {
            onAnswer((buffer as Buffer).toString('latin1', 0, length));
            return true;
          },
        },
      });
      const send = (): void => {
        if (performance.now() >= until) {
          socket.destroy();
          resolve();
          return;
        }
        sentAt = performance.now();
        socket.write(texts[Math.floor(Math.random() * texts.length)] as string, 'latin1');
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
      socket.on('error', reject);
      socket.on('connect', send);
    });

  return Promise.all(Array.from({ length: order.connections }, (_, index) => drive(index))).then(
    () => {
      latencies.sort((a, b) => a - b);
      const p99Ms = latencies[Math.floor(latencies.length * 0.99)] ?? 0;
      return { ...state, seconds: order.runMs / 1000, p99Ms };
    },
  );
}

function isComplete(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (answer.startsWith('HTTP/1.1 204')) return true;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1];
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
