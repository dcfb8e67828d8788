import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTemporalDatabase } from '../../src/servers/temporal';
import { boundaries } from './boundaries';
import type { Boundary } from './boundaries';
import type { Case } from './cases';
import type { Target } from './cluster';
import { acceptInvite, inviteCustomer } from './customers';
import type { Customer } from './customers';
import { until } from './probe';
import type { Scene } from './scene';

/** For how long a killed part stays away: long enough for the others to notice. */
const awayMs = 300;

/** Kills a part while customers stand at a boundary, and starts it again. */
export function killAt(target: Target, boundary: Boundary): Case {
  const name = `kill -9 ${target}: ${boundary.name}`;
  return {
    name,
    async play(scene) {
      const part = scene.cluster.parts[target];
      const standing = await boundary.stage(scene, name);
      await part.kill();
      await standing.letGo();
      // With the backend its answers die; a call that outlives its worker takes effect all the same.
      scene.gate.release(target === 'backend' ? 'lost' : undefined);
      await sleep(awayMs);
      await part.start();
      return { customers: await standing.goOn(), faults: 1 };
    },
  };
}

/** One of the two workers is killed and stays away until the other has brought everybody to the end. */
export const takeOver: Case = {
  name: 'kill -9 of one worker, for good: step, before the backend acts',
  async play(scene) {
    const { parts } = scene.cluster;
    const standing = await boundaries.beforeAct.stage(scene, this.name);
    await parts['worker-1'].kill();
    await standing.letGo();
    scene.gate.release();
    const customers = await standing.goOn();
    await until('The other worker', () => areActive(scene, customers), { everyMs: 100 });
    await parts['worker-1'].start();
    return { customers, faults: 1 };
  },
};

async function areActive({ probe }: Scene, customers: readonly Customer[]): Promise<boolean> {
  const active = await probe.rows(
    `select 1 from onboardings where id = any($1) and state = 'active'`,
    [customers.map(({ jobId }) => jobId)],
  );
  return active.length === customers.length;
}

/** Temporal comes back with an empty database, and an accept came in while it was away. */
export const emptiedTemporal: Case = {
  name: 'kill -9 temporal, its database deleted',
  async play(scene) {
    const { cluster, gate } = scene;
    const standing = await boundaries.afterAct.stage(scene, this.name);
    const waiting = await inviteCustomer(scene, this.name);
    await cluster.parts.temporal.kill();
    keepForLater(scene);
    removeTemporalDatabase(cluster.temporal.dbFile);
    gate.release();
    await acceptInvite(scene, waiting);
    await cluster.parts.temporal.start();
    return { customers: [...(await standing.goOn()), waiting], faults: 1 };
  },
};

/** Folder below the state folder with the databases that Temporal lost: they, too, are searched for secrets. */
export const lostDatabases = 'lost-temporal';

function keepForLater({ cluster: { stateDir, temporal } }: Scene): void {
  const folder = join(stateDir, lostDatabases);
  mkdirSync(folder, { recursive: true });
  for (const suffix of ['', '-wal']) {
    const file = `${temporal.dbFile}${suffix}`;
    if (existsSync(file)) copyFileSync(file, join(folder, basename(file)));
  }
}

const singles = ['worker-1', 'api-1', 'worker-2', 'api-2', 'backend'] as const;
const servers = ['temporal', 'postgres'] as const;

/** How hard a run of random kills is. */
export interface Havoc {
  readonly customers: number;
  /** Milliseconds between two customers. */
  readonly everyMs: number;
  /** Longest pause between two kills of the same kind, in milliseconds. */
  readonly pauseMs: number;
  readonly seed: number;
}

/** Kills anything at any time while customers keep coming: one process and one server at once at the most. */
export function killAnything(havoc: Havoc): Case {
  const name = `kill -9 of anything at any time, seed ${String(havoc.seed)}`;
  return {
    name,
    async play(scene) {
      const { parts } = scene.cluster;
      let over = false;
      let faults = 0;
      const isOver = (): boolean => over;
      const end = (): void => {
        over = true;
      };
      const kill = async (
        victims: readonly (keyof typeof parts)[],
        random: () => number,
      ): Promise<void> => {
        for (let n = Math.floor(random() * victims.length); !isOver(); n += 1) {
          const part = parts[victims[n % victims.length] ?? 'backend'];
          await sleep(random() * havoc.pauseMs);
          await part.kill();
          faults += 1;
          await sleep(random() * 2 * awayMs);
          await part.start();
        }
      };
      const arriving = Promise.all(
        Array.from({ length: havoc.customers }, async (_, n) => {
          await sleep(n * havoc.everyMs);
          const customer = await inviteCustomer(scene, name, { first: n });
          await acceptInvite(scene, customer, n);
          return customer;
        }),
      ).finally(end);
      // A part that does not come back ends it all; nobody kills on behind the back of the next case.
      const killing = [
        kill(singles, randomOf(havoc.seed)).finally(end),
        kill(servers, randomOf(havoc.seed + 1)).finally(end),
      ];
      const ends = await Promise.allSettled([arriving, ...killing]);
      const failed = ends.find((one) => one.status === 'rejected');
      if (failed) throw failed.reason;
      return { customers: await arriving, faults };
    },
  };
}

/** Numbers from 0 to 1 that a seed brings about again: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
