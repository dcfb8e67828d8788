import type { Tx } from '../../platform/db';
import type { CheckpointReason, CheckpointSituation } from './checkpoints.rules';
import { lockHead } from './head';
import { checkpointText } from './heads.rules';
import { signNote } from './notes';
import { settleKeys } from './key-succession';
import { hmacLine } from './signing';
import type { SigningKeys } from './signing';

/** A signed head of the log. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** `hash` of the last entry that it covers. */
  readonly headHash: Buffer;
  /** The signed note, https://c2sp.org/tlog-checkpoint */
  readonly note: string;
  readonly reason: CheckpointReason;
  readonly at: Date;
  /** When it was published outside of the database; null while it was not. */
  readonly publishedAt: Date | null;
}

const columns = `origin, size, root, head_hash as "headHash", note, reason, at, published_at as "publishedAt"`;

/** The newest checkpoint; undefined before the first one. */
export function latestCheckpoint(tx: Tx): Promise<Checkpoint | undefined> {
  return tx.maybe<Checkpoint>(
    `select ${columns} from audit_checkpoints order by size desc, at desc limit 1`,
  );
}

/** The checkpoint of a size. */
export function checkpointAt(tx: Tx, size: number): Promise<Checkpoint | undefined> {
  return tx.maybe<Checkpoint>(
    `select ${columns} from audit_checkpoints where size = $1 order by at desc limit 1`,
    [size],
  );
}

/** The smallest published checkpoint of a log that covers an entry. */
export function checkpointCovering(
  tx: Tx,
  origin: string,
  seq: number,
): Promise<Checkpoint | undefined> {
  return tx.maybe<Checkpoint>(
    `select ${columns} from audit_checkpoints
     where origin = $1 and size >= $2 and published_at is not null order by size limit 1`,
    [origin, seq],
  );
}

/** Checkpoints above one size and up to another, smallest first. */
export function checkpointsWithin(tx: Tx, above: number, upTo: number): Promise<Checkpoint[]> {
  return tx.rows<Checkpoint>(
    `select ${columns} from audit_checkpoints where size > $1 and size <= $2 order by size, at`,
    [above, upTo],
  );
}

/** Checkpoints below a size (null for all), largest first. */
export function checkpointsBefore(
  tx: Tx,
  size: number | null,
  limit: number,
): Promise<Checkpoint[]> {
  return tx.rows<Checkpoint>(
    `select ${columns} from audit_checkpoints where $1::bigint is null or size < $1 order by size desc, at desc limit $2`,
    [size, limit],
  );
}

/** Checkpoints of a log that were not published yet, smallest first. */
export function unpublishedCheckpoints(
  tx: Tx,
  origin: string,
  limit: number,
): Promise<Checkpoint[]> {
  return tx.rows<Checkpoint>(
    `select ${columns} from audit_checkpoints where published_at is null and origin = $1 order by size limit $2`,
    [origin, limit],
  );
}

/** Notes that a checkpoint is published. */
export async function markPublished(tx: Tx, { origin, size }: Checkpoint): Promise<void> {
  await tx.run(
    `update audit_checkpoints set published_at = clock_timestamp()
     where origin = $1 and size = $2 and published_at is null`,
    [origin, size],
  );
}

/** What decides whether a checkpoint is due. */
export function checkpointSituation(tx: Tx): Promise<Omit<CheckpointSituation, 'starting'>> {
  return tx.one<Omit<CheckpointSituation, 'starting'>>(
    `select h.size, coalesce(c.size, 0) as covered, extract(epoch from clock_timestamp() - c.at)::float8 as age
     from audit_head as h left join lateral (
       select size, at from audit_checkpoints order by size desc, at desc limit 1) as c on true`,
  );
}

/** How the making of a checkpoint ended. */
export type Made =
  | { readonly checkpoint: Checkpoint }
  /** `busy`: the log is being written; `empty`: it has no entry; `no-key`: another process holds its key. */
  | { readonly why: 'busy' | 'empty' | 'no-key' };

/**
 * Signs the head of the log as it is committed. When nothing is new, the newest checkpoint is the answer.
 */
export async function makeCheckpoint(
  tx: Tx,
  keys: SigningKeys,
  reason: CheckpointReason,
): Promise<Made> {
  const head = await lockHead(tx);
  if (!head) return { why: 'busy' };
  const { origin, size } = head;
  if (origin === null || size === 0) return { why: 'empty' };
  const last = await latestCheckpoint(tx);
  if (last && last.origin === origin && last.size >= size) return { checkpoint: last };
  const succession = await settleKeys(tx, keys, origin, size);
  if (!succession) return { why: 'no-key' };
  const root = head.tree.root();
  const text = checkpointText({ origin, size, root: root.toString('base64') });
  const note = signNote(text, [
    ...succession.signers.map((key) => key.signer('checkpoint')),
    hmacLine(keys, origin, 'checkpoint'),
  ]);
  const checkpoint = await tx.one<Checkpoint>(
    `insert into audit_checkpoints (origin, size, root, head_hash, note, reason) values ($1, $2, $3, $4, $5, $6)
     returning ${columns}`,
    [origin, size, root, head.lastHash, note, reason],
  );
  await succession.settle(checkpoint);
  return { checkpoint };
}
