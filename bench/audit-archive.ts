import { createCipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ArchiveDeps } from '../src/domain/archive/deps';
import { driveBatch } from '../src/domain/archive/drive-batch';
import { planArchive } from '../src/domain/archive/plan';
import { makeCheckpoint } from '../src/domain/audit/checkpoints';
import { originOfLog } from '../src/domain/audit/head';
import { publishCheckpoints } from '../src/domain/audit/publication';
import { withSystem } from '../src/platform/db';
import { createLog } from '../src/platform/log';
import { createObjectStore } from '../src/platform/object-store';
import { createOutbox } from '../src/platform/outbox';
import { startObjectStore } from '../src/servers/object-store';
import { rounded, seconds } from './audit-bench';
import type { AuditBench } from './audit-bench';

const bucket = 'usher-bench';
const credentials = { accessKey: 'usher', secretKey: 'usher-secret' };

/**
 * Archives batches as a worker does (built, hashed, stored in the embedded store, attested by a manifest, confirmed by
 * what the store says), beside reading, sealing and packing the same rows with no check and no store.
 */
export async function benchArchive(bench: AuditBench): Promise<void> {
  const dir = join(bench.folder, 'objects');
  const server = await startObjectStore({ ...credentials, port: 0, dir, bucket });
  const settings = {
    ...credentials,
    endpoint: server.url,
    region: 'us-east-1',
    bucket,
    encrypt: false,
    allowCidrs: ['127.0.0.0/8'],
  };
  const objects = createObjectStore(settings);
  try {
    await measure(bench, depsOf(bench, { objects, settings }), objects);
  } finally {
    objects.close();
    await server.stop();
  }
}

function depsOf(
  { app, sequencer, keys }: AuditBench,
  store: NonNullable<ArchiveDeps['store']>,
): ArchiveDeps {
  const secret = randomBytes(32);
  return {
    db: app,
    sequencer,
    outbox: createOutbox({
      db: app,
      deliver: () => Promise.resolve({ ok: true }),
      fastPath: false,
      onError: () => undefined,
    }),
    log: createLog({ level: 'silent', process: 'bench' }),
    store,
    keys,
    times: { hotDays: 0, graceHours: 1, lockDays: 0, restoredDays: 7, pauseSeconds: 0.001 },
    secret: () => Promise.resolve(secret),
  };
}

async function measure(
  { sequencer, superuser, tell }: AuditBench,
  deps: ArchiveDeps,
  objects: NonNullable<ArchiveDeps['store']>['objects'],
): Promise<void> {
  await withSystem(sequencer, 'sequencer', (tx) => makeCheckpoint(tx, deps.keys, 'manual'));
  const origin = (await withSystem(sequencer, 'sequencer', originOfLog)) ?? '';
  await publishCheckpoints(sequencer, objects, deps.keys, origin);
  await planArchive(deps, 'system:bench');
  const { rows: batches } = await superuser.query<{ id: string; from: string; to: string }>(
    'select id, from_seq as from, to_seq as to from audit_batches order by n limit 4',
  );
  let [count, archiving, packing] = [0, 0, 0];
  for (const { id, from, to } of batches) {
    packing += await seconds(() => pack(reader(sequencer), Number(from), Number(to)));
    archiving += await seconds(async () => {
      await driveBatch(deps, id, 'store');
      const { state } = await driveBatch(deps, id, 'confirm');
      if (state !== 'confirmed') throw new Error(`A batch is ${state}`);
    });
    count += Number(to) - Number(from) + 1;
  }
  tell({ name: 'archive-rate', value: Math.round(count / archiving), unit: 'entries/s' });
  tell({
    name: 'archive-ratio',
    value: rounded(packing / archiving),
    unit: 'ratio',
    goal: '>= 0.5',
  });
}

const reader = (sequencer: AuditBench['sequencer']) => (text: string, values: unknown[]) =>
  withSystem(sequencer, 'archive', (tx) => tx.rows<Record<string, unknown>>(text, values));

/** Reads, seals per subject and packs: what any archive of these rows does. */
async function pack(read: ReturnType<typeof reader>, from: number, to: number): Promise<void> {
  const rows = await read(
    'select seq, leaf, hash from audit_log where seq between $1 and $2 order by seq',
    [from, to],
  );
  gzipSync(rows.map(({ leaf }) => `${String(leaf)}\n`).join(''), { level: 6 });
  const parts = await read(
    `select seq, part, tenant_id, event_id, subjects, salt, body, search from audit_pii
     where seq between $1 and $2 order by seq, part`,
    [from, to],
  );
  const groups = new Map<string, string[]>();
  for (const { salt, ...part } of parts) {
    const name = String(part['subjects']);
    const line = JSON.stringify({ ...part, salt: (salt as Buffer).toString('base64') });
    const group = groups.get(name);
    if (group) group.push(line);
    else groups.set(name, [line]);
  }
  const sealed = [...groups.values()].map((lines) => {
    const cipher = createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12));
    const plain = gzipSync(lines.join('\n'));
    return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
  });
  gzipSync(sealed.join('\n'), { level: 6 });
}
