import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import * as audit from '../src/domain/audit/audit-entries';
import { letTheYoungDie } from '../src/main/lean-heap';
import { migrateUp } from '../src/main/migrate';
import { createDatabase, withSystem } from '../src/platform/db';
import { newId } from '../src/platform/ids';
import { startKeeper } from '../src/servers/keeper-client';
import { startPostgres } from '../src/servers/postgres';
import { benchAppends } from './audit-appends';
import { benchArchive } from './audit-archive';
import { backlog, benchEvent, drain, rounded, seconds } from './audit-bench';
import type { AuditBench } from './audit-bench';
import { benchMillion } from './audit-million';
import { benchProof, benchVerifying } from './audit-verifying';
import type { Figure } from './results';

/** Measures the audit log against what the same database and machine do without it. */
export async function benchAudit(tell: (figure: Figure) => void): Promise<void> {
  // As every process of Usher does.
  letTheYoungDie();
  const folder = mkdtempSync(join(tmpdir(), 'usher-bench-audit-'));
  mkdirSync(join(folder, 'logs'));
  const keeper = startKeeper({ stateDir: folder });
  const postgres = await startPostgres({ stateDir: folder, keeper });
  await migrateUp(postgres.ownerUrl);
  const app = createDatabase({ url: postgres.appUrl, applicationName: 'bench', max: 8 });
  const sequencer = createDatabase({
    url: postgres.sequencerUrl,
    applicationName: 'bench-sequencer',
    max: 2,
  });
  const own = new URL(postgres.superUrl);
  own.pathname = new URL(postgres.ownerUrl).pathname;
  const superuser = new Client({ connectionString: own.href });
  await superuser.connect();
  const keys = {
    seeds: [{ id: 'c1', key: randomBytes(32) }],
    hmac: { id: 'h1', key: randomBytes(32) },
  };
  const bench: AuditBench = { app, sequencer, superuser, folder, keys, tell };
  try {
    await benchAppends(bench);
    await benchSequencer(bench);
    await benchVerifying(bench);
    await benchArchive(bench);
    await benchMillion(bench, postgres.appUrl);
    await benchProof(bench);
  } finally {
    await superuser.end();
    await Promise.all([app.close(), sequencer.close()]);
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchSequencer({ app, sequencer, superuser, tell }: AuditBench): Promise<void> {
  await drain(sequencer);
  const tenants = Array.from({ length: 100 }, newId);
  for (let done = 0; done < backlog; done += 1_000) {
    await withSystem(app, 'cli', async (tx) => {
      for (let n = 0; n < 1_000; n += 1) {
        await audit.append(tx, benchEvent(tenants[n % tenants.length] ?? ''));
      }
    });
  }
  await superuser.query('vacuum analyze audit_pending');
  const sequencing = backlog / (await seconds(() => drain(sequencer)));

  // The peer: the same rows, into the same tables and indexes, a thousand at a time, by someone who need not hash.
  const log = await superuser.query<unknown[]>({
    text: 'select * from audit_log order by seq',
    rowMode: 'array',
  });
  const personal = await superuser.query<unknown[]>({
    text: 'select * from audit_pii order by seq, part',
    rowMode: 'array',
  });
  await superuser.query('truncate audit_log, audit_pii');
  const perEntry = personal.rows.length / log.rows.length;
  const inserting =
    log.rows.length /
    (await seconds(async () => {
      let at = 0;
      for (let done = 0; done < log.rows.length; done += 1_000) {
        await superuser.query('begin');
        await insertRows(superuser, 'audit_log', log.rows.slice(done, done + 1_000));
        const upTo = Math.round((done + 1_000) * perEntry);
        await insertRows(superuser, 'audit_pii', personal.rows.slice(at, upTo));
        at = upTo;
        await superuser.query('commit');
      }
    }));
  tell({ name: 'sequencer-rate', value: Math.round(sequencing), unit: 'entries/s' });
  tell({ name: 'plain-insert-rate', value: Math.round(inserting), unit: 'entries/s' });
  const ratio = rounded(sequencing / inserting);
  tell({ name: 'sequencer-ratio', value: ratio, unit: 'ratio', goal: '>= 0.6' });
}

async function insertRows(
  client: Client,
  table: string,
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const width = rows[0]?.length ?? 0;
  const values = rows
    .map(
      (_, n) =>
        `(${Array.from({ length: width }, (__, c) => `$${String(n * width + c + 1)}`).join(',')})`,
    )
    .join(',');
  await client.query(`insert into ${table} values ${values}`, rows.flat());
}
