import { setTimeout as sleep } from 'node:timers/promises';
import { removeTemporalDatabase } from '../../src/servers/temporal';
import { connectorFolder } from '../workflows/connector-folder';
import { boundaries } from './boundaries';
import type { Boundary, Scene } from './boundaries';
import { startCluster } from './cluster';
import type { Target } from './cluster';
import { acceptInvite, insist, inviteCustomer } from './customers';
import type { Customer } from './customers';
import { openGate } from './gate';
import { injections } from './injections';
import type { Injection } from './injections';
import { judge, leftovers, parkedOf, settle } from './invariants';
import type { Outcome } from './invariants';
import { openProbe } from './probe';
import { printTable } from './table';

const targets: readonly Target[] = ['worker', 'api', 'temporal', 'postgres', 'backend'];

/** What a run is asked for. */
export interface RunOptions {
  readonly form: 'short' | 'long';
  /** Part of the names of the cases that are wanted. */
  readonly only?: string | undefined;
}

interface Case {
  readonly name: string;
  /** Plays it; resolves when its part runs again, long before its customers have come to rest. */
  play(scene: Scene): Promise<{ customers: readonly Customer[]; faults: number }>;
}

function killCase(boundary: Boundary, target: Target): Case {
  const name = `kill -9 ${target}: ${boundary.name}`;
  return {
    name,
    async play(scene) {
      const { cluster, gate } = scene;
      const part = cluster.parts[target];
      const standing = await boundary.stage(scene, name);
      await part.kill();
      await standing.letGo();
      // With the backend its answers die; a call that outlives its worker takes effect all the same.
      if (target === 'backend') gate.release('lost');
      else if (target === 'worker' || target === 'api') gate.release();
      await sleep(300);
      await part.start();
      gate.release();
      await standing.goOn?.();
      return { customers: standing.customers, faults: 1 };
    },
  };
}

function injectionCase(injection: Injection): Case {
  return {
    name: injection.name,
    async play(scene) {
      const customers = await injection.send(scene, injection.name);
      return { customers, faults: injection.mails ?? 0 };
    },
  };
}

const emptiedTemporal: Case = {
  name: 'kill -9 temporal, its database deleted',
  async play(scene) {
    const { cluster, gate } = scene;
    const standing = await boundaries
      .find(({ name }) => name === 'step, after the backend acted')!
      .stage(scene, this.name);
    const waiting = await inviteCustomer(cluster, this.name);
    await cluster.parts.temporal.kill();
    removeTemporalDatabase(cluster.temporal.dbFile);
    gate.release();
    await acceptInvite(cluster, waiting);
    await cluster.parts.temporal.start();
    return { customers: [...standing.customers, waiting], faults: 1 };
  },
};

/** Kills one part after the other at any time while customers keep coming. */
function randomKills(customers: number, everyMs: number): Case {
  const name = `kill -9 of anything at any time, ${String(customers)} customers`;
  const victims = ['worker-1', 'worker-2', 'api-1', 'api-2', 'temporal', 'postgres', 'backend'];
  return {
    name,
    async play(scene) {
      const { cluster } = scene;
      let coming = true;
      let faults = 0;
      const arriving = Promise.all(
        Array.from({ length: customers }, async (_, n) => {
          await sleep(n * 250);
          const customer = await inviteCustomer(cluster, name);
          await acceptInvite(cluster, customer, n % 2);
          return customer;
        }),
      ).finally(() => {
        coming = false;
      });
      const isComing = (): boolean => coming;
      const killing = (async () => {
        for (let n = 0; isComing(); n += 1) {
          const victim = victims[n % victims.length] as keyof typeof cluster.parts;
          await sleep(everyMs);
          await cluster.parts[victim].kill();
          faults += 1;
          await sleep(200);
          await cluster.parts[victim].start();
        }
      })();
      const arrived = await arriving;
      await killing;
      return { customers: arrived, faults };
    },
  };
}

function casesOf({ form, only }: RunOptions): Case[] {
  const every = boundaries.flatMap((boundary) =>
    targets.map((target) => killCase(boundary, target)),
  );
  const named = (target: Target, part: string): Case[] =>
    every.filter(({ name }) => name.startsWith(`kill -9 ${target}:`) && name.includes(part));
  const short = [
    ...named('worker', 'after the backend acted'),
    ...named('worker', 'welcome mail'),
    ...named('api', 'before its commit').filter(({ name }) => name.includes('accept')),
    ...named('postgres', 'before its outcome'),
    ...named('temporal', 'before the backend acts'),
    ...named('backend', 'after the backend acted'),
    ...named('worker', 'activation'),
  ];
  const cases = [
    ...injections.map(injectionCase),
    ...(form === 'short' ? short : [...every, randomKills(60, 3_000)]),
    emptiedTemporal,
  ];
  return cases.filter(({ name }) => only === undefined || name.includes(only));
}

/** Runs the cases on a cluster of their own and prints what came of them; resolves with whether nothing was lost or doubled. */
export async function runFaults(options: RunOptions): Promise<boolean> {
  const started = Date.now();
  const show = (text: string): void => {
    const seconds = ((Date.now() - started) / 1000).toFixed(0).padStart(4);
    console.log(`${seconds} s  ${text}`);
  };
  const connectors = connectorFolder((sample) => {
    sample.rate_limits = [{ path: '*', calls: 20, window_ms: 1_000 }];
    for (const step of sample.steps) step.timeout_ms = 8_000;
  });
  let realBackend = '';
  const gate = await openGate(() => realBackend);
  const cluster = await startCluster({
    show,
    backendUrl: (url) => {
      realBackend = url;
      return Promise.resolve(gate.url);
    },
    env: {
      CONNECTORS_DIR: connectors.path,
      RETRY_SECONDS: options.form === 'long' ? '2,5,10,20,40' : '0.5,1,2,3,5',
      RECONCILE_SECONDS: '5',
    },
  });
  try {
    const scene: Scene = { cluster, gate, probe: openProbe(cluster) };
    return await play(scene, casesOf(options), show);
  } finally {
    await gate.stop();
    await cluster.stop();
    connectors.remove();
  }
}

async function play(
  scene: Scene,
  cases: readonly Case[],
  show: (text: string) => void,
): Promise<boolean> {
  const played: { name: string; faults: number; customers: readonly Customer[] }[] = [];
  const wrong: string[] = [];
  for (const one of cases) {
    show(one.name);
    try {
      played.push({ name: one.name, ...(await one.play(scene)) });
    } catch (error) {
      wrong.push(`${one.name}: ${error instanceof Error ? error.message : String(error)}`);
      scene.gate.release();
      for (const target of targets) await scene.cluster.parts[target].start();
    }
  }
  const everybody = played.flatMap(({ customers }) => customers);
  show(`waiting until ${String(everybody.length)} onboardings have come to rest`);
  for (const moving of await settle(scene, everybody)) show(`still moving: ${moving}`);
  const parked = await judgeParked(scene, everybody, show);
  wrong.push(...(await settle(scene, everybody)).map((moving) => `still moving: ${moving}`));
  const outcomes = await judge(scene, everybody);
  wrong.push(...(await leftovers(scene)));
  wrong.push(...scene.cluster.deaths.map((name) => `${name} ended by itself`));
  return printTable(
    played.map(({ name, faults, customers }) => ({
      name,
      faults: customers.reduce((sum, { jobId }) => sum + scene.gate.struck(jobId), faults),
      parked: customers.filter((customer) => parked.has(customer)).length,
      outcomes: outcomesOf(outcomes, customers),
    })),
    [...wrong, ...[...parked.values()].flat()],
  );
}

const outcomesOf = (outcomes: readonly Outcome[], customers: readonly Customer[]): Outcome[] =>
  outcomes.filter(({ customer }) => customers.includes(customer));

/** Parked ones must say why; then each is retried by order, and must go on. Returns what is wrong with each. */
async function judgeParked(
  scene: Scene,
  everybody: readonly Customer[],
  show: (text: string) => void,
): Promise<Map<Customer, string[]>> {
  const parked = await parkedOf(scene, everybody);
  const wrong = new Map<Customer, string[]>();
  if (parked.length === 0) return wrong;
  show(`retrying ${String(parked.length)} parked by order`);
  for (const outcome of await judge(scene, parked)) {
    wrong.set(
      outcome.customer,
      outcome.lost
        .filter((what) => what.startsWith('it is parked'))
        .map((what) => `${outcome.customer.jobId}: ${what}`),
    );
  }
  for (const { jobId } of parked) {
    await insist(scene.cluster, 'POST', `/onboarding/jobs/${jobId}/retry`, {
      reason: 'The fault is over',
    });
  }
  return wrong;
}
