import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as audit from '../src/domain/audit/audit-entries';
import { makeCheckpoint } from '../src/domain/audit/checkpoints';
import { sizeOfLog } from '../src/domain/audit/head';
import { allKeys } from '../src/domain/audit/log-keys';
import { listEntries } from '../src/domain/audit/query';
import type { EntryFilter } from '../src/domain/audit/query';
import { withSystem } from '../src/platform/db';
import type { Tx } from '../src/platform/db';
import { newId } from '../src/platform/ids';
import { benchEvent, drain, rounded } from './audit-bench';
import type { AuditBench } from './audit-bench';

/** Entries of the large log. */
const million = Number(process.env['AUDIT_BENCH_MILLION'] ?? 1_000_000);
const perTransaction = 1_000;
const tenants = Array.from({ length: 1_000 }, newId);

/**
 * Fills the log to a million entries, then asks it for pages and texts, exports it and verifies the file and the stored
 * log, each in a process of its own whose memory is read at its end.
 * @param appUrl of the database, for those processes
 */
export async function benchMillion(bench: AuditBench, appUrl: string): Promise<void> {
  await fill(bench);
  await bench.superuser.query('vacuum analyze audit_log, audit_pii');
  await benchQueries(bench);
  await benchMemory(bench, appUrl);
}

async function fill({ app, sequencer }: AuditBench): Promise<void> {
  let size = await withSystem(app, 'audit', sizeOfLog);
  while (size < million) {
    const upTo = Math.min(million, size + 20 * perTransaction);
    for (; size < upTo; size += perTransaction) {
      const from = size;
      await withSystem(app, 'cli', async (tx) => {
        for (let n = from; n < Math.min(million, from + perTransaction); n += 1) {
          await audit.append(tx, {
            ...benchEvent(tenants[n % tenants.length] ?? ''),
            action: actions[n % actions.length] ?? actions[0],
            // One in a thousand says something of its own.
            description: n % 1_000 === 0 ? `delayed parcel ${String(n)}` : 'as it was ordered',
          });
        }
      });
    }
    await drain(sequencer);
    size = upTo;
  }
}

const actions = [
  'onboarding.step_done',
  'invite.created',
  'apikey.created',
  'session.ended',
] as const;

/** The 95th percentile of so many pages, in ms. */
async function p95(
  count: number,
  page: (tx: Tx, n: number) => Promise<unknown>,
  { app }: AuditBench,
) {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const began = performance.now();
    await withSystem(app, 'audit', (tx) => page(tx, n));
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return rounded(times[Math.floor(count * 0.95)] ?? 0);
}

async function benchQueries(bench: AuditBench): Promise<void> {
  const size = await withSystem(bench.app, 'audit', sizeOfLog);
  const of = (tx: Tx, n: number, filter: EntryFilter) =>
    listEntries(tx, filter, {
      order: n % 2 === 0 ? 'desc' : 'asc',
      limit: 50,
      // From pages at either end to those deep in the log.
      cursor: n % 3 === 0 ? 0 : 1 + ((n * 7_919) % size),
    });
  const tenantId = (n: number): string => tenants[(n * 31) % tenants.length] ?? '';
  const filters: readonly ((n: number) => EntryFilter)[] = [
    () => ({}),
    (n) => ({ tenantId: tenantId(n) }),
    (n) => ({ actorId: `user:${tenantId(n)}` }),
    (n) => ({ targetId: tenantId(n) }),
    () => ({ action: 'invite' }),
    (n) => ({ tenantId: tenantId(n), action: 'apikey.created' }),
  ];
  const pages = await p95(600, (tx, n) => of(tx, n, filters[n % filters.length]?.(n) ?? {}), bench);
  bench.tell({ name: 'page-p95', value: pages, unit: 'ms', goal: '<= 20' });

  const nobody = { tenantIds: [], actorIds: [] };
  const texts = [
    'as it was ordered',
    'delayed parcel',
    'parcel 4000',
    'acme',
    'nothing of the kind',
  ];
  const found = await p95(
    200,
    (tx, n) => of(tx, n, { text: { ...nobody, text: texts[n % texts.length] ?? '' } }),
    bench,
  );
  bench.tell({ name: 'text-p95', value: found, unit: 'ms', goal: '<= 100' });
}

async function benchMemory(
  { app, sequencer, folder, keys, tell }: AuditBench,
  appUrl: string,
): Promise<void> {
  await withSystem(sequencer, 'sequencer', (tx) => makeCheckpoint(tx, keys, 'manual'));
  const file = join(folder, 'million.ndjson');
  const child = join(__dirname, 'audit-child.js');
  const exported = highestMemory([child, 'export', appUrl, file]);
  tell({ name: 'million-export-rss', value: exported, unit: 'MiB', goal: '<= 250' });
  const [key] = await withSystem(app, 'audit', allKeys);
  const verified = verifierMemory(file, key?.vkey ?? '');
  tell({ name: 'million-verify-file-rss', value: verified, unit: 'MiB', goal: '<= 250' });
  const stored = highestMemory([child, 'verify', appUrl]);
  tell({ name: 'million-verify-stored-rss', value: stored, unit: 'MiB', goal: '<= 250' });
}

// The highest resident memory of the program's own: what getrusage tells would begin with that of its parent.
const tellMemory = `process.on('exit', () => console.error(
  /VmHWM:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]));`;

/** The highest resident memory of the offline verifier on a file that is as it should be, in MiB. */
export function verifierMemory(file: string, vkey: string): number {
  return highestMemory([join(__dirname, '..', 'audit-verify.mjs'), file, '--key', vkey]);
}

function highestMemory(args: readonly string[]): number {
  const preload = `data:text/javascript,${encodeURIComponent(
    `import { createRequire } from 'node:module'; const require = createRequire('file:///'); ${tellMemory}`,
  )}`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', preload, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${String(args[0])} ended with ${String(status)}: ${stderr}`);
  return Math.round(Number(stderr.trim().split('\n').at(-1)) / 1024);
}
