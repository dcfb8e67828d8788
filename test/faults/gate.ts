import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a call is held: before the backend sees it, or after it has acted and before its answer is passed on. */
export type Hold = 'before-act' | 'after-act';

/** What the gate does to a call instead of passing it on and its answer back. */
export type Trick =
  | { readonly kind: 'timeout-after-act' | 'reset-after-act' | 'reset-before-act' | 'malformed' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number };

/** A call that came through, in the order of arrival. */
export interface GatedCall {
  readonly onboardingId: string;
  readonly step: string;
  readonly key: string;
  readonly path: string;
  /** Of the backend's own answer, or of the one that the gate gave instead; null while there is none. */
  status: number | null;
}

interface Rule {
  readonly onboardingId: string;
  readonly step: string;
  left: number;
  /** For how long from its first strike on. */
  readonly ms: number;
  until: number;
  readonly act: Hold | Trick;
}

/** Stands between the workers and the backend, so that a call can be stopped exactly where a fault shall meet it. */
export interface Gate {
  readonly url: string;
  readonly calls: readonly GatedCall[];
  /** Stops the next call of a step; resolves when it stands where it shall. */
  hold(onboardingId: string, step: string, where: Hold): Promise<void>;
  /** Meddles with calls of a step: so many, or for so many milliseconds from the first one on. */
  meddle(
    onboardingId: string,
    step: string,
    trick: Trick,
    limit: { times?: number; ms?: number },
  ): void;
  /** Lets every held call go on, whoever still waits for it; `lost` ones as if the backend had died with them. */
  release(how?: 'lost'): void;
  /** How many calls of an onboarding it has meddled with. */
  struck(onboardingId: string): number;
  stop(): Promise<void>;
}

/** Longest time until a call has to come. */
const patienceMs = 60_000;

/**
 * Opens a gate in front of a backend. It takes the Idempotency-Key off what it passes on, so that a call that is made
 * twice takes effect twice, and shows in the objects.
 */
export async function openGate(backendUrl: () => string): Promise<Gate> {
  const calls: GatedCall[] = [];
  const held = new Set<(lost: boolean) => void>();
  let rules: Rule[] = [];
  const reached = new Map<Rule, () => void>();
  const struck = new Map<string, number>();

  const standStill = (rule: Rule) =>
    new Promise<boolean>((resolve) => {
      held.add(resolve);
      reached.get(rule)?.();
    });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const header = request.headers['idempotency-key'];
    const key = typeof header === 'string' ? header : '';
    const [onboardingId = '', name = ''] = key.split(':');
    const step = key.endsWith(':undo') ? `${name}:undo` : name;
    const call: GatedCall = { onboardingId, step, key, path: request.url ?? '', status: null };
    if (key !== '') calls.push(call);
    const now = Date.now();
    rules = rules.filter((rule) => rule.left > 0 && rule.until > now);
    const rule = rules.find((one) => one.onboardingId === onboardingId && one.step === step);
    if (rule) {
      rule.left -= 1;
      rule.until = Math.min(rule.until, now + rule.ms);
    }
    const act = rule?.act;
    if (typeof act === 'object') struck.set(onboardingId, (struck.get(onboardingId) ?? 0) + 1);
    if (typeof act === 'object' && act.kind === 'reset-before-act') {
      request.socket.resetAndDestroy();
      return;
    }
    if (typeof act === 'object' && act.kind === 'status') {
      call.status = act.status;
      const retry = act.retryAfter === undefined ? {} : { 'retry-after': String(act.retryAfter) };
      response.writeHead(act.status, { 'content-type': 'application/json', ...retry });
      response.end('{"success":false,"message":"injected by the fault harness"}');
      return;
    }
    let lost = rule !== undefined && act === 'before-act' && (await standStill(rule));
    const answer = lost
      ? undefined
      : await forward(backendUrl(), request, Buffer.concat(chunks)).catch(() => undefined);
    if (answer) call.status = answer.status;
    lost ||= rule !== undefined && act === 'after-act' && (await standStill(rule));
    if (typeof act === 'object' && act.kind === 'timeout-after-act') return;
    if (lost || !answer || (typeof act === 'object' && act.kind === 'reset-after-act')) {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(
      typeof act === 'object' && act.kind === 'malformed' ? '{"success":tr' : answer.body,
    );
  };
  const server = http.createServer((request, response) => {
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    calls,
    hold: (onboardingId, step, where) => {
      const standing = new Promise<void>((resolve, reject) => {
        const rule: Rule = {
          ...{ onboardingId, step, left: 1, act: where },
          ...{ ms: Infinity, until: Infinity },
        };
        const late = setTimeout(() => {
          reject(new Error(`No call of ${step} came in ${String(patienceMs / 1000)} s`));
        }, patienceMs).unref();
        reached.set(rule, () => {
          clearTimeout(late);
          resolve();
        });
        rules.push(rule);
      });
      // Whoever staged it may have given up before.
      standing.catch(() => undefined);
      return standing;
    },
    meddle: (onboardingId, step, act, { times = Infinity, ms = Infinity }) => {
      rules.push({ onboardingId, step, left: times, ms, until: Infinity, act });
    },
    release: (how) => {
      for (const go of held) go(how === 'lost');
      held.clear();
      rules = rules.filter(({ act }) => typeof act === 'object');
    },
    struck: (onboardingId) => struck.get(onboardingId) ?? 0,
    stop: () =>
      new Promise((resolve) => {
        for (const go of held) go(true);
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function forward(
  backendUrl: string,
  request: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; body: Buffer }> {
  const { 'idempotency-key': _, host: __, connection: ___, ...headers } = request.headers;
  return new Promise((resolve, reject) => {
    const passed = http.request(
      `${backendUrl}${request.url ?? ''}`,
      { method: request.method ?? 'GET', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) });
        });
      },
    );
    passed.on('error', reject);
    passed.end(body);
  });
}
