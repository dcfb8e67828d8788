import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { once } from 'node:events';
import { createGzip, gzipSync } from 'node:zlib';
import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { hashBytes, leafHash } from '../audit/hashes';
import { readEnvelope, zeroHash } from '../audit/leaf.rules';
import { rangeAt, rootAt, tileKey } from '../audit/proofs';
import { tilesOf } from '../audit/tiles';
import { tileWidth } from '../audit/tree';
import type { CompactRange } from '../audit/tree';
import { digestOf } from './archived-objects';
import type { SeqRange } from './batches.rules';
import { KeyMissing, sealPersonal } from './personal';
import type { PersonalPart } from './personal';
import { keysOfSubjects, provideKeys, subjectsIn } from './subject-keys';

/** Bytes that are to be stored, and what they are. */
export interface Built {
  readonly body: Buffer;
  /** In hex. */
  readonly sha256: string;
}

/** A range of the log as objects, and what its manifest says of it. */
export interface BuiltRange {
  readonly leaves: Built & { readonly rawSha256: string };
  readonly personal: Built & { readonly parts: number };
  readonly firstPrevHash: string;
  readonly lastHash: string;
  readonly firstSequencedAt: string;
  readonly lastSequencedAt: string;
  readonly rangeBefore: readonly Buffer[];
  readonly rootAfter: Buffer;
}

/** Entries that are read at a time. */
const chunk = 2_048;

/**
 * Makes the objects of a range. Every entry is hashed on the way: what is archived has been proved to be what the tree
 * was made of. The same range gives the same bytes, unless personal data was erased in between.
 * @param db as usher_sequencer
 * @param secret of the archive; with the salt of a subject it makes the key of its data
 * @throws DomainError `audit-range-broken` for a log that does not hold, `unavailable` when an erasure came between
 */
export async function buildRange(
  db: Database,
  range: SeqRange & { readonly id: string },
  secret: Buffer,
): Promise<BuiltRange> {
  // The keys first: personal data that is read is sealed under keys that were there before, and an erasure that comes
  // now takes them along.
  await withSystem(db, 'archive', async (tx) => {
    const subjects = await subjectsIn(tx, range.from, range.to);
    if (subjects.length > 0) await provideKeys(tx, subjects);
  });
  return withSystem(
    db,
    'archive',
    async (tx) => {
      const leaves = await readLeaves(tx, range);
      const personal = await readPersonal(tx, range, secret);
      return { ...leaves, personal };
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

interface LeafRow {
  readonly seq: number;
  readonly leaf: string;
  readonly hash: Buffer;
}

async function readLeaves(tx: Tx, range: SeqRange): Promise<Omit<BuiltRange, 'personal'>> {
  const tiles = tilesOf(tx);
  const before = await rangeAt(tiles, range.from - 1);
  const rangeBefore = rootsOf(before);
  const firstPrevHash = await hashBefore(tx, range.from);
  const packer = createPacker();
  let previous = firstPrevHash;
  let next = range.from;
  let firstSequencedAt = '';
  let lastSequencedAt = '';
  while (next <= range.to) {
    const rows = await tx.rows<LeafRow>(
      'select seq, leaf, hash from audit_log where seq between $1 and $2 order by seq',
      [next, Math.min(range.to, next + chunk - 1)],
    );
    if (rows.length === 0) throw broken(next, 'is not there');
    for (const row of rows) {
      lastSequencedAt = requireLink(row, next, previous);
      if (firstSequencedAt === '') firstSequencedAt = lastSequencedAt;
      previous = row.hash.toString('hex');
      before.append(row.hash);
      next += 1;
    }
    await packer.add(rows.map(({ leaf }) => `${leaf}\n`).join(''));
  }
  const rootAfter = before.root();
  if (!rootAfter.equals(await rootAt(tiles, range.to))) throw broken(range.to, 'has another root');
  const leaves = await packer.end();
  return {
    leaves,
    firstPrevHash,
    lastHash: previous,
    firstSequencedAt,
    lastSequencedAt,
    rangeBefore,
    rootAfter,
  };
}

const broken = (seq: number, what: string): DomainError =>
  new DomainError('audit-range-broken', { detail: `Entry ${String(seq)} ${what}.` });

/** Checks an entry's hash and its link to the one before it; returns when it was sequenced. */
function requireLink({ seq, leaf, hash }: LeafRow, expected: number, previous: string): string {
  if (seq !== expected) throw broken(expected, 'is not there');
  if (!leafHash(leaf).equals(hash)) throw broken(seq, 'has another hash');
  const envelope = readEnvelope(leaf);
  if (envelope?.seq !== seq) throw broken(seq, 'says that it is another one');
  if (envelope.prevHash !== previous) throw broken(seq, 'does not follow on the one before it');
  return envelope.sequencedAt;
}

const rootsOf = (range: CompactRange): Buffer[] => {
  const bytes = range.bytes();
  return Array.from({ length: bytes.length / hashBytes }, (_, index) =>
    bytes.subarray(index * hashBytes, (index + 1) * hashBytes),
  );
};

// From the tree, which outlives the entry.
async function hashBefore(tx: Tx, seq: number): Promise<string> {
  if (seq === 1) return zeroHash;
  const address = { level: 0, index: Math.floor((seq - 2) / tileWidth) };
  const tile = (await tilesOf(tx)([address])).get(tileKey(address));
  const at = ((seq - 2) % tileWidth) * hashBytes;
  const hash = tile?.subarray(at, at + hashBytes);
  if (hash?.length !== hashBytes) throw broken(seq - 1, 'is not in the tree');
  return hash.toString('hex');
}

/** Packs text with gzip, always the same text to the same bytes, and hashes both. */
function createPacker(): {
  add(text: string): Promise<void>;
  end(): Promise<BuiltRange['leaves']>;
} {
  const raw: Hash = createHash('sha256');
  const gzip = createGzip({ level: 6 });
  const chunks: Buffer[] = [];
  gzip.on('data', (bytes: Buffer) => chunks.push(bytes));
  return {
    async add(text) {
      raw.update(text);
      if (!gzip.write(text)) await once(gzip, 'drain');
    },
    async end() {
      const ended = once(gzip, 'end');
      gzip.end();
      await ended;
      return { ...built(Buffer.concat(chunks)), rawSha256: raw.digest('hex') };
    },
  };
}

const built = (body: Buffer): Built => ({
  body,
  sha256: digestOf(body),
});

async function readPersonal(
  tx: Tx,
  range: SeqRange & { readonly id: string },
  secret: Buffer,
): Promise<BuiltRange['personal']> {
  const parts = await tx.rows<PersonalPart & Record<string, unknown>>(
    `select seq, part, tenant_id, event_id, subjects, salt, body, search from audit_pii
     where seq between $1 and $2 order by seq, part`,
    [range.from, range.to],
  );
  const subjects = [...new Set(parts.flatMap((part) => part.subjects))];
  const keys = await keysOfSubjects(tx, subjects);
  try {
    const lines = sealPersonal(parts, keys, secret, range.id);
    const text = lines.map((line) => `${line}\n`).join('');
    return { ...built(gzipSync(text, { level: 6 })), parts: parts.length };
  } catch (error) {
    if (!(error instanceof KeyMissing)) throw error;
    throw new DomainError('unavailable', { detail: 'Personal data was erased at this moment.' });
  }
}
