import type { Tx } from '../../platform/db';
import { pauseSeconds } from './batches.rules';
import type { BatchSituation, BatchState, Partition, SeqRange } from './batches.rules';

/** One object of a batch, as it shall lie in the store. */
export interface BatchObject {
  readonly key: string;
  /** In hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** What a batch consists of in the store. Written to its row before anything is uploaded. */
export interface BatchObjects {
  readonly leaves: BatchObject;
  readonly personal: BatchObject;
  readonly manifest: BatchObject & { readonly note: string };
}

/** A range of the log on its way into the store. */
export interface Batch extends SeqRange {
  readonly id: string;
  /** Its place in the chain of manifests, from 1. */
  readonly n: number;
  readonly origin: string;
  readonly state: BatchState;
  /** Grows when its objects have to be made anew under other names. */
  readonly attempt: number;
  readonly lockedUntil: Date | null;
  readonly objects: BatchObjects | null;
  /** SHA-256 of manifests that another one took the place of, in hex. */
  readonly replaced: readonly string[];
  /** Failures in a row. */
  readonly tries: number;
  readonly problem: string | null;
  readonly confirmedAt: Date | null;
  readonly prunedAt: Date | null;
}

interface Row extends SeqRange {
  readonly id: string;
  readonly n: number;
  readonly origin: string;
  readonly state: BatchState;
  readonly attempt: number;
  readonly locked_until: Date | null;
  readonly leaves_key: string | null;
  readonly leaves_sha256: Buffer | null;
  readonly leaves_bytes: number | null;
  readonly personal_key: string | null;
  readonly personal_sha256: Buffer | null;
  readonly personal_bytes: number | null;
  readonly manifest: string | null;
  readonly manifest_key: string | null;
  readonly manifest_sha256: Buffer | null;
  readonly replaced_manifests: readonly Buffer[];
  readonly tries: number;
  readonly problem: string | null;
  readonly confirmed_at: Date | null;
  readonly pruned_at: Date | null;
}

const columns = `b.id, b.n, b.origin, b.from_seq as "from", b.to_seq as "to", b.state, b.attempt, b.locked_until, b.leaves_key,
  b.leaves_sha256, b.leaves_bytes, b.personal_key, b.personal_sha256, b.personal_bytes, b.manifest, b.manifest_key,
  b.manifest_sha256, b.replaced_manifests, b.tries, b.problem, b.confirmed_at, b.pruned_at`;

function batchOf(row: Row): Batch {
  const {
    leaves_key: leaves,
    personal_key: personal,
    manifest_key: manifest,
    manifest: note,
  } = row;
  const object = (key: string, sha256: Buffer | null, bytes: number | null): BatchObject => ({
    key,
    sha256: sha256?.toString('hex') ?? '',
    bytes: bytes ?? 0,
  });
  const built = leaves !== null && personal !== null && manifest !== null && note !== null;
  return {
    id: row.id,
    n: row.n,
    origin: row.origin,
    from: row.from,
    to: row.to,
    state: row.state,
    attempt: row.attempt,
    lockedUntil: row.locked_until,
    objects: built
      ? {
          leaves: object(leaves, row.leaves_sha256, row.leaves_bytes),
          personal: object(personal, row.personal_sha256, row.personal_bytes),
          manifest: { ...object(manifest, row.manifest_sha256, Buffer.byteLength(note)), note },
        }
      : null,
    replaced: row.replaced_manifests.map((sha256) => sha256.toString('hex')),
    tries: row.tries,
    problem: row.problem,
    confirmedAt: row.confirmed_at,
    prunedAt: row.pruned_at,
  };
}

/** A batch by its id. */
export async function batchById(tx: Tx, id: string): Promise<Batch | undefined> {
  const row = await tx.maybe<Row>(`select ${columns} from audit_batches as b where b.id = $1`, [
    id,
  ]);
  return row && batchOf(row);
}

/** Batches by their place in the chain, above `after`, lowest first. */
export async function batchesAfter(tx: Tx, after: number, limit: number): Promise<Batch[]> {
  const rows = await tx.rows<Row>(
    `select ${columns} from audit_batches as b where b.n > $1 order by b.n limit $2`,
    [after, limit],
  );
  return rows.map(batchOf);
}

/** The batches of a partition, in their order. */
export async function batchesIn(tx: Tx, { from, end }: Partition): Promise<Batch[]> {
  const rows = await tx.rows<Row>(
    `select ${columns} from audit_batches as b where b.from_seq >= $1 and b.from_seq < $2 order by b.from_seq`,
    [from, end],
  );
  return rows.map(batchOf);
}

/** What decides what comes next for a batch, and the partition that it lies in. */
export async function situationOf(
  tx: Tx,
  id: string,
): Promise<(BatchSituation & { readonly partition: Partition }) | undefined> {
  const row = await tx.maybe<Omit<BatchSituation, 'partition'> & Partition>(
    `select b.state, b.to_seq = p.to_seq - 1 as "closesPartition", p.from_seq as "from", p.to_seq as "end",
       b.n = 1 or exists (select 1 from audit_batches as a where a.n = b.n - 1 and a.manifest_sha256 is not null)
         as "predecessorBuilt",
       greatest(0, extract(epoch from b.prune_after - clock_timestamp()) * 1000)::float8 as "graceMs",
       greatest(0, coalesce(extract(epoch from b.not_before - clock_timestamp()), 0) * 1000)::float8 as "pauseMs"
     from audit_batches as b join audit_partitions as p on p.from_seq <= b.from_seq and b.from_seq < p.to_seq
     where b.id = $1`,
    [id],
  );
  if (!row) return undefined;
  const { from, end, ...situation } = row;
  return { ...situation, partition: { from, end } };
}

/** Where the archive ends, in the log and in the chain of manifests; zeros before the first batch. */
export function archiveEnd(tx: Tx): Promise<{ readonly to: number; readonly n: number }> {
  return tx.one<{ to: number; n: number }>(
    'select coalesce(max(to_seq), 0) as to, coalesce(max(n), 0) as n from audit_batches',
  );
}

/** Adds a batch. Fails when another one has one of its entries, or its place in the chain. */
export async function addBatch(
  tx: Tx,
  batch: SeqRange & Pick<Batch, 'id' | 'n' | 'origin'>,
  requestedBy: string,
): Promise<void> {
  await tx.run(
    `insert into audit_batches (id, n, origin, from_seq, to_seq, requested_by) values ($1, $2, $3, $4, $5, $6)`,
    [batch.id, batch.n, batch.origin, batch.from, batch.to, requestedBy],
  );
}

/** SHA-256 of the manifest that the one of a place in the chain has to name, in hex; null for the first. */
export async function predecessorOf(tx: Tx, n: number): Promise<string | null | undefined> {
  if (n === 1) return null;
  const row = await tx.maybe<{ sha256: Buffer | null }>(
    'select manifest_sha256 as sha256 from audit_batches where n = $1',
    [n - 1],
  );
  return row?.sha256?.toString('hex');
}

/** Notes what a batch consists of, before anything of it is uploaded. */
export async function noteObjects(
  tx: Tx,
  id: string,
  { leaves, personal, manifest }: BatchObjects,
  lockedUntil: Date | undefined,
): Promise<void> {
  const digest = ({ sha256 }: BatchObject) => Buffer.from(sha256, 'hex');
  await tx.run(
    `update audit_batches set leaves_key = $2, leaves_sha256 = $3, leaves_bytes = $4, personal_key = $5,
       personal_sha256 = $6, personal_bytes = $7, manifest_key = $8, manifest_sha256 = $9, manifest = $10,
       locked_until = $11, built_at = clock_timestamp()
     where id = $1 and state = 'planned'`,
    [
      id,
      leaves.key,
      digest(leaves),
      leaves.bytes,
      personal.key,
      digest(personal),
      personal.bytes,
      manifest.key,
      digest(manifest),
      manifest.note,
      lockedUntil ?? null,
    ],
  );
}

/** Notes that the store said it has everything. */
export async function noteStored(tx: Tx, id: string): Promise<void> {
  await tx.run(
    `update audit_batches set state = 'stored', stored_at = clock_timestamp(), tries = 0, not_before = null, problem = null,
       problem_at = null, troubled_at = null
     where id = $1 and state = 'planned' and manifest_sha256 is not null`,
    [id],
  );
}

/**
 * Notes that the store has everything indeed: its entries may be dropped once a grace period is over. False when that
 * was noted before.
 */
export async function confirmBatch(tx: Tx, id: string, graceHours: number): Promise<boolean> {
  const { confirmed } = await tx.one<{ confirmed: boolean }>(
    `select audit_confirm_batch($1, $2 * interval '1 hour') as confirmed`,
    [id, graceHours],
  );
  return confirmed;
}

/** Notes that a batch's objects are not what they should be: they are made anew, under other names. */
export async function doubtBatch(tx: Tx, id: string, why: string): Promise<void> {
  await tx.one('select audit_doubt_batch($1, $2)', [id, why]);
}

/** Notes what the objects of a batch were found to be, just now. Whether they are what they should be. */
export async function verifyBatch(
  tx: Tx,
  id: string,
  found: { readonly leaves: string; readonly personal: string; readonly manifest: string },
): Promise<boolean> {
  const { verified } = await tx.one<{ verified: boolean }>(
    'select audit_verify_batch($1, $2, $3, $4) as verified',
    [id, ...[found.leaves, found.personal, found.manifest].map((hex) => Buffer.from(hex, 'hex'))],
  );
  return verified;
}

/**
 * Drops a partition of the log. Everything about it is checked once more in the database, in the same transaction.
 * @returns how many entries that were; 0 when it was dropped before
 */
export async function prunePartition(tx: Tx, from: number, entryId: string): Promise<number> {
  const { entries } = await tx.one<{ entries: number }>('select audit_prune($1, $2) as entries', [
    from,
    entryId,
  ]);
  return entries;
}

/** Notes why a step failed, and rests longer the more often it did; `firstPause` in seconds. */
export async function noteProblem(
  tx: Tx,
  id: string,
  problem: string,
  firstPause: number,
): Promise<void> {
  const row = await tx.maybe<{ tries: number }>('select tries from audit_batches where id = $1', [
    id,
  ]);
  const tries = (row?.tries ?? 0) + 1;
  await tx.run(
    `update audit_batches set tries = $2, problem = $3, problem_at = clock_timestamp(),
       troubled_at = coalesce(troubled_at, clock_timestamp()), not_before = clock_timestamp() + $4 * interval '1 second'
     where id = $1`,
    [id, tries, problem, pauseSeconds(tries, firstPause)],
  );
}

/** Notes that a worker looks after a batch. */
export async function noteDriven(tx: Tx, id: string): Promise<void> {
  await tx.run('update audit_batches set driven_at = clock_timestamp() where id = $1', [id]);
}

/** Seconds for which the batch that has been in trouble longest has been so; 0 when none is. */
export async function stuckSeconds(tx: Tx): Promise<number> {
  const row = await tx.one<{ seconds: number }>(
    `select coalesce(max(extract(epoch from clock_timestamp() - troubled_at)), 0)::float8 as seconds from audit_batches
     where state <> 'pruned' and problem is not null`,
  );
  return row.seconds;
}
