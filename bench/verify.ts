import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setMaxLease } from '../src/platform/barriers';
import { createDatabase } from '../src/platform/db';
import { canPin } from './cores';
import type { Answers } from './load-client';
import { median, rounded } from './results';
import type { Figure } from './results';
import { cpuOf, rssOf, watchMemory } from './system';
import type { Program } from './system';
import { storeKeys, writeRequests } from './verify-keys';
import type { RequestFiles } from './verify-keys';
import { createPeerDatabase, installPeers, startVerifySystem } from './verify-system';
import type { VerifySystem } from './verify-system';

type Tell = (figure: Figure) => void;

const connections = 32;
// One interval of the flush: from then on a server hands in as much as it counts.
const warmUpMs = 1_000;
/** What one server has counted is in before the next one is measured. */
const settleMs = 1_200;
// Many short rounds: what a machine does from minute to minute meets all servers alike.
const runMs = Number(process.env['BENCH_RUN_MS'] ?? 2_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
/** Half of it with bad keys, half without. */
const floodMs = 2 * rounds * runMs;
// Bad keys wait for each other: fewer connections would not bring as many.
const flood = { perSecond: 2_000, connections: 64 } as const;
const leaseMs = 500;

/** One server under one kind of request. */
interface Course {
  readonly name: string;
  readonly server: Program;
  readonly requests: string;
  readonly expect: string;
  /** How much of the rate that it is compared with is to be reached. */
  readonly goal?: string;
}

/** Courses, and the one that they are compared with. */
interface Comparison {
  readonly with: Course;
  readonly courses: readonly Course[];
}

interface Run {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Processor time of Postgres, microseconds an answer. */
  readonly postgresUs: number;
}

const good = { post: '"valid":true', get: 'HTTP/1.1 204' } as const;
const perSecond = ({ answers, seconds }: Answers): number => answers / seconds;

/** Measures verification against bare node:http that parses and writes the same, and beside what others run. */
export async function benchVerify(tell: Tell): Promise<void> {
  if (!canPin) console.error('Processes are not tied to cores here: ratios mean little.');
  const system = await startVerifySystem();
  try {
    const keys = await storeKeys(system.postgres().ownerUrl, [system.pepper]);
    const files = writeRequests(system.folder, keys);
    await allowLease(system);
    const servers = {
      bare: await system.start('bench/bare-server.js'),
      strict: await system.start('src/main/api.js'),
      cached: await system.start('src/main/api.js', {
        KEYS_CACHE: 'lease',
        KEYS_LEASE_MS: String(leaseMs),
        KEYS_CACHE_ENTRIES: '20000',
      }),
      express: await system.start('bench/express-server.js', {
        DATABASE_URL: system.postgres().ownerUrl,
      }),
    };
    const memory = watchMemory({ strict: servers.strict.pid, cached: servers.cached.pid });
    const of = (name: string, server: Program, method: 'post' | 'get', goal?: string): Course => ({
      name,
      server,
      requests: files[method],
      expect: good[method],
      ...(goal === undefined ? {} : { goal }),
    });
    const comparisons: Comparison[] = [
      {
        with: of('bare-post', servers.bare, 'post'),
        courses: [
          of('strict-post', servers.strict, 'post', '>= 0.5'),
          of('cached-post', servers.cached, 'post', '>= 0.7'),
          of('express-one-query', servers.express, 'post'),
          ...(await betterAuth(system)),
        ],
      },
      {
        with: of('bare-get', servers.bare, 'get'),
        courses: [
          of('strict-get', servers.strict, 'get'),
          of('cached-get', servers.cached, 'get', '>= 0.8'),
        ],
      },
    ];
    for (const comparison of comparisons) await compare(tell, system, comparison);
    for (const mode of ['strict', 'cached'] as const)
      await benchFlood(tell, system, mode, servers[mode], files);
    const highest = memory();
    for (const mode of ['strict', 'cached'] as const) {
      tell({
        name: `${mode}-rss`,
        value: Math.round(rssOf(servers[mode].pid)),
        unit: 'MiB',
        goal: '<= 200',
      });
      tell({
        name: `${mode}-rss-highest`,
        value: Math.round(highest[mode] ?? 0),
        unit: 'MiB',
        goal: '<= 200',
      });
    }
  } finally {
    await system.stop();
  }
}

async function allowLease(system: VerifySystem): Promise<void> {
  const db = createDatabase({ url: system.postgres().appUrl, applicationName: 'bench' });
  await setMaxLease(db, 'system:bench', leaseMs);
  await db.close();
}

async function betterAuth(system: VerifySystem): Promise<Course[]> {
  if (!(await installPeers())) {
    console.error('better-auth cannot be installed here and is left out.');
    return [];
  }
  const requests = join(system.folder, 'better-auth.json');
  const server = await system.start(join('bench', 'peers', 'better-auth.mjs'), {
    DATABASE_URL: await createPeerDatabase(system.postgres()),
    REQUESTS_FILE: requests,
  });
  return [{ name: 'better-auth', server, requests, expect: good.post }];
}

/** Runs all courses of a comparison in turn, and tells of each what share of the rate beside it it reaches. */
async function compare(tell: Tell, system: VerifySystem, comparison: Comparison): Promise<void> {
  const { with: base, courses } = comparison;
  // Whatever is compiled and remembered is so before anything counts.
  for (let n = 0; n < 3; n += 1) for (const course of [base, ...courses]) await run(system, course);
  const baseRuns: Run[] = [];
  const runs = new Map<Course, { readonly run: Run; readonly share: number }[]>();
  for (let round = 0; round < rounds; round += 1) {
    let before = await run(system, base);
    baseRuns.push(before);
    for (const course of courses) {
      const own = await run(system, course);
      await sleep(settleMs);
      const after = await run(system, base);
      // What a neighbour takes away it takes from both, as far as it is the same before and behind.
      const share = own.perSecond / ((before.perSecond + after.perSecond) / 2);
      runs.set(course, [...(runs.get(course) ?? []), { run: own, share }]);
      baseRuns.push(after);
      before = after;
    }
  }
  tellRate(tell, base, baseRuns);
  for (const course of courses) {
    const own = runs.get(course) ?? [];
    tellRate(
      tell,
      course,
      own.map(({ run: one }) => one),
    );
    tell({
      name: `${course.name}-ratio`,
      value: middle(own, ({ share }) => share),
      unit: `of ${base.name}`,
      ...(course.goal === undefined ? {} : { goal: course.goal }),
    });
    tell({
      name: `${course.name}-postgres-cpu`,
      value: middle(own, ({ run: one }) => one.postgresUs),
      unit: 'us',
    });
  }
}

async function run(system: VerifySystem, { server, requests, expect }: Course): Promise<Run> {
  const { pid } = system.postgres();
  const before = cpuOf({ postgres: pid })['postgres'] ?? 0;
  const result = await system.load({ requests, connections, warmUpMs, runMs, expect }, server);
  const used = (cpuOf({ postgres: pid })['postgres'] ?? 0) - before;
  // The warm-up costs as much as the same time of the run.
  const answers = (result.answers * (warmUpMs + runMs)) / runMs;
  return {
    perSecond: perSecond(result),
    p99Ms: result.p99Ms,
    postgresUs: (used * 1000) / answers,
  };
}

const middle = <T>(all: readonly T[], value: (one: T) => number): number =>
  rounded(median(all.map(value)));

function tellRate(tell: Tell, { name }: Course, runs: readonly Run[]): void {
  tell({
    name: `${name}-per-second`,
    value: Math.round(middle(runs, (one) => one.perSecond)),
    unit: '1/s',
  });
  tell({ name: `${name}-p99`, value: middle(runs, (one) => one.p99Ms), unit: 'ms' });
}

/** Good keys while bad ones come at a fixed rate from many sources, against good keys alone. */
async function benchFlood(
  tell: Tell,
  system: VerifySystem,
  mode: string,
  server: Program,
  files: RequestFiles,
): Promise<void> {
  const order = {
    requests: files.post,
    connections,
    warmUpMs,
    expect: good.post,
    beside: { requests: files.bad, ...flood, expect: '"valid":false' },
  };
  // Refusals are compiled, too, before anything counts.
  await system.load({ ...order, runMs: 3 * runMs }, server);
  const alone = await system.load({ ...order, runMs: floodMs }, server);
  const { beside } = alone;
  if (!beside) throw new Error('Nothing was sent beside the good keys');
  tell({
    name: `${mode}-flooded-ratio`,
    value: rounded(perSecond(beside.own) / perSecond(alone)),
    unit: 'of good keys alone',
    goal: '>= 0.8',
  });
  tell({ name: `${mode}-flooded-p99`, value: rounded(beside.own.p99Ms), unit: 'ms' });
  tell({
    name: `${mode}-flood-per-second`,
    value: Math.round(perSecond(beside.other)),
    unit: 'bad keys a second',
    goal: `>= ${String(flood.perSecond * 0.9)}`,
  });
}
