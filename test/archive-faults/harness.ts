import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cases, restMs } from './cases';
import type { Case } from './cases';
import { prepareGround } from './ground';
import type { Ground, Place } from './ground';
import { judge } from './judge';
import { isGood, printTable } from './table';
import type { Line } from './table';

/** What a run is asked for. */
export interface RunOptions {
  /** Part of the names of the cases that are wanted. */
  readonly only?: string | undefined;
}

const root = join(__dirname, '..', '..');
const patienceMs = 240_000;

/** Runs the cases, each on a log and a store of its own, and prints what came of them. */
export async function runArchiveFaults({
  only,
}: RunOptions): Promise<{ passed: number; failed: number }> {
  const started = Date.now();
  const wanted = cases.filter(({ name }) => name.includes(only ?? ''));
  if (wanted.length === 0) throw new Error(`No case is named like ${only ?? ''}`);
  const ground = await prepareGround();
  const lines: Line[] = [];
  try {
    for (const one of wanted) {
      const line = await play(ground, one);
      lines.push(line);
      const seconds = ((Date.now() - started) / 1000).toFixed(0).padStart(5);
      console.log(`${seconds} s  ${isGood(line) ? 'ok  ' : 'BAD '} ${one.name}`);
    }
  } finally {
    await ground.close();
  }
  printTable(lines, ground.originals.length, (Date.now() - started) / 1000);
  const failed = lines.filter((line) => !isGood(line)).length;
  return { passed: lines.length - failed, failed };
}

async function play(ground: Ground, one: Case): Promise<Line> {
  const place = await ground.place();
  const wrong: string[] = [];
  let faults = 0;
  try {
    if (one.kind === 'kill') faults = await playKill(place, one);
    if (one.kind === 'lie') faults = await playLie(place, one);
    if (one.kind === 'loss') faults = await playLoss(place, one);
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error));
  }
  place.server.faults.set([]);
  const verdict = await judge(ground, place);
  await place.close();
  if (faults === 0) wrong.push('the fault never happened');
  const forEver = one.kind === 'lie' && one.forEver === true;
  if (verdict.pruned === forEver) {
    wrong.push(forEver ? 'entries were dropped on the word of a liar' : 'nothing was dropped');
  }
  return { name: one.name, faults, verdict, wrong: [...wrong, ...verdict.wrong] };
}

/** Starts a driver, waits until it is held, kills it, and lets another one finish. */
async function playKill(place: Place, one: Case & { kind: 'kill' }): Promise<number> {
  const hold = await one.hold(place);
  const driver = startDriver(place);
  try {
    await until(`${one.name}: the step`, () => hold.isHeld(), driver);
    driver.child.kill('SIGKILL');
    await driver.ended;
  } finally {
    driver.child.kill('SIGKILL');
    await hold.release();
  }
  await finish(place);
  return 1;
}

/** Has the store lie. For ever: until the driver has met it a few times. */
async function playLie(place: Place, one: Case & { kind: 'lie' }): Promise<number> {
  place.server.faults.set(one.faults);
  if (!one.forEver) {
    await finish(place);
    return place.server.faults.struck();
  }
  const driver = startDriver(place);
  const client = await place.connect();
  try {
    await until(
      'a few tries',
      async () => {
        const { rows } = await client.query<{ tries: number }>(
          'select coalesce(max(tries + attempt), 0)::int as tries from audit_batches',
        );
        return (rows[0]?.tries ?? 0) >= 5;
      },
      driver,
    );
    return place.server.faults.struck();
  } finally {
    await client.end();
    driver.child.kill('SIGKILL');
    await driver.ended;
  }
}

/** Spoils the store when everything in it was confirmed and the drop is about to look at it. */
async function playLoss(place: Place, one: Case & { kind: 'loss' }): Promise<number> {
  const { server } = place;
  server.faults.set([{ mode: 'slow', method: 'GET', key: '/leaves/', delay_ms: restMs }]);
  const driver = startDriver(place);
  try {
    await until('the look before the drop', () => Promise.resolve(server.resting() > 0), driver);
    await one.spoil(place);
  } finally {
    server.faults.set([]);
    server.wake();
  }
  await done(driver);
  return 1;
}

interface Driver {
  readonly child: ChildProcess;
  /** What it wrote to standard error. */
  readonly told: () => string;
  readonly ended: Promise<number | null>;
}

function startDriver({ site }: Place): Driver {
  const child = spawn(
    process.execPath,
    ['-r', join(root, 'test/support/run-typescript.cjs'), join(__dirname, 'driver.ts')],
    {
      env: { ...process.env, ARCHIVE_SITE: JSON.stringify(site) },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, told: () => text, ended };
}

const finish = (place: Place): Promise<void> => done(startDriver(place));

async function done(driver: Driver): Promise<void> {
  const timer = setTimeout(() => driver.child.kill('SIGKILL'), patienceMs);
  const code = await driver.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`The driver did not come to its end. ${driver.told()}`.trim());
}

async function until(
  what: string,
  isThere: () => Promise<boolean>,
  { child, told }: Driver,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await isThere())) {
    if (child.exitCode !== null) throw new Error(`${what} never came: the driver ended. ${told()}`);
    if (Date.now() > deadline) throw new Error(`${what} never came`);
    await sleep(20);
  }
}
