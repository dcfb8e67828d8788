import type { auditCheckpointEndpoints } from '../../src/contracts/audit-checkpoints';
import * as audit from '../../src/domain/audit/audit-entries';
import { checkpointsBefore, latestCheckpoint } from '../../src/domain/audit/checkpoints';
import type { Checkpoint } from '../../src/domain/audit/checkpoints';
import { settleEntries } from '../../src/domain/audit/freshness';
import { sizeOfLog } from '../../src/domain/audit/head';
import { findEntry } from '../../src/domain/audit/log-entries';
import type { LogEntry } from '../../src/domain/audit/log-entries';
import { allKeys } from '../../src/domain/audit/log-keys';
import { openNote } from '../../src/domain/audit/notes';
import { consistencyProof, inclusionProof, rootAt } from '../../src/domain/audit/proofs';
import { tilesOf } from '../../src/domain/audit/tiles';
import { tlogProof } from '../../src/domain/audit/tlog-proof';
import { DomainError } from '../../src/errors/problems';
import { withOperator, withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { auditScopes } from '../audit-scopes';
import type { Call, Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { orderCheckpoint, signedWithinMs } from '../signatures';

/** Checkpoints, keys and proofs of the audit log. What they tell is no secret of any tenant. */
export function createAuditCheckpointRoutes({
  db,
}: {
  readonly db: Database;
}): Handlers<typeof auditCheckpointEndpoints> {
  const reads = { readOnly: true } as const;
  const requireReader = ({ caller }: Pick<Call, 'caller'>): void => {
    if (auditScopes(db, caller).length === 0) throw new DomainError('forbidden');
  };
  return {
    async makeAuditCheckpoint(call) {
      const { actorId } = call.caller;
      await settleEntries((fn) => withOperator(db, actorId, fn), null, signedWithinMs);
      const source = requestSource(call);
      const checkpoint = await orderCheckpoint(db, actorId, (tx) =>
        audit.append(tx, {
          action: 'audit.checkpoint_ordered',
          crud: 'c',
          actorId,
          sourceIp: source.ip,
          userAgent: source.userAgent,
        }),
      );
      return { status: 201, body: toCheckpoint(checkpoint) };
    },

    async getLatestAuditCheckpoint(call) {
      requireReader(call);
      const latest = await withSystem(db, 'audit', latestCheckpoint, reads);
      if (!latest) throw new DomainError('checkpoint-not-found');
      return { status: 200, body: toCheckpoint(latest) };
    },

    async listAuditCheckpoints(call) {
      requireReader(call);
      const { limit, cursor } = call.query;
      const found = await withSystem(
        db,
        'audit',
        (tx) => checkpointsBefore(tx, cursor ? cursor : null, limit + 1),
        reads,
      );
      const page = found.slice(0, limit);
      const next = found.length > limit ? (page.at(-1)?.size ?? 0) : 0;
      return { status: 200, body: { items: page.map(toCheckpoint), next_cursor: next } };
    },

    async listAuditKeys(call) {
      requireReader(call);
      const keys = await withSystem(db, 'audit', allKeys, reads);
      const items = keys.map((key) => ({
        vkey: key.vkey,
        origin: key.origin,
        since_size: key.sinceSize,
        until_size: key.untilSize,
        announced_by: key.announcedBy,
        endorsement: key.endorsement,
        added_at: key.addedAt.toISOString(),
      }));
      return { status: 200, body: { items } };
    },

    async getAuditProof(call) {
      const entry = await entryOf(db, call);
      const { actorId } = call.caller;
      const latest = await withSystem(db, 'audit', latestCheckpoint, reads);
      const covering =
        latest && latest.size >= entry.seq ? latest : await orderCheckpoint(db, actorId);
      const proof = await withSystem(
        db,
        'audit',
        (tx) => inclusionProof(tilesOf(tx), entry.seq - 1, covering.size),
        reads,
      );
      const body = tlogProof({
        leaf: entry.leaf,
        index: entry.seq - 1,
        proof,
        note: covering.note,
      });
      return {
        status: 200,
        body,
        headers: { 'Content-Disposition': `attachment; filename="${call.params.id}.tlog-proof"` },
      };
    },

    async getAuditConsistency(call) {
      requireReader(call);
      const { from, to: wanted } = call.query;
      return withSystem(
        db,
        'audit',
        async (tx) => {
          const to = wanted ?? (await latestCheckpoint(tx))?.size ?? 0;
          if (from > to || to > (await sizeOfLog(tx)))
            throw new DomainError('checkpoint-not-found');
          const read = tilesOf(tx);
          const at = async (n: number) => ({
            size: n,
            root: (await rootAt(read, n)).toString('base64'),
          });
          const proof = await consistencyProof(read, from, to);
          const body = {
            from: await at(from),
            to: await at(to),
            proof: proof.map((hash) => hash.toString('base64')),
          };
          return { status: 200, body } as const;
        },
        reads,
      );
    },
  };
}

async function entryOf(
  db: Database,
  call: Pick<Call, 'caller'> & { readonly params: { readonly id: string } },
): Promise<LogEntry> {
  for (const scope of auditScopes(db, call.caller)) {
    await settleEntries(scope.open, scope.tenantId);
    const entry = await scope.open((tx) => findEntry(tx, call.params.id));
    if (entry) return entry;
  }
  throw new DomainError('audit-entry-not-found');
}

function toCheckpoint(checkpoint: Checkpoint) {
  const signature = openNote(checkpoint.note)?.signatures[0]?.signature;
  return {
    origin: checkpoint.origin,
    head_seq: checkpoint.size,
    head_hash: checkpoint.headHash.toString('hex'),
    root: checkpoint.root.toString('base64'),
    reason: checkpoint.reason,
    at: checkpoint.at.toISOString(),
    signature: signature?.toString('base64') ?? '',
    sig_alg: 'ed25519' as const,
    note: checkpoint.note,
    published_at: checkpoint.publishedAt?.toISOString() ?? null,
  };
}
