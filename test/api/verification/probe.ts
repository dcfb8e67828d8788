import { Agent, request } from 'node:http';
import { postPath } from './keys';

/** One answer of a verifier, with when its request was sent and when it came, on the monotonic clock. */
export interface Probe {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly code: string;
}

/** Asks verifiers about one key without a pause. */
export interface Prober {
  readonly probes: readonly Probe[];
  /** Resolves when some answer has this code. */
  until(code: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts so many lanes at each of some URLs. */
export function startProber(urls: readonly string[], key: string, lanes = 2): Prober {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ key });
  const probes: Probe[] = [];
  const waiting: { code: string; resolve: () => void }[] = [];
  let stopped = false;

  const lane = async (url: string): Promise<void> => {
    while (!stopped) {
      const sentAt = performance.now();
      const code = await ask(agent, url, body);
      probes.push({ sentAt, answeredAt: performance.now(), code });
      for (const one of waiting.filter((each) => each.code === code)) {
        waiting.splice(waiting.indexOf(one), 1);
        one.resolve();
      }
    }
  };
  const running = urls.flatMap((url) => Array.from({ length: lanes }, () => lane(url)));
  return {
    probes,
    until: (code) =>
      new Promise((resolve) => {
        waiting.push({ code, resolve });
      }),
    async stop() {
      stopped = true;
      await Promise.all(running);
      agent.destroy();
    },
  };
}

function ask(agent: Agent, url: string, body: string): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(`${url}${postPath}`, { method: 'POST', agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve((JSON.parse(text) as { code: string }).code);
      });
    });
    sent.on('error', () => {
      resolve('NO_ANSWER');
    });
    sent.end(body);
  });
}

/** How much later than a moment the last request was sent that was still accepted; negative when none was. */
export function lateness(probes: readonly Probe[], after: number): number {
  const late = probes.filter(({ code, sentAt }) => code === 'VALID' && sentAt > after);
  return Math.max(-1, ...late.map(({ sentAt }) => sentAt - after));
}
