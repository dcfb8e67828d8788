import { createHash } from 'node:crypto';
import type { Tx } from '../../../platform/db';
import type { Checkpoint } from '../checkpoints';
import { controlLeafAt, erasuresOf } from '../control-leaves';
import { settleEntries } from '../freshness';
import type { InScope } from '../freshness';
import { consistencyProof, inclusionProof, rangeAt, rootAt } from '../proofs';
import { listSeqs } from '../query';
import type { EntryFilter } from '../query';
import type { SignatureRequest } from '../signing-desk';
import { tilesOf } from '../tiles';
import { createOpenings } from '../verify/openings';
import type { Openings } from '../verify/openings';
import { rowsAt, storedRows } from '../verify/stored-rows';
import type { StoredRow } from '../verify/stored-rows';
import { loadSuccessions } from '../verify/successions';
import { collectBreaks } from '../verify/verdict.rules';
import { entryLine, exportFormat } from './lines.rules';
import type { ExportEnd, ExportHeader, ExportScope, ProvenLeaf } from './lines.rules';

/** How an export reads the log, and who signs it. */
export interface ExportAccess {
  /** In the scope of whoever exports. */
  readonly open: InScope;
  /** Over the whole log: tiles, keys, control entries, which are nobody's secret. */
  readonly openAll: InScope;
  /** What everything is proven against. */
  readonly checkpoint: Checkpoint;
  /** Has a newer checkpoint made; undefined when nobody signs. */
  readonly makeCheckpoint: () => Promise<Checkpoint | undefined>;
  readonly sign: (request: SignatureRequest) => Promise<string | undefined>;
}

/** What is exported. */
export interface ExportPlan {
  /** The tenant whose chain is exported, or whose entries the filter picks. */
  readonly tenantId: string | null;
  /** Picks entries; without it the export is complete. */
  readonly filter?: EntryFilter | undefined;
  /** The filter as it was asked for, for the header. */
  readonly asked?: Readonly<Record<string, string>>;
  /** The size of a checkpoint that the reader holds. */
  readonly fromCheckpoint?: number | undefined;
}

/** An export that is about to be written: what it is proven against, and its lines. */
export interface Export {
  readonly checkpoint: Checkpoint;
  readonly complete: boolean;
  readonly scope: ExportScope;
  lines(): AsyncGenerator<string>;
}

const pageSize = 500;
/** Longest time that the end of an export waits for erasures to get into the log, in ms. */
const erasurePatienceMs = 5_000;

/** Begins an export of everything that the checkpoint covers, as signed, newline-delimited JSON. */
export async function exportLog(access: ExportAccess, plan: ExportPlan): Promise<Export> {
  const { checkpoint } = access;
  const scope: ExportScope = plan.filter ? 'picked' : plan.tenantId === null ? 'log' : 'tenant';
  const header = await headerOf(access, plan, scope, checkpoint);
  return {
    checkpoint,
    complete: header.complete,
    scope,
    lines: () => lines(access, plan, checkpoint, header),
  };
}

async function* lines(
  access: ExportAccess,
  plan: ExportPlan,
  checkpoint: Checkpoint,
  header: ExportHeader,
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const hashed = (line: string): string => {
    hash.update(line);
    return line;
  };
  yield hashed(`${JSON.stringify(header)}\n`);
  const openings = createOpenings(collectBreaks());
  let count = 0;
  for await (const rows of pages(access, plan, checkpoint.size)) {
    const proofs = plan.filter ? await proofsOf(access, rows, checkpoint.size) : undefined;
    let page = '';
    for (const [index, row] of rows.entries()) {
      openings.note(row.seq, row.leaf, row.openings);
      page += lineOf(row, proofs?.[index]);
    }
    count += rows.length;
    yield hashed(page);
  }
  yield hashed(`${JSON.stringify(await endOf(access, checkpoint, openings, count))}\n`);
  const { size } = checkpoint;
  const digest = hash.digest('base64');
  const note = await access.sign({ kind: 'export', tenantId: plan.tenantId, size, count, digest });
  yield `${JSON.stringify({ type: 'signature', note: note ?? null })}\n`;
}

function lineOf({ leaf, openings }: StoredRow, proof: readonly string[] | undefined): string {
  const open = openings.map(({ body, part, salt }) => ({
    body,
    part,
    salt: salt.toString('base64'),
  }));
  return entryLine(Buffer.byteLength(leaf), leaf, open, proof);
}

async function* pages(
  access: ExportAccess,
  plan: ExportPlan,
  upTo: number,
): AsyncGenerator<StoredRow[]> {
  const tenantId = plan.tenantId ?? undefined;
  let after = 0;
  for (;;) {
    const from = after;
    const rows = await access.open(async (tx) => {
      if (!plan.filter) return storedRows(tx, { after: from, upTo, limit: pageSize, tenantId });
      const page = { order: 'asc', limit: pageSize, cursor: from, before: upTo + 1 } as const;
      return rowsAt(tx, (await listSeqs(tx, plan.filter, page)).seqs);
    });
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    after = last.seq;
  }
}

function proofsOf(
  access: ExportAccess,
  rows: readonly StoredRow[],
  size: number,
): Promise<string[][]> {
  return access.openAll(async (tx) => {
    const read = cached(tilesOf(tx));
    const proofs: string[][] = [];
    for (const { seq } of rows) proofs.push(texts(await inclusionProof(read, seq - 1, size)));
    return proofs;
  });
}

// Neighbours share most of their tiles.
function cached(read: ReturnType<typeof tilesOf>): ReturnType<typeof tilesOf> {
  const known = new Map<string, Buffer>();
  return async (addresses) => {
    const key = ({ level, index }: { level: number; index: number }): string =>
      `${String(level)}/${String(index)}`;
    const lacking = addresses.filter((address) => !known.has(key(address)));
    if (lacking.length > 0) for (const [name, tile] of await read(lacking)) known.set(name, tile);
    return known;
  };
}

const texts = (hashes: readonly Buffer[]): string[] =>
  hashes.map((hash) => hash.toString('base64'));

async function headerOf(
  access: ExportAccess,
  plan: ExportPlan,
  scope: ExportScope,
  checkpoint: Checkpoint,
): Promise<ExportHeader> {
  const { size, origin, note } = checkpoint;
  const { tenantId, fromCheckpoint } = plan;
  const shared = await access.openAll(async (tx) => {
    const read = tilesOf(tx);
    const successions = await loadSuccessions(tx);
    return {
      keys: successions.map(({ leaf, proof, endorsement }) => ({
        leaf,
        proof: texts(proof),
        endorsement,
      })),
      from_checkpoint:
        fromCheckpoint === undefined
          ? null
          : {
              size: fromCheckpoint,
              root: (await rootAt(read, fromCheckpoint)).toString('base64'),
              proof: texts(await consistencyProof(read, fromCheckpoint, size)),
            },
    };
  });
  const last =
    scope === 'tenant' ? await access.open((tx) => lastOfTenant(tx, tenantId, size)) : undefined;
  const tenantHead =
    last && tenantId !== null
      ? await access.sign({ kind: 'tenant-head', tenantId, size })
      : undefined;
  const before = scope === 'log' ? await access.openAll((tx) => beforeFirst(tx, size)) : null;
  const first = scope === 'tenant' ? await access.open((tx) => firstOfTenant(tx, tenantId)) : 1;
  return {
    type: 'header',
    format: exportFormat,
    origin,
    scope,
    tenant_id: tenantId,
    complete: scope !== 'picked' && before === null && first <= 1,
    filter: plan.asked ?? {},
    checkpoint: note,
    tenant_head: tenantHead ?? null,
    last_proof: last
      ? await access.openAll(async (tx) =>
          texts(await inclusionProof(tilesOf(tx), last.seq - 1, size)),
        )
      : null,
    before,
    ...shared,
  };
}

function lastOfTenant(tx: Tx, tenantId: string | null, size: number) {
  return tx.maybe<{ seq: number }>(
    'select seq from audit_log where tenant_id = $1 and seq <= $2 order by seq desc limit 1',
    [tenantId, size],
  );
}

async function firstOfTenant(tx: Tx, tenantId: string | null): Promise<number> {
  const row = await tx.maybe<{ n: number }>(
    'select tenant_seq as n from audit_log where tenant_id = $1 order by seq limit 1',
    [tenantId],
  );
  return row?.n ?? 1;
}

async function beforeFirst(tx: Tx, size: number): Promise<ExportHeader['before']> {
  const first = await tx.maybe<{ seq: number; leaf: string }>(
    'select seq, leaf from audit_log where seq <= $1 order by seq limit 1',
    [size],
  );
  if (!first || first.seq === 1) return null;
  const tree = await rangeAt(tilesOf(tx), first.seq - 1);
  const hash = /"prev_hash":"([0-9a-f]{64})"/.exec(first.leaf.slice(-600))?.[1] ?? '';
  return { size: first.seq - 1, hash, frontier: texts(tree.roots) };
}

/** The erasures behind whatever is missing; those after the checkpoint are proven against a newer one. */
async function endOf(
  access: ExportAccess,
  checkpoint: Checkpoint,
  openings: Openings,
  count: number,
): Promise<ExportEnd> {
  const subjects = [...openings.missing.keys()];
  const none = { type: 'end', count, erasures: [], checkpoint: null, consistency: null } as const;
  if (subjects.length === 0) return none;
  // What was erased a moment ago is gone already, while the entry that says so may still wait for its place.
  await settleEntries(access.openAll, null, erasurePatienceMs);
  const erasures = await access.openAll((tx) => erasuresOf(tx, subjects));
  const late = erasures.some(({ seq }) => seq > checkpoint.size);
  const newer = late ? ((await access.makeCheckpoint()) ?? checkpoint) : checkpoint;
  return access.openAll(async (tx) => {
    const read = tilesOf(tx);
    const proven: ProvenLeaf[] = [];
    for (const { seq } of erasures.filter((one) => one.seq <= newer.size)) {
      const leaf = await controlLeafAt(tx, seq);
      if (leaf === undefined) continue;
      proven.push({ leaf, proof: texts(await inclusionProof(read, seq - 1, newer.size)) });
    }
    const isNewer = newer.size > checkpoint.size;
    return {
      ...none,
      erasures: proven,
      checkpoint: isNewer ? newer.note : null,
      consistency: isNewer
        ? texts(await consistencyProof(read, checkpoint.size, newer.size))
        : null,
    };
  });
}
