import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { sqlState } from './db';
import { DatabaseUnavailable, newClient, part, requirePrimary } from './own-connection';
import { statementsOf } from './statements';
import type { Statements } from './statements';

/** An answer, and when its query left, on the monotonic clock (`performance.now()`). */
export interface Answered<R> {
  readonly value: R;
  readonly sentAt: number;
}

/** Questions that are asked together. */
export interface BatchedQuery<Q, R> {
  /**
   * Asks one question. It joins the next query that leaves, never one that has left.
   * @param deadline on the monotonic clock; the time limit from now unless it is earlier
   * @throws DatabaseUnavailable by then
   */
  ask(question: Q, deadline?: number): Promise<Answered<R>>;
  /** Resolves when the first connection is open. */
  opened(): Promise<void>;
  close(): Promise<void>;
}

/** The statements of one connection, as far as batches need them. */
export type TextStatements = Pick<Statements, 'askForTexts'>;

/** How questions of one kind are asked. */
export interface BatchedQueryOptions<Q, R> {
  readonly url: string;
  readonly applicationName: string;
  readonly connections: number;
  /** Most questions of one query. */
  readonly most: number;
  /** Milliseconds within which every question has its answer or its error. */
  readonly timeoutMs: number;
  /** How questions are asked on a connection that is new, many in one go; the answers in their order. */
  readonly open: (statements: TextStatements) => (questions: readonly Q[]) => Promise<readonly R[]>;
  /** Told when answers cease and when they come again. */
  readonly onChange?: (up: boolean, error?: unknown) => void;
}

interface Waiting<Q, R> {
  readonly question: Q;
  readonly deadline: number;
  settled: boolean;
  readonly resolve: (answer: Answered<R>) => void;
  readonly reject: (error: Error) => void;
}

interface Batch<Q, R> {
  readonly batch: readonly Waiting<Q, R>[];
  readonly sentAt: number;
}

/** A connection, and how questions are asked on it. */
interface Line<Q, R> {
  readonly client: Client;
  readonly answers: (questions: readonly Q[]) => Promise<readonly R[]>;
}

/** Questions that are not divided among connections. */
const fewest = 16;
/** Milliseconds after which a query is taken to be slow, so that nothing waits behind it. */
const gatherMs = 10;
const queryCanceled = '57014';
/** Milliseconds between two tries to connect. */
const retryMs = 150;
/** Milliseconds between two looks at what waits too long. */
const sweepMs = 50;

/**
 * Coalesces the questions of one tick into one query on few connections of its own. While Postgres is gone questions
 * fail at once, and the connections are tried again until one holds.
 */
export function createBatchedQuery<Q, R>(options: BatchedQueryOptions<Q, R>): BatchedQuery<Q, R> {
  let queue: Waiting<Q, R>[] = [];
  const underWay = new Set<Batch<Q, R>>();
  const idle: Line<Q, R>[] = [];
  const open = new Set<Line<Q, R>>();
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  let tellOpened = (): void => undefined;
  const firstOpened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });
  let scheduled = false;
  let up = true;
  let sweeper: NodeJS.Timeout | undefined;

  const fail = (waiting: Waiting<Q, R>, why: string): void => {
    if (waiting.settled) return;
    waiting.settled = true;
    waiting.reject(new DatabaseUnavailable(why));
  };
  const change = (to: boolean, error?: unknown): void => {
    if (up === to) return;
    up = to;
    if (!up) for (const waiting of queue.splice(0)) fail(waiting, 'Postgres is not reachable');
    options.onChange?.(up, error);
  };
  function sweep(): void {
    const now = performance.now();
    for (const waiting of queue)
      if (waiting.deadline <= now) fail(waiting, 'No connection was free');
    queue = queue.filter(({ settled }) => !settled);
    for (const { batch } of underWay)
      for (const waiting of batch) if (waiting.deadline <= now) fail(waiting, 'No answer in time');
    if (queue.length > 0) pump();
    if (queue.length > 0 || underWay.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  }

  function pump(): void {
    scheduled = false;
    while (queue.length > 0) {
      // A query costs as much as several questions do: behind one that is under way as many gather as it has.
      const [current] = underWay;
      const ahead = current?.batch.length ?? 0;
      if (current && queue.length < ahead && performance.now() - current.sentAt < gatherMs) return;
      const line = idle.pop();
      if (!line) return;
      const half = Math.ceil((queue.length + ahead) / 2);
      const batch = queue.splice(0, Math.min(options.most, Math.max(fewest, half)));
      void send(line, batch);
    }
  }
  async function send(line: Line<Q, R>, batch: readonly Waiting<Q, R>[]): Promise<void> {
    const sentAt = performance.now();
    const sent = { batch, sentAt };
    underWay.add(sent);
    try {
      const values = await line.answers(batch.map(({ question }) => question));
      batch.forEach((waiting, index) => {
        if (waiting.settled) return;
        waiting.settled = true;
        waiting.resolve({ value: values[index] as R, sentAt });
      });
      underWay.delete(sent);
      if (open.has(line)) idle.push(line);
      pump();
    } catch (error) {
      underWay.delete(sent);
      for (const waiting of batch) fail(waiting, 'The query failed');
      // A server that says that it took too long is there; of everything else nobody knows, and a new connection takes
      // the place of this one.
      if (sqlState(error) === queryCanceled && open.has(line)) idle.push(line);
      else drop(line, error);
      pump();
    }
  }
  function drop(line: Line<Q, R>, error: unknown): void {
    if (!open.delete(line)) return;
    const at = idle.indexOf(line);
    if (at >= 0) idle.splice(at, 1);
    part(line.client);
    if (open.size === 0) change(false, error);
  }

  const keepConnected = async (): Promise<void> => {
    while (!isClosing()) {
      const client = newClient({
        url: options.url,
        applicationName: options.applicationName,
        statementMs: options.timeoutMs,
        // Longer than the server lets it run: whoever says nothing for that long is not there any more.
        silentMs: options.timeoutMs * 2,
        onError: (error) => {
          drop(line, error);
        },
      });
      const line = { client, answers: options.open(statementsOf(client)) };
      const ended = new Promise<void>((resolve) => {
        client.once('end', resolve);
      });
      try {
        await client.connect();
        await requirePrimary(client);
        open.add(line);
        if (isClosing()) drop(line, undefined);
        else {
          idle.push(line);
          change(true);
          tellOpened();
          pump();
        }
        await ended;
      } catch (error) {
        part(client);
        if (open.size === 0) change(false, error);
      }
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const keeping = Array.from({ length: options.connections }, keepConnected);

  return {
    ask: (question, deadline = performance.now() + options.timeoutMs) =>
      new Promise((resolve, reject) => {
        if (!up) {
          reject(new DatabaseUnavailable('Postgres is not reachable'));
          return;
        }
        queue.push({ question, deadline, settled: false, resolve, reject });
        sweeper ??= setInterval(sweep, sweepMs).unref();
        if (scheduled || idle.length === 0) return;
        scheduled = true;
        setImmediate(pump);
      }),
    opened: () => firstOpened,
    async close() {
      closing.abort();
      change(false);
      for (const line of open) drop(line, undefined);
      await Promise.all(keeping);
      clearInterval(sweeper);
    },
  };
}
