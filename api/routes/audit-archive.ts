import type { auditArchiveEndpoints } from '../../src/contracts/audit-archive';
import { archiveById, listArchives } from '../../src/domain/archive/archives';
import type { Archive } from '../../src/domain/archive/archives';
import { askRestore, openRestoreOf, restoreById } from '../../src/domain/archive/restores';
import type { Restore } from '../../src/domain/archive/restores';
import { askRun, runById } from '../../src/domain/archive/runs';
import { wakeRestore } from '../../src/domain/archive/wake';
import * as audit from '../../src/domain/audit/audit-entries';
import { DomainError, isProblemCode, problems } from '../../src/errors/problems';
import { withOperator } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import type { Outbox } from '../../src/platform/outbox';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { pollUntil } from '../poll';

/** What the archive's routes use. */
export interface AuditArchiveDeps {
  readonly db: Database;
  readonly outbox: Outbox;
}

/** Milliseconds for which a request waits for its outcome. */
const patienceMs = 2_000;

/** The archive of the audit log: a worker carries out what is asked for here. */
export function createAuditArchiveRoutes({
  db,
  outbox,
}: AuditArchiveDeps): Handlers<typeof auditArchiveEndpoints> {
  return {
    async listAuditArchives({ caller, query }) {
      const { limit, cursor = 0 } = query;
      const rows = await withOperator(
        db,
        caller.actorId,
        (tx) => listArchives(tx, cursor, limit + 1),
        { readOnly: true },
      );
      const items = rows.slice(0, limit).map(toArchive);
      const next = rows.length > limit ? (items.at(-1)?.start_seq ?? 0) : 0;
      return { status: 200, body: { items, next_cursor: next } };
    },

    async runAuditArchive(call) {
      const { caller, idempotency } = call;
      const asked = await withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const id = await askRun(tx, outbox, caller.actorId);
          await audit.append(tx, {
            action: 'audit.archive_requested',
            crud: 'c',
            actorId: caller.actorId,
            targets: [{ type: 'archive_run', id }],
            ...sourceOf(call),
          });
          return { status: 202, body: null, waitFor: { run_id: id } };
        }),
      );
      const run = await follow(db, caller.actorId, (tx) => runById(tx, asked.waitFor.run_id));
      if (run.problem !== null) throw problemOf(run.problem);
      const planned = run.planned !== null;
      return {
        status: planned ? 200 : 202,
        body: {
          run_id: run.id,
          status: planned ? 'planned' : 'queued',
          planned: run.planned,
        },
        ...('replayed' in asked ? { replayed: true as const } : {}),
      };
    },

    async restoreAuditArchive(call) {
      const { caller, idempotency, params } = call;
      const asked = await withOperator(db, caller.actorId, (tx) =>
        once(idempotency, tx, async () => {
          const id = await requestRestore(tx, call, outbox);
          return { status: 202, body: null, waitFor: { restore_id: id } };
        }),
      );
      const restore = await follow(db, caller.actorId, (tx) =>
        restoreById(tx, asked.waitFor.restore_id),
      );
      if (restore.state === 'refused') throw problemOf(restore.problem ?? 'internal');
      return {
        status: restore.state === 'requested' ? 202 : 200,
        body: toRestore(restore, params.id),
        ...('replayed' in asked ? { replayed: true as const } : {}),
      };
    },
  };
}

type RestoreCall = Parameters<Handlers<typeof auditArchiveEndpoints>['restoreAuditArchive']>[0];

const sourceOf = (call: Pick<RestoreCall, 'ip' | 'userAgent'>) => {
  const { ip, userAgent } = requestSource(call);
  return { sourceIp: ip, userAgent };
};

/** Asks for a batch unless it is there or on its way already. */
async function requestRestore(tx: Tx, call: RestoreCall, outbox: Outbox): Promise<string> {
  const { caller, params } = call;
  const archive = await archiveById(tx, params.id);
  if (!archive) throw new DomainError('archive-not-found');
  if (archive.state !== 'pruned') throw new DomainError('archive-still-hot');
  const open = await openRestoreOf(tx, params.id);
  const id = open?.id ?? (await askRestore(tx, params.id, caller.actorId));
  await audit.append(tx, {
    action: 'audit.restore_requested',
    crud: 'r',
    actorId: caller.actorId,
    targets: [{ type: 'archive', id: params.id }],
    metadata: { start_seq: archive.startSeq, end_seq: archive.endSeq },
    ...sourceOf(call),
  });
  await wakeRestore(tx, outbox, id);
  return id;
}

/** Looks at a row until a worker has answered in it, or patience ends. */
async function follow<T extends { readonly problem: string | null }>(
  db: Database,
  actorId: string,
  read: (tx: Tx) => Promise<T | undefined>,
): Promise<T> {
  const found = await pollUntil(
    () => withOperator(db, actorId, read, { readOnly: true }),
    (row) => row !== undefined && isAnswered(row),
    patienceMs,
  );
  if (!found) throw new DomainError('internal');
  return found;
}

function isAnswered(row: object): boolean {
  if ('state' in row) return row.state !== 'requested';
  const { planned, problem } = row as { planned: number | null; problem: string | null };
  return planned !== null || problem !== null;
}

const problemOf = (code: string): DomainError =>
  new DomainError(isProblemCode(code) ? code : 'internal');

const timeOf = (at: Date | null): string | null => at?.toISOString() ?? null;

function toArchive(archive: Archive) {
  const { problem, restore } = archive;
  return {
    id: archive.id,
    n: archive.n,
    state: archive.state,
    start_seq: archive.startSeq,
    end_seq: archive.endSeq,
    event_count: archive.endSeq - archive.startSeq + 1,
    bytes: archive.bytes,
    keys: [...archive.keys],
    manifest_sha256: archive.manifestSha256,
    planned_at: archive.plannedAt.toISOString(),
    archived_at: timeOf(archive.archivedAt),
    prune_after: timeOf(archive.pruneAfter),
    pruned_at: timeOf(archive.prunedAt),
    locked_until: timeOf(archive.lockedUntil),
    problem: problem === null ? null : describeProblem(problem),
    restore: restore && {
      id: restore.id,
      state: restore.state,
      expires_at: restore.expires_at && new Date(restore.expires_at).toISOString(),
    },
  };
}

function describeProblem(code: string) {
  const known = isProblemCode(code) ? code : 'internal';
  const { title, next } = problems[known];
  return { code: known, title, next };
}

function toRestore(restore: Restore, batchId: string) {
  return {
    restore_id: restore.id,
    batch_id: batchId,
    state: restore.state,
    entries: restore.entries,
    erased: restore.erased,
    expires_at: timeOf(restore.expiresAt),
  };
}
