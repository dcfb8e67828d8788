import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setMaxLease } from '../src/platform/barriers';
import { createDatabase } from '../src/platform/db';
import { canPin } from './cores';
import type { LoadResult } from './load-client';
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
const warmUpMs = 500;
// Many short rounds: what a machine does from minute to minute meets all servers alike.
const runMs = Number(process.env['BENCH_RUN_MS'] ?? 2_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
// Bad keys wait for each other: fewer connections would not bring as many.
const flood = { perSecond: 2_000, connections: 64 } as const;
const leaseMs = 500;

/** One server under one kind of request. */
interface Course {
  readonly name: string;
  readonly server: Program;
  readonly requests: string;
  readonly expect: string;
  /** The course that it is compared with, and how much of its rate is to be reached. */
  readonly against?: string;
  readonly goal?: string;
}

interface Run {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of Postgres, microseconds an answer. */
  readonly postgresUs: number;
}

const good = { post: '"valid":true', get: 'HTTP/1.1 204' } as const;
const perSecond = ({ answers, seconds }: LoadResult): number => answers / seconds;

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
    const courses: Course[] = [
      { name: 'bare-post', server: servers.bare, requests: files.post, expect: good.post },
      ...compared('strict', servers.strict, files, { post: '>= 0.5' }),
      ...compared('cached', servers.cached, files, { post: '>= 0.7', get: '>= 0.8' }),
      { name: 'bare-get', server: servers.bare, requests: files.get, expect: good.get },
      {
        name: 'express-one-query',
        server: servers.express,
        requests: files.post,
        expect: good.post,
        against: 'bare-post',
      },
      ...(await betterAuth(system)),
    ];
    // Whatever is compiled and remembered is so before anything counts.
    for (let n = 0; n < 3; n += 1) for (const course of courses) await run(system, course);
    const runs = new Map<string, Run[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const course of courses) {
        const result = await run(system, course);
        runs.set(course.name, [...(runs.get(course.name) ?? []), result]);
      }
    }
    for (const course of courses) tellCourse(tell, course, runs);
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

const compared = (
  mode: string,
  server: Program,
  files: RequestFiles,
  goals: { readonly post?: string; readonly get?: string },
): Course[] =>
  (['post', 'get'] as const).map((method) => {
    const goal = goals[method];
    return {
      name: `${mode}-${method}`,
      server,
      requests: files[method],
      expect: good[method],
      against: `bare-${method}`,
      ...(goal === undefined ? {} : { goal }),
    };
  });

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
  return [{ name: 'better-auth', server, requests, expect: '"valid":true', against: 'bare-post' }];
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
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    postgresUs: (used * 1000) / answers,
  };
}

function tellCourse(
  tell: Tell,
  { name, against, goal }: Course,
  runs: ReadonlyMap<string, readonly Run[]>,
): void {
  const own = runs.get(name) ?? [];
  const middle = (value: (one: Run) => number): number => rounded(median(own.map(value)));
  tell({
    name: `${name}-per-second`,
    value: Math.round(middle((one) => one.perSecond)),
    unit: '1/s',
  });
  tell({ name: `${name}-p99`, value: middle((one) => one.p99Ms), unit: 'ms' });
  if (against === undefined) return;
  const other = runs.get(against) ?? [];
  // Round by round: what a neighbour takes away it takes from both.
  const ratios = own.map((one, round) => one.perSecond / (other[round]?.perSecond ?? NaN));
  tell({
    name: `${name}-ratio`,
    value: rounded(median(ratios)),
    unit: `of ${against}`,
    ...(goal === undefined ? {} : { goal }),
  });
  tell({ name: `${name}-postgres-cpu`, value: middle((one) => one.postgresUs), unit: 'us' });
}

/** Good keys while bad ones come at a fixed rate from many sources, against good keys alone. */
async function benchFlood(
  tell: Tell,
  system: VerifySystem,
  mode: string,
  server: Program,
  files: RequestFiles,
): Promise<void> {
  const goodOnes = { requests: files.post, connections, warmUpMs, runMs, expect: good.post };
  const ratios: number[] = [];
  const p99s: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const alone = await system.load(goodOnes, server);
    const flooding = system.load(
      {
        requests: files.bad,
        connections: flood.connections,
        perSecond: flood.perSecond,
        warmUpMs: warmUpMs + 500,
        runMs,
        expect: '"valid":false',
      },
      server,
    );
    await sleep(300);
    const flooded = await system.load(goodOnes, server);
    await flooding;
    ratios.push(perSecond(flooded) / perSecond(alone));
    p99s.push(flooded.p99Ms);
  }
  tell({
    name: `${mode}-flooded-ratio`,
    value: rounded(median(ratios)),
    unit: 'of good keys alone',
    goal: '>= 0.8',
  });
  tell({ name: `${mode}-flooded-p99`, value: rounded(median(p99s)), unit: 'ms' });
}
