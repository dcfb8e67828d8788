import { connectorFolder } from '../workflows/connector-folder';
import { casesOf } from './cases';
import type { Case, Form, Played } from './cases';
import { startCluster, targets } from './cluster';
import type { Cluster } from './cluster';
import { addressDomain, order } from './customers';
import type { Customer } from './customers';
import { gather } from './evidence';
import { openGate } from './gate';
import { isParked, judge, judgeParked } from './invariants';
import type { Outcome } from './invariants';
import { openProbe } from './probe';
import { leftovers, settle } from './rest';
import type { Scene } from './scene';
import { badRefusals, findLeaks, provokeRefusals, readMeters } from './secrecy';
import type { Meters } from './secrecy';
import { isGood, printTable } from './table';
import type { Line } from './table';

/** What a run is asked for. */
export interface RunOptions {
  readonly form: Form;
  /** Part of the names of the cases that are wanted. */
  readonly only?: string | undefined;
  /** Where the random kills begin. */
  readonly seed: number;
}

type Show = (text: string) => void;

/** How a run went, counted as tests: each case is one, and each check of the whole system. */
export interface RunResult {
  readonly passed: number;
  readonly failed: number;
}

/** Runs the cases on a cluster of their own and prints what came of them. */
export async function runFaults({ form, only, seed }: RunOptions): Promise<RunResult> {
  const started = Date.now();
  const seconds = (): number => (Date.now() - started) / 1000;
  const show: Show = (text) => {
    console.log(`${seconds().toFixed(0).padStart(4)} s  ${text}`);
  };
  const cases = casesOf(form, seed).filter(({ name }) => name.includes(only ?? ''));
  if (cases.length === 0) throw new Error(`No case is named like ${only ?? ''}`);
  const connectors = connectorFolder((sample) => {
    sample.rate_limits = [{ path: '*', calls: 20, window_ms: 1_000 }];
    for (const step of sample.steps) step.timeout_ms = 8_000;
  });
  let realBackend = '';
  const gate = await openGate(() => realBackend);
  let cluster: Cluster | undefined;
  let good = false;
  try {
    cluster = await startCluster({
      show,
      backendUrl: (url) => {
        realBackend = url;
        return gate.url;
      },
      env: {
        CONNECTORS_DIR: connectors.path,
        OPERATORS_MAIL: `operators@${addressDomain}.com`,
        RETRY_SECONDS: form === 'long' ? '2,5,10,20,40' : '0.5,1,2,4,8',
      },
    });
    const scene: Scene = {
      ...{ cluster, gate, probe: openProbe(cluster.superUrl) },
      ...{ refusals: [], tokens: new Set<string>() },
    };
    const lines = await run(scene, cases, show);
    printTable(lines, seconds());
    const failed = lines.filter((line) => !isGood(line)).length;
    good = failed === 0;
    return { passed: lines.length - failed, failed };
  } finally {
    await gate.stop();
    await cluster?.stop({ keepFiles: !good });
    if (cluster && !good) console.error(`Its logs are kept: ${cluster.stateDir}/logs`);
    connectors.remove();
  }
}

interface Story {
  readonly name: string;
  readonly played: Played;
  readonly wrong: string[];
}

async function run(scene: Scene, cases: readonly Case[], show: Show): Promise<Line[]> {
  const meters = readMeters(scene);
  const stories: Story[] = [];
  for (const one of cases) {
    show(one.name);
    stories.push(await playOne(scene, one));
  }
  const { parked, moving } = await bringToRest(scene, stories, show);
  show('judging');
  const outcomes = (await gather(scene, customersOf(stories))).map(judge);
  const lines = stories.map((story) => lineOf(scene, story, parked, outcomes));
  const customers = customersOf(stories);
  return [...lines, ...(await judgeWhole(scene, meters, { customers, moving, show }))];
}

const nobody: Played = { customers: [], faults: 0 };

async function playOne(scene: Scene, one: Case): Promise<Story> {
  try {
    const played = await one.play(scene);
    return { name: one.name, played, wrong: [...(played.wrong ?? [])] };
  } catch (error) {
    // What it held and killed must not stand in the way of the next one.
    scene.gate.release();
    await scene.probe.close();
    scene.cluster.parts.temporal.thaw();
    const starts = targets.map((target) => scene.cluster.parts[target].start());
    const failed = (await Promise.allSettled(starts)).filter((one) => one.status === 'rejected');
    const reasons = [error, ...failed.map(({ reason }) => reason as unknown)];
    return { name: one.name, played: nobody, wrong: reasons.map(textOf) };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Waits for everybody, and has those who are parked by then retried. Returns these, and what moves all the same. */
async function bringToRest(
  scene: Scene,
  stories: readonly Story[],
  show: Show,
): Promise<{ parked: ReadonlySet<Customer>; moving: readonly string[] }> {
  const everybody = customersOf(stories);
  show(`waiting until ${String(everybody.length)} onboardings have come to rest`);
  const moving = await settle(scene, everybody);
  const parked = await judgeAllParked(scene, stories);
  // Whoever still moves has been waited for long enough.
  if (parked.size === 0 || moving.length > 0) return { parked, moving };
  show(`retrying ${String(parked.size)} parked by order`);
  for (const customer of parked) await order(scene, customer, 'retry');
  return { parked, moving: await settle(scene, everybody) };
}

/** Judges why customers are parked; those who should be and are not are wrong as well. Returns who is parked. */
async function judgeAllParked(
  scene: Scene,
  stories: readonly Story[],
): Promise<ReadonlySet<Customer>> {
  const parked = new Set<Customer>();
  for (const evidence of await gather(scene, customersOf(stories), { runs: false })) {
    const { customer, row } = evidence;
    const story = stories.find(({ played }) => played.customers.includes(customer));
    if (row && isParked(row)) {
      parked.add(customer);
      story?.wrong.push(...judgeParked(evidence).map((what) => `${what} (${customer.jobId})`));
    } else if (customer.parks !== undefined) {
      story?.wrong.push(`it never parked for ${customer.parks} (${customer.jobId})`);
    }
  }
  return parked;
}

function lineOf(
  { gate }: Scene,
  { name, played, wrong }: Story,
  parked: ReadonlySet<Customer>,
  outcomes: readonly Outcome[],
): Line {
  const { customers } = played;
  const struck = customers.map(({ jobId }) => gate.struck(jobId));
  const faults = struck.reduce((sum, strikes) => sum + strikes, played.faults);
  return {
    ...{ name, faults },
    parked: customers.filter((customer) => parked.has(customer)).length,
    outcomes: outcomes.filter(({ customer }) => customers.includes(customer)),
    wrong: faults > 0 ? wrong : [...wrong, 'no fault was injected'],
  };
}

/** What is not of one case but of the whole system; stops its programs on the way. */
async function judgeWhole(
  scene: Scene,
  meters: Meters,
  {
    customers,
    moving,
    show,
  }: { customers: readonly Customer[]; moving: readonly string[]; show: Show },
): Promise<Line[]> {
  const { cluster, probe } = scene;
  const line = (name: string, wrong: readonly string[]): Line => ({
    ...{ name, wrong, faults: 0, parked: 0, outcomes: [] },
  });
  const left = moving.length > 0 ? moving : await leftovers(scene);
  await meters.stop();
  const [somebody] = customers;
  if (somebody) await provokeRefusals(scene, somebody);
  show('looking for secrets');
  const leaks = await findLeaks(scene, meters);
  await probe.close();
  show('stopping');
  const unstopped = await cluster.stopPrograms();
  const died = cluster.deaths.map((name) => `${name} ended by itself`);
  return [
    line('everything comes to rest', left),
    line('every process runs until it is asked to stop, and then stops', [...died, ...unstopped]),
    line('every refusal is a problem that is foreseen', badRefusals(scene)),
    line('no secret, token or address is in logs, histories, metrics and problems', leaks),
  ];
}

function customersOf(stories: readonly Story[]): Customer[] {
  return stories.flatMap(({ played }) => played.customers);
}
