import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Requests of one kind. */
export interface Load {
  /** File of JSON: the texts of the requests, whole, as they go over the wire. */
  readonly requests: string;
  readonly connections: number;
  /** Requests a second over all connections; as many as go without it. */
  readonly perSecond?: number;
  /** A text that every answer has; others are counted as wrong. */
  readonly expect: string;
}

/** What a load run is told. */
export interface LoadOrder extends Load {
  readonly port: number;
  readonly warmUpMs: number;
  readonly runMs: number;
  /**
   * What is sent beside it, on and off: a machine whose speed changes from second to second is as fast with it as
   * without. The same process sends it, since a second one would take more of the core than its requests do.
   */
  readonly beside?: Load | undefined;
}

/** What came of one load. */
export interface Answers {
  readonly answers: number;
  readonly wrong: number;
  readonly seconds: number;
  readonly p99Ms: number;
  /** The first wrong answer, for whoever reads the failure. */
  readonly firstWrong: string | undefined;
}

/** What a run found; of one with something beside it, while that was not sent. */
export interface LoadResult extends Answers {
  /** The load and what was beside it, while that was sent. */
  readonly beside: { readonly own: Answers; readonly other: Answers } | undefined;
}

/** Milliseconds for which what is beside a load is sent, and then is not. */
const turnMs = 500;
/** Of each of them those that do not count: answers of the last one are still on their way. */
const changeMs = 100;

/** Sends what it is told, and counts the answers that come within its time. */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { port, beside } = order;
  const from = performance.now() + order.warmUpMs;
  const until = from + order.runMs;
  if (!beside) {
    const own = createTally();
    const isCounted = (now: number): boolean => now >= from && now < until;
    await send(order, { port, until, tallyAt: (now) => (isCounted(now) ? own : undefined) });
    return { ...own.result(order.runMs), beside: undefined };
  }
  const [alone, own, other] = [createTally(), createTally(), createTally()];
  const turnOf = (now: number): number => Math.floor((now - from) / turnMs);
  const isSent = (now: number): boolean => turnOf(now) % 2 !== 0;
  const isCounted = (now: number): boolean =>
    now >= from && now < until && (now - from) % turnMs >= changeMs;
  const tallyAt = (now: number): Tally | undefined =>
    isCounted(now) ? (isSent(now) ? own : alone) : undefined;
  const besideAt = (now: number): Tally | undefined =>
    isCounted(now) && isSent(now) ? other : undefined;
  const pauseAt = (now: number): number =>
    isSent(now) ? 0 : from + (turnOf(now) + 1) * turnMs - now;
  await Promise.all([
    send(order, { port, until, tallyAt }),
    send(beside, { port, until, tallyAt: besideAt, pauseAt }),
  ]);
  const countedMs = (order.runMs / 2) * (1 - changeMs / turnMs);
  return {
    ...alone.result(countedMs),
    beside: { own: own.result(countedMs), other: other.result(countedMs) },
  };
}

interface Tally {
  add(text: string, expect: string, ms: number): void;
  result(countedMs: number): Answers;
}

function createTally(): Tally {
  const latencies: number[] = [];
  let wrong = 0;
  let firstWrong: string | undefined;
  return {
    add(text, expect, ms) {
      latencies.push(ms);
      if (text.includes(expect)) return;
      wrong += 1;
      firstWrong ??= text;
    },
    result(countedMs) {
      latencies.sort((a, b) => a - b);
      const p99Ms = latencies[Math.floor(latencies.length * 0.99)] ?? 0;
      return { answers: latencies.length, wrong, seconds: countedMs / 1000, p99Ms, firstWrong };
    },
  };
}

interface Course {
  readonly port: number;
  /** On the monotonic clock, as all moments here. */
  readonly until: number;
  /** Where an answer counts that is complete now. */
  readonly tallyAt: (now: number) => Tally | undefined;
  /** Milliseconds from now for which nothing is sent. */
  readonly pauseAt?: (now: number) => number;
}

/**
 * Sends requests over raw connections, the next one when the answer of the last is complete: a client library would
 * cost more than the servers that it measures, and this one shares a core with what they ask.
 */
async function send(load: Load, { port, until, tallyAt, pauseAt }: Course): Promise<void> {
  const texts = JSON.parse(readFileSync(load.requests, 'utf8')) as string[];
  const began = performance.now();
  const gapMs = load.perSecond === undefined ? 0 : (load.connections * 1000) / load.perSecond;

  const drive = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const offsetMs = (gapMs * index) / load.connections;
      let sentAt = 0;
      let due = began + offsetMs;
      let pending = '';
      const onAnswer = (text: string): void => {
        pending = pending === '' ? text : pending + text;
        if (!isComplete(pending)) return;
        const now = performance.now();
        tallyAt(now)?.add(pending, load.expect, now - sentAt);
        pending = '';
        next();
      };
      const socket: Socket = connect({
        port,
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
      const sendOne = (): void => {
        const now = performance.now();
        if (now >= until) {
          socket.destroy();
          resolve();
          return;
        }
        const pauseMs = pauseAt?.(now) ?? 0;
        if (pauseMs > 0) {
          due = now + pauseMs + offsetMs;
          setTimeout(sendOne, due - now);
          return;
        }
        sentAt = now;
        socket.write(texts[Math.floor(Math.random() * texts.length)] as string, 'latin1');
      };
      const next = (): void => {
        if (gapMs === 0) {
          sendOne();
          return;
        }
        due += gapMs;
        const rest = due - performance.now();
        if (rest > 1) setTimeout(sendOne, rest);
        else sendOne();
      };
      socket.on('error', reject);
      socket.on('connect', sendOne);
    });

  await Promise.all(Array.from({ length: load.connections }, (_, index) => drive(index)));
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
