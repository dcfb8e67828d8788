import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { openBarrier, setMaxLease } from '../src/platform/barriers';
import { createDatabase, withSystem } from '../src/platform/db';
import type { Database } from '../src/platform/db';
import { startDeafProxy } from './deaf-proxy';
import type { DeafProxy } from './deaf-proxy';
import { median, quantile, rounded } from './results';
import type { Figure } from './results';
import type { Program } from './system';
import { storeKeys } from './verify-keys';
import type { DrawnKey } from './verify-keys';
import { startVerifySystem } from './verify-system';
import type { VerifySystem } from './verify-system';

type Tell = (figure: Figure) => void;
type Mode = 'strict' | 'cached';
type Disturbance = 'normal' | 'notifications-dropped' | 'listener-frozen' | 'postgres-killed';

const leaseMs = 500;
/** Requests at a time for each key at each of the two verifiers. */
const lanes = 3;
/** Revocations of each kind; those that take Postgres along take seconds each. */
const revocations: Readonly<Record<Disturbance, number>> = {
  normal: Number(process.env['BENCH_REVOCATIONS'] ?? 40),
  'notifications-dropped': Number(process.env['BENCH_REVOCATIONS'] ?? 40),
  'listener-frozen': 8,
  'postgres-killed': 5,
};

interface Probe {
  readonly sentAt: number;
  readonly code: string;
}

/** What came of one revocation, milliseconds on the monotonic clock. */
interface Outcome {
  /** From the commit to the last request that was sent and still accepted; negative when none was sent after it. */
  readonly afterCommit: number;
  /** Requests sent after the barrier that were accepted. */
  readonly afterBarrier: number;
  /** From the commit to the end of the barrier. */
  readonly barrierMs: number;
}

/**
 * Revokes keys while two verifiers are asked for them without a pause, and looks for requests that were sent after the
 * commit, or after the barrier, and were accepted. A request counts from its sending: no later than its arrival.
 */
export async function benchRevocation(tell: Tell): Promise<void> {
  const system = await startVerifySystem();
  const proxy = await startDeafProxy(system.postgres().appUrl);
  const db = createDatabase({
    url: system.postgres().appUrl,
    applicationName: 'bench',
    onError: () => undefined,
  });
  try {
    const keys = await storeKeys(system.postgres().ownerUrl, [system.pepper]);
    for (const mode of ['strict', 'cached'] as const) {
      await setMaxLease(db, 'system:bench', mode === 'cached' ? leaseMs : 0);
      const env = {
        DATABASE_URL: proxy.url,
        ...(mode === 'cached' ? { KEYS_CACHE: 'lease', KEYS_LEASE_MS: String(leaseMs) } : {}),
      };
      const verifiers = [
        await system.start('src/main/api.js', env),
        await system.start('src/main/api.js', env),
      ];
      for (const disturbance of disturbances(mode)) {
        const outcomes: Outcome[] = [];
        for (let n = 0; n < revocations[disturbance]; n += 1) {
          const key = keys.pop();
          if (!key) throw new Error('There are no keys left');
          outcomes.push(await revokeOne({ system, proxy, db, verifiers, key, disturbance }));
        }
        tellOutcomes(tell, mode, disturbance, outcomes);
      }
      for (const verifier of verifiers) await verifier.stop();
    }
  } finally {
    await db.close();
    await proxy.stop();
    await system.stop();
  }
}

// A strict verifier hears no notifications.
const disturbances = (mode: Mode): readonly Disturbance[] =>
  mode === 'strict'
    ? ['normal', 'postgres-killed']
    : ['normal', 'notifications-dropped', 'listener-frozen', 'postgres-killed'];

async function revokeOne({
  system,
  proxy,
  db,
  verifiers,
  key,
  disturbance,
}: {
  readonly system: VerifySystem;
  readonly proxy: DeafProxy;
  readonly db: Database;
  readonly verifiers: readonly Program[];
  readonly key: DrawnKey;
  readonly disturbance: Disturbance;
}): Promise<Outcome> {
  const asking = ask(verifiers, key);
  await asking.until((probes) => probes.filter(({ code }) => code === 'VALID').length > 100);
  const undo = await disturb(system, proxy, disturbance);
  let committed = 0;
  let passed = 0;
  try {
    const barrier = await withSystem(db, 'cli', async (tx) => {
      const opened = await openBarrier(tx);
      await tx.run('update api_keys set revoked_at = now() where id = $1', [key.id]);
      return opened;
    });
    committed = performance.now();
    if (disturbance === 'postgres-killed') process.kill(system.postgres().pid, 'SIGKILL');
    await barrier.passed();
    passed = performance.now();
    // Time for requests that come after it.
    await sleep(100);
  } finally {
    undo();
  }
  if (disturbance === 'postgres-killed') await system.restartPostgres();
  await asking.until((probes) => probes.at(-1)?.code === 'REVOKED');
  const probes = await asking.stop();
  const accepted = probes.filter(({ code }) => code === 'VALID');
  return {
    afterCommit: Math.max(-1, ...accepted.map(({ sentAt }) => sentAt - committed)),
    afterBarrier: accepted.filter(({ sentAt }) => sentAt > passed).length,
    barrierMs: passed - committed,
  };
}

async function disturb(
  system: VerifySystem,
  proxy: DeafProxy,
  disturbance: Disturbance,
): Promise<() => void> {
  if (disturbance === 'notifications-dropped') {
    proxy.setDeaf(true);
    return () => {
      proxy.setDeaf(false);
    };
  }
  if (disturbance !== 'listener-frozen') return () => undefined;
  const client = new Client({ connectionString: system.postgres().superUrl });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'usher-lease'`,
  );
  await client.end();
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const { pid } of rows) process.kill(pid, 'SIGCONT');
  };
}

function tellOutcomes(
  tell: Tell,
  mode: Mode,
  disturbance: Disturbance,
  outcomes: readonly Outcome[],
): void {
  const late = outcomes.map(({ afterCommit }) => Math.max(0, afterCommit));
  const name = `${mode}-${disturbance}`;
  tell({
    name: `${name}-latest`,
    value: rounded(Math.max(...late)),
    unit: 'ms after commit',
    goal: mode === 'cached' ? `<= ${String(leaseMs)}` : '<= 0',
  });
  tell({ name: `${name}-p50`, value: rounded(median(late)), unit: 'ms after commit' });
  tell({ name: `${name}-p99`, value: rounded(quantile(late, 0.99)), unit: 'ms after commit' });
  tell({
    name: `${name}-after-barrier`,
    value: outcomes.reduce((sum, { afterBarrier }) => sum + afterBarrier, 0),
    unit: `of ${String(outcomes.length)} revocations`,
    goal: '<= 0',
  });
  tell({
    name: `${name}-barrier`,
    value: rounded(median(outcomes.map(({ barrierMs }) => barrierMs))),
    unit: 'ms',
  });
}

interface Asking {
  until(enough: (probes: readonly Probe[]) => boolean): Promise<void>;
  stop(): Promise<readonly Probe[]>;
}

/** Asks all verifiers about one key, so many requests at a time, until it is stopped. */
function ask(verifiers: readonly Program[], { key }: DrawnKey): Asking {
  const agent = new Agent({ keepAlive: true });
  const probes: Probe[] = [];
  let stopped = false;
  const lane = async (url: string): Promise<void> => {
    while (!stopped) {
      const sentAt = performance.now();
      probes.push({ sentAt, code: await codeOf(agent, url, key) });
    }
  };
  const running = verifiers.flatMap(({ url }) => Array.from({ length: lanes }, () => lane(url)));
  return {
    async until(enough) {
      const deadline = performance.now() + 60_000;
      while (!enough(probes)) {
        if (performance.now() > deadline)
          throw new Error(`It did not come about: ${String(probes.at(-1)?.code)}`);
        await sleep(5);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all(running);
      agent.destroy();
      return probes;
    },
  };
}

function codeOf(agent: Agent, url: string, key: string): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(
      `${url}/v1/internal/api-keys/verify`,
      { method: 'POST', agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve((JSON.parse(text) as { code: string }).code);
        });
      },
    );
    sent.on('error', () => {
      resolve('NO_ANSWER');
    });
    // Its address is in the key's list.
    sent.end(JSON.stringify({ key, ip: '10.1.2.3' }));
  });
}
