import { valuesOf } from '../src/domain/audit/pending';
import * as audit from '../src/domain/audit/audit-entries';
import { sealEntry } from '../src/domain/audit/entry';
import { contentHash } from '../src/domain/audit/hashes';
import { createSequencer } from '../src/domain/audit/sequencer';
import { withSystem } from '../src/platform/db';
import type { Tx } from '../src/platform/db';
import { newId } from '../src/platform/ids';
import { benchEvent, drain, rounded } from './audit-bench';
import type { AuditBench } from './audit-bench';

const connections = 8;
const runSeconds = Number(process.env['AUDIT_BENCH_SECONDS'] ?? 5);

/** Appends beside a plain insert of the same row, and both beside a business transaction and its head's lock. */
export async function benchAppends({ app, sequencer, superuser, tell }: AuditBench): Promise<void> {
  // The same columns, checks and keys, and nobody who takes the rows away.
  await superuser.query('create table bench_plain (like audit_pending including all)');
  await superuser.query('grant insert on bench_plain to usher_app');
  // The usual design: whoever appends locks the head until its transaction ends, and links there and then.
  await superuser.query(
    `create table bench_head (one boolean primary key default true, seq bigint not null, hash bytea not null);
     insert into bench_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));
     create table bench_chain (seq bigint primary key, prev_hash bytea not null, hash bytea not null, core text not null);
     grant select, update on bench_head to usher_app;
     grant insert on bench_chain to usher_app`,
  );
  const tenants = Array.from({ length: 100 }, newId);
  const eventOf = (n: number) => benchEvent(tenants[n % tenants.length] ?? '');
  const append = (tx: Tx, n: number) => audit.append(tx, eventOf(n));
  const [plainText, plainValues] = await plainInsert(superuser);
  const plain = (tx: Tx) => tx.run(plainText, plainValues);
  const work = (tx: Tx) => tx.run('select pg_sleep(0.005)');
  const chained = async (tx: Tx, n: number): Promise<void> => {
    const { seq, hash } = await tx.one<{ seq: number; hash: Buffer }>(
      'select seq, hash from bench_head for update',
    );
    const core = JSON.stringify({ ...eventOf(n), prev: hash.toString('hex') });
    const next = contentHash(core);
    await tx.run('insert into bench_chain (seq, prev_hash, hash, core) values ($1, $2, $3, $4)', [
      seq + 1,
      hash,
      next,
      core,
    ]);
    await tx.run('update bench_head set seq = $1, hash = $2', [seq + 1, next]);
  };

  const rate = (deed: (tx: Tx, n: number) => Promise<unknown>): Promise<number> =>
    perSecond((n) => withSystem(app, 'cli', (tx) => deed(tx, n)));
  // In turns, so that what else the machine does falls on both.
  const rates = { append: 0, plain: 0 };
  for (let turn = 0; turn < 3; turn += 1) {
    rates.plain = Math.max(rates.plain, await rate(plain));
    rates.append = Math.max(rates.append, await rate(append));
    await drain(sequencer);
  }
  tell({ name: 'append-rate', value: Math.round(rates.append), unit: 'appends/s' });
  tell({
    name: 'append-ratio',
    value: rounded(rates.append / rates.plain),
    unit: 'ratio',
    goal: '>= 0.8',
  });

  const stop = sequenceBeside(sequencer);
  const busy = await rate(async (tx, n) => {
    await append(tx, n);
    await work(tx);
  });
  await stop();
  const { rows } = await superuser.query<{ p99: number }>(
    `select percentile_cont(0.99) within group (order by extract(epoch from sequenced_at - at)) * 1000 as p99
     from (select sequenced_at, at from audit_log order by seq desc limit 5000) as l`,
  );
  const locked = await rate(async (tx, n) => {
    await chained(tx, n);
    await work(tx);
  });
  tell({ name: 'busy-append-rate', value: Math.round(busy), unit: 'appends/s' });
  tell({ name: 'busy-locked-rate', value: Math.round(locked), unit: 'appends/s' });
  tell({
    name: 'busy-ratio',
    value: rounded(busy / locked),
    unit: 'ratio',
    goal: '>= 5',
  });
  tell({ name: 'sequenced-p99', value: Math.round(rows[0]?.p99 ?? 0), unit: 'ms' });
  await superuser.query('drop table bench_plain, bench_head, bench_chain');
}

/** The statement that append sends, for another table, with the values of one sealed entry. */
async function plainInsert(superuser: AuditBench['superuser']): Promise<[string, unknown[]]> {
  const { rows } = await superuser.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'audit_pending'::regclass and attnum > 0
       and attname not in ('pid', 'appended_at') order by attnum`,
  );
  const names = rows.map(({ name }) => name);
  const id = newId();
  const now = new Date().toISOString();
  const event = benchEvent(id);
  const { metadata, targets } = event;
  const entry = sealEntry({
    id,
    kind: 'own',
    via: 'usher',
    action: event.action,
    crud: event.crud,
    outcome: 'success',
    at: now,
    receivedAt: now,
    tenantId: id,
    actor: { type: 'user', id: event.actorId },
    targets: targets.map((target) => ({ type: target.type, id: target.id })),
    component: 'api',
    metadata,
    parts: [
      { part: 'context', body: { ip: event.sourceIp, ua: event.userAgent } },
      { part: 'targets.0', body: { name: 'Acme' }, search: 'Acme' },
      { part: 'free', body: { description: event.description }, search: event.description },
    ],
  });
  const slots = names.map((_, n) => `$${String(n + 1)}`).join(', ');
  return [`insert into bench_plain (${names.join(', ')}) values (${slots})`, valuesOf(entry)];
}

/** How often a deed is done a second, on as many connections. */
async function perSecond(deed: (n: number) => Promise<unknown>): Promise<number> {
  const until = performance.now() + runSeconds * 1_000;
  const began = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        count += 1;
        await deed(count);
      }
    }),
  );
  return count / ((performance.now() - began) / 1_000);
}

/** Sequences as a worker does, until it is stopped. */
function sequenceBeside(db: AuditBench['sequencer']): () => Promise<void> {
  let running = true;
  const isRunning = (): boolean => running;
  const sequencer = createSequencer(db);
  const loop = (async () => {
    while (isRunning()) {
      await sequencer.round();
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  })();
  return async () => {
    running = false;
    await loop;
    await drain(db);
  };
}
