import { Agent, request as httpRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Pool } from 'pg';
import { marketplaceToken } from './requests';
import { median, quantile, rounded } from './results';
import type { Figure } from './results';
import { cpuOf, inParallel, limitedConnectors, startBenchServers, watchMemory } from './system';
import type { BenchServers, Program } from './system';

type Tell = (figure: Figure) => void;

const size = {
  throughput: 300,
  latency: 15,
  wave: 500,
  beside: 120,
  clients: 20,
  rounds: Number(process.env['BENCH_ROUNDS'] ?? 5),
} as const;
const limit = { calls: 120, windowMs: 20_000 } as const;
/** Temporal looks at each time-out of an activity, 30 s at most, though it is over: at those of what went before, too. */
const settleMs = 31_000;

/** An open invite, ready to be accepted. */
interface Waiting {
  readonly token: string;
  readonly jobId: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const request = httpRequest(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
          ...headers,
        },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(answer) as Record<string, unknown>,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

/** Invites so many customers with workspace and token, and waits until their mails are out and all is quiet. */
async function prepare(
  servers: BenchServers,
  pool: Pool,
  api: Program,
  count: number,
  tag: string,
): Promise<Waiting[]> {
  const waiting: Waiting[] = [];
  await inParallel(
    Array.from({ length: count }, (_, index) => index),
    size.clients,
    async (index) => {
      const sheet = `bench-${tag}-${String(index)}`;
      const { status, body } = await post(
        `${api.url}/onboarding/invites`,
        {
          email: `${sheet}@example.com`,
          tenant: { slug: sheet },
          workspace: { spreadsheet_id: sheet, owner_email: `${sheet}@example.com` },
          wb_token: marketplaceToken(sheet),
        },
        { 'x-api-key': servers.key },
      );
      if (status !== 201)
        throw new Error(`Invite answered ${String(status)}: ${JSON.stringify(body)}`);
      waiting.push({
        token: String(body['activation_link']).split('/').at(-1) ?? '',
        jobId: String(body['job_id']),
      });
    },
  );
  await until('all invite mails are out', async () => {
    const { rows } = await pool.query<{ open: number }>(
      `select count(*)::int as open from mails where status <> 'sent'`,
    );
    return rows[0]?.open === 0;
  });
  await sleep(1_000);
  return waiting;
}

async function until(what: string, check: () => Promise<boolean>, seconds = 300): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`Not in ${String(seconds)} s: ${what}`);
    await sleep(100);
  }
}

async function acceptAt(api: Program, { token }: Waiting): Promise<void> {
  const { status, body } = await post(`${api.url}/onboarding/invites/${token}/accept`, {
    accept_terms: true,
  });
  if (status !== 200) throw new Error(`Accept answered ${String(status)}: ${JSON.stringify(body)}`);
}

/** Milliseconds from the first accept sent to the last activation committed. */
async function ourWave(
  pool: Pool,
  api: Program,
  waiting: readonly Waiting[],
  lanes: number,
): Promise<number> {
  const began = Date.now();
  await inParallel(waiting, lanes, (one) => acceptAt(api, one));
  const ids = waiting.map(({ jobId }) => jobId);
  let last = 0;
  await until('all are active', async () => {
    const { rows } = await pool.query<{ done: number; parked: number; last: Date | null }>(
      `select count(*) filter (where state = 'active')::int as done, count(*) filter (where state = 'failed')::int as parked,
         max(activated_at) as last from onboardings where id = any($1)`,
      [ids],
    );
    const [row] = rows;
    if ((row?.parked ?? 0) > 0) throw new Error(`${String(row?.parked)} onboardings were parked`);
    last = row?.last?.getTime() ?? 0;
    return row?.done === ids.length;
  });
  return last - began;
}

/** Starts so many bare workflows, which then wait for their signal. */
async function prepareBare(client: Client, tag: string, count: number): Promise<string[]> {
  const sheets = Array.from({ length: count }, (_, index) => `${tag}-${String(index)}`);
  await inParallel(sheets, size.clients, async (sheet) => {
    await client.workflow.start('bare', {
      workflowId: `bare/${sheet}`,
      taskQueue: 'bare',
      args: [{ sheet }],
    });
  });
  await sleep(1_500);
  return sheets;
}

/** Milliseconds from the first signal sent to the last bare workflow closed. */
async function bareWave(client: Client, sheets: readonly string[], lanes: number): Promise<number> {
  const began = performance.now();
  await inParallel(sheets, lanes, (sheet) =>
    client.workflow.getHandle(`bare/${sheet}`).signal('begin'),
  );
  // One long poll at a time, so that waiting costs the server next to nothing.
  for (const sheet of sheets) await client.workflow.getHandle(`bare/${sheet}`).result();
  return performance.now() - began;
}

async function measureThroughput(
  servers: BenchServers,
  pool: Pool,
  client: Client,
  { api, worker, bare }: Programs,
  tell: Tell,
): Promise<void> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  const shared = { temporal: servers.pids.temporal, client: process.pid };
  const cpu = {
    ours: spent({ ...shared, postgres: servers.pids.postgres, api: api.pid, worker: worker.pid }),
    bare: spent({ ...shared, worker: bare.pid }),
  };
  for (let round = 1; round <= size.rounds; round += 1) {
    const waiting = await prepare(servers, pool, api, size.throughput, `t${String(round)}`);
    await sleep(settleMs);
    await cpu.ours.during(async () => {
      ours.push(size.throughput / ((await ourWave(pool, api, waiting, size.clients)) / 1000));
      await quiet(pool);
    });
    const sheets = await prepareBare(client, `tb${String(round)}`, size.throughput);
    await sleep(settleMs);
    await cpu.bare.during(async () => {
      theirs.push(size.throughput / ((await bareWave(client, sheets, size.clients)) / 1000));
    });
  }
  // What holds the ratio down: where the CPU time of one onboarding goes, its welcome mail included.
  for (const [side, { total }] of Object.entries(cpu)) {
    for (const [part, ms] of Object.entries(total())) {
      tell({
        name: `cpu-${side}-${part}`,
        value: rounded(ms / (size.rounds * size.throughput)),
        unit: 'ms',
      });
    }
  }
  const { rows } = await pool.query<{ calls: number }>(
    `select round(count(*)::numeric / count(distinct onboarding_id), 2)::float8 as calls from step_attempts`,
  );
  tell({ name: 'activities-after-accept', value: (rows[0]?.calls ?? 0) + 1, unit: 'activities' });
  tell({ name: 'throughput-ours', value: rounded(median(ours)), unit: 'onboardings/s' });
  tell({ name: 'throughput-bare', value: rounded(median(theirs)), unit: 'workflows/s' });
  const ratios = ours.map((rate, index) => rate / (theirs[index] ?? rate));
  tell({ name: 'throughput-ratio', value: rounded(median(ratios)), unit: 'ratio', goal: '>= 0.7' });
}

/** Adds up the CPU time that processes spend during some of what happens. */
function spent(pids: Readonly<Record<string, number>>): {
  readonly during: (work: () => Promise<void>) => Promise<void>;
  readonly total: () => Record<string, number>;
} {
  const sum: Record<string, number> = {};
  return {
    async during(work) {
      const before = cpuOf(pids);
      await work();
      const after = cpuOf(pids);
      for (const name of Object.keys(pids))
        sum[name] = (sum[name] ?? 0) + (after[name] ?? 0) - (before[name] ?? 0);
    },
    total: () => sum,
  };
}

// Welcome mails follow activation; the other side begins when they are out.
async function quiet(pool: Pool): Promise<void> {
  await until('all mails are out', async () => {
    const { rows } = await pool.query<{ open: number }>(
      `select count(*)::int as open from mails where status in ('due', 'sending')`,
    );
    return rows[0]?.open === 0;
  });
  await sleep(500);
}

async function measureLatency(
  servers: BenchServers,
  pool: Pool,
  client: Client,
  api: Program,
  tell: Tell,
): Promise<void> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  const ratios: number[] = [];
  for (let round = 1; round <= size.rounds; round += 1) {
    const waiting = await prepare(servers, pool, api, size.latency, `l${String(round)}`);
    const [mine, bare]: [number[], number[]] = [[], []];
    for (const [index, one] of waiting.entries()) {
      mine.push(await ourWave(pool, api, [one], 1));
      await sleep(50);
      bare.push(await bareOne(client, `lb${String(round)}-${String(index)}`));
      await sleep(50);
    }
    ratios.push(median(mine) / median(bare));
    ours.push(...mine);
    theirs.push(...bare);
  }
  tell({ name: 'latency-ours-p50', value: rounded(median(ours)), unit: 'ms' });
  tell({ name: 'latency-bare-p50', value: rounded(median(theirs)), unit: 'ms' });
  tell({ name: 'latency-ratio', value: rounded(median(ratios)), unit: 'ratio', goal: '<= 1.5' });
}

async function bareOne(client: Client, sheet: string): Promise<number> {
  const handle = await client.workflow.start('bare', {
    workflowId: `bare/${sheet}`,
    taskQueue: 'bare',
    args: [{ sheet }],
  });
  await sleep(100);
  const began = performance.now();
  await handle.signal('begin');
  await handle.result();
  return performance.now() - began;
}

async function measureWave(servers: BenchServers, pool: Pool, tell: Tell): Promise<void> {
  const connectors = limitedConnectors(servers.folder, limit.calls, limit.windowMs);
  const api = await servers.start('api', { CONNECTORS_DIR: connectors });
  const worker = await servers.start('worker', { CONNECTORS_DIR: connectors });
  const idleApi = watchMemory({ api: api.pid });
  await sleep(2_000);
  tell({
    name: 'api-rss-idle',
    value: rounded(idleApi()['api'] ?? 0),
    unit: 'MiB',
    goal: '<= 150',
  });
  const idle = await prepare(servers, pool, api, size.beside, 'wi');
  const calm = await atRate(api, idle, 2);
  await quiet(pool);
  const waiting = await prepare(servers, pool, api, size.wave, 'w');
  const beside = await prepare(servers, pool, api, size.beside, 'wb');
  // The line is empty and every slot free, as the unavoidable time supposes.
  await sleep(limit.windowMs + 2_000);
  const memory = watchMemory({ api: api.pid, worker: worker.pid });
  const [tookMs, busy] = await Promise.all([
    ourWave(pool, api, waiting, size.clients),
    sleep(5_000).then(() => atRate(api, beside, 2)),
  ]);
  const highest = memory();
  const { rows } = await pool.query<{ active: number; failed: number }>(
    `select count(*) filter (where state = 'active')::int as active, count(*) filter (where state = 'failed')::int as failed
     from onboardings where id = any($1)`,
    [waiting.map(({ jobId }) => jobId)],
  );
  const unavoidable = (Math.ceil(size.wave / limit.calls) - 1) * limit.windowMs;
  tell({
    name: 'wave-active',
    value: rows[0]?.active ?? 0,
    unit: 'onboardings',
    goal: `>= ${String(size.wave)}`,
  });
  tell({ name: 'wave-failed', value: rows[0]?.failed ?? 0, unit: 'onboardings', goal: '<= 0' });
  tell({ name: 'wave-time', value: rounded(tookMs / 1000), unit: 's' });
  tell({ name: 'wave-ratio', value: rounded(tookMs / unavoidable), unit: 'ratio', goal: '<= 1.1' });
  tell({
    name: 'accept-p95-ratio',
    value: rounded(quantile(busy, 0.95) / quantile(calm, 0.95)),
    unit: 'ratio',
  });
  tell({ name: 'api-rss-wave', value: rounded(highest['api'] ?? 0), unit: 'MiB' });
  tell({
    name: 'worker-rss-wave',
    value: rounded(highest['worker'] ?? 0),
    unit: 'MiB',
    goal: '<= 350',
  });
  await Promise.all([api.stop(), worker.stop()]);
}

/** Accepts at a steady rate a second; milliseconds of each. */
async function atRate(
  api: Program,
  waiting: readonly Waiting[],
  perSecond: number,
): Promise<number[]> {
  const took: number[] = [];
  const running: Promise<void>[] = [];
  for (const one of waiting) {
    const began = performance.now();
    running.push(acceptAt(api, one).then(() => void took.push(performance.now() - began)));
    await sleep(1000 / perSecond);
  }
  await Promise.all(running);
  return took;
}

interface Programs {
  readonly api: Program;
  readonly worker: Program;
  readonly bare: Program;
}

/** `BENCH_PARTS=latency,throughput,wave` measures only some; all of them by default. */
const wanted = (part: string): boolean =>
  (process.env['BENCH_PARTS'] ?? 'latency,throughput,wave').split(',').includes(part);

/** Measures onboarding against the bare workflow, and the wave against the backend's limit. */
export async function benchOnboarding(tell: Tell): Promise<void> {
  const servers = await startBenchServers();
  const pool = new Pool({
    connectionString: servers.env['DATABASE_URL'],
    options: '-c usher.scope=all',
    max: 2,
  });
  const connection = await Connection.connect({ address: servers.temporalAddress });
  const client = new Client({ connection });
  try {
    const [api, worker, bare] = await Promise.all([
      servers.start('api'),
      servers.start('worker'),
      servers.start('bare'),
    ]);
    await sleep(2_000);
    if (wanted('latency')) await measureLatency(servers, pool, client, api, tell);
    if (wanted('throughput'))
      await measureThroughput(servers, pool, client, { api, worker, bare }, tell);
    await Promise.all([api, worker, bare].map((program) => program.stop()));
    if (wanted('wave')) await measureWave(servers, pool, tell);
  } finally {
    await pool.end();
    await connection.close();
    await servers.stop();
  }
}
