import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeCheckpoint } from '../src/domain/audit/checkpoints';
import { exportLog } from '../src/domain/audit/export/export-log';
import type { ExportAccess } from '../src/domain/audit/export/export-log';
import { hmacSha256, nodeHash, sha256 } from '../src/domain/audit/hashes';
import { allKeys } from '../src/domain/audit/log-keys';
import { inclusionProof } from '../src/domain/audit/proofs';
import { askSignature, readSignature, serveDesk } from '../src/domain/audit/signing-desk';
import { tilesOf } from '../src/domain/audit/tiles';
import { tlogProof } from '../src/domain/audit/tlog-proof';
import { appendAll, CompactRange } from '../src/domain/audit/tree';
import { readEntryLine } from '../src/domain/audit/verify/entry-line';
import { createExportChecker } from '../src/domain/audit/verify/export-checker';
import { verifyLog } from '../src/domain/audit/verify/verify-log';
import { withSystem } from '../src/platform/db';
import { rounded, seconds } from './audit-bench';
import type { AuditBench } from './audit-bench';

/** Exports the log, verifies the file and the stored log, and hashes the same bytes without any check beside it. */
export async function benchVerifying(bench: AuditBench): Promise<void> {
  const { app, sequencer, folder, keys, tell } = bench;
  const made = await withSystem(sequencer, 'sequencer', (tx) => makeCheckpoint(tx, keys, 'manual'));
  if (!('checkpoint' in made)) throw new Error(made.why);
  const open: ExportAccess['open'] = (fn) => withSystem(app, 'audit', fn);
  const access: ExportAccess = {
    open,
    openAll: open,
    checkpoint: made.checkpoint,
    makeCheckpoint: () => Promise.resolve(undefined),
    async sign(request) {
      const id = await open((tx) => askSignature(tx, request, 'system:bench'));
      await serveDesk(sequencer, keys);
      return open((tx) => readSignature(tx, id));
    },
  };
  const file = join(folder, 'export.ndjson');
  const { size } = made.checkpoint;
  const exporting = await seconds(async () => {
    const source = await exportLog(access, { tenantId: null });
    await pipeline(Readable.from(source.lines()), createWriteStream(file));
  });
  tell({ name: 'export-rate', value: Math.round(size / exporting), unit: 'entries/s' });

  const [key] = await open(allKeys);
  const vkey = key?.vkey ?? '';
  const bytes = readFileSync(file);
  const lines = linesOf(bytes);
  const entries = lines.flatMap((line) => readEntryLine(line) ?? []);
  const inputs = entries.map(({ leaf, openings }) => ({
    leaf: Buffer.from(`\0${leaf}`),
    openings,
  }));
  let verifying = Infinity;
  let hashing = Infinity;
  for (let turn = 0; turn < 3; turn += 1) {
    verifying = Math.min(verifying, await seconds(() => checkFile(file, vkey)));
    hashing = Math.min(
      hashing,
      await seconds(() => {
        // The file as a whole, which its signature covers; then of each entry the leaf, a node of the tree, and the two
        // hashes of each commitment.
        sha256(bytes);
        for (const { leaf, openings } of inputs) {
          const hash = sha256(leaf);
          nodeHash(hash, hash);
          for (const { salt, body } of openings) hmacSha256(salt, body);
        }
        return Promise.resolve();
      }),
    );
  }
  tell({ name: 'verify-file-rate', value: Math.round(size / verifying), unit: 'entries/s' });
  tell({
    name: 'verify-file-ratio',
    value: rounded(hashing / verifying),
    unit: 'ratio',
    goal: '>= 0.5',
  });
  const stored = await seconds(async () => {
    const verdict = await verifyLog(app);
    if (!verdict.ok) throw new Error(JSON.stringify(verdict.break));
  });
  tell({ name: 'verify-stored-rate', value: Math.round(size / stored), unit: 'entries/s' });
}

async function checkFile(file: string, vkey: string): Promise<void> {
  const checker = createExportChecker({ keys: [vkey] });
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      checker.line(bytes.subarray(from, end + 1));
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  const verdict = checker.finish();
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.break));
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, end + 1));
    from = end + 1;
  }
  return lines;
}

const million = 1_000_000;

/** The proof of one of a million entries, read from tiles in the database. */
export async function benchProof({ app, superuser, tell }: AuditBench): Promise<void> {
  const leaves = Array.from({ length: million }, (_, n) => sha256(String(n)));
  const growth = appendAll(new CompactRange(), leaves);
  await superuser.query('truncate audit_tiles');
  for (let done = 0; done < growth.length; done += 500) {
    const part = growth.slice(done, done + 500);
    await superuser.query(
      'insert into audit_tiles (level, idx, hashes) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[])',
      [
        part.map(({ level }) => level),
        part.map(({ index }) => index),
        part.map(({ hashes }) => Buffer.concat(hashes)),
      ],
    );
  }
  const proofs = 200;
  let proof: Buffer[] = [];
  const took = await seconds(async () => {
    for (let n = 0; n < proofs; n += 1) {
      proof = await withSystem(app, 'audit', (tx) =>
        inclusionProof(tilesOf(tx), (n * 4_987) % million, million),
      );
    }
  });
  const { rows } = await superuser.query<{ leaf: string; note: string }>(
    'select (select leaf from audit_log order by seq limit 1) as leaf, (select note from audit_checkpoints limit 1) as note',
  );
  const [row] = rows;
  const text = tlogProof({ leaf: row?.leaf ?? '', index: 0, proof, note: row?.note ?? '' });
  tell({ name: 'proof-hashes', value: 32 * proof.length, unit: 'bytes', goal: '<= 640' });
  tell({ name: 'proof-file', value: Buffer.byteLength(text), unit: 'bytes' });
  tell({ name: 'proof-time', value: rounded((1_000 * took) / proofs), unit: 'ms' });
}
