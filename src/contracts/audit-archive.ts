import { z } from 'zod';
import { Id, IdParams, Time, endpoint, wholeNumber } from './http';

/** Input of the workflow `archiveAudit`. */
export interface ArchiveAuditInput {
  readonly batchId: string;
}

/** Input of the workflow `runArchive`. */
export interface RunArchiveInput {
  readonly runId: string;
}

/** Input of the workflow `restoreArchive`. */
export interface RestoreArchiveInput {
  readonly restoreId: string;
}

const Seq = z.int();
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A batch that is fetched back for a while. */
export const AuditRestore = z
  .strictObject({
    restore_id: Id,
    batch_id: Id,
    state: z.enum(['requested', 'restored', 'refused', 'ended']),
    entries: z.int().nullable().meta({ description: 'Entries that are there again' }),
    erased: z
      .int()
      .nullable()
      .meta({ description: 'Parts of personal data that nobody can read any more' }),
    expires_at: Time.nullable().meta({ description: 'When its entries are taken away again' }),
  })
  .meta({ id: 'AuditRestore' });

/** A range of the log in the object store. */
export const AuditArchive = z
  .strictObject({
    id: Id,
    n: z.int().meta({ description: 'Its place in the chain of manifests, from 1' }),
    state: z.enum(['planned', 'stored', 'confirmed', 'pruned']).meta({
      description:
        '`confirmed`: found to be in the store; `pruned`: its entries are in the store only',
    }),
    start_seq: Seq,
    end_seq: Seq,
    event_count: z.int(),
    bytes: z.int().nullable().meta({ description: 'Of all its objects' }),
    keys: z.array(z.string()).meta({ description: 'Leaves, personal data, manifest' }),
    manifest_sha256: Sha256.nullable(),
    planned_at: Time,
    archived_at: Time.nullable().meta({ description: 'When it was found to be in the store' }),
    prune_after: Time.nullable(),
    pruned_at: Time.nullable(),
    locked_until: Time.nullable().meta({
      description: 'Until then nobody can delete it, where the store has object lock',
    }),
    problem: z
      .strictObject({ code: z.string(), title: z.string(), next: z.string() })
      .nullable()
      .meta({ description: 'What was in the way at the last try' }),
    restore: z
      .strictObject({
        id: Id,
        state: AuditRestore.shape.state,
        expires_at: Time.nullable(),
      })
      .nullable()
      .meta({ description: 'The newest one' }),
  })
  .meta({ id: 'AuditArchive' });

/** What a request to archive now came to. */
export const AuditArchiveRun = z
  .strictObject({
    run_id: Id,
    status: z.enum(['queued', 'planned']),
    planned: z.int().nullable().meta({ description: 'Batches that are new' }),
  })
  .meta({ id: 'AuditArchiveRun' });

/** The archive of the audit log. */
export const auditArchiveEndpoints = [
  endpoint({
    operationId: 'listAuditArchives',
    method: 'get',
    path: '/audit/archives',
    tag: 'audit',
    summary: 'Ranges of the log in the object store, newest first',
    access: 'audit:read',
    query: z.strictObject({
      limit: z
        .preprocess(wholeNumber, z.int('must be a whole number').min(1))
        .transform((n) => Math.min(n, 500))
        .default(100),
      cursor: z
        .preprocess(wholeNumber, z.int('must be a whole number').min(0))
        .optional()
        .meta({ description: 'Only ranges that start below this seq; 0 begins anew' }),
    }),
    responses: { 200: z.strictObject({ items: z.array(AuditArchive), next_cursor: z.int() }) },
    problems: [],
  }),
  endpoint({
    operationId: 'runAuditArchive',
    method: 'post',
    path: '/audit/archive/run',
    tag: 'audit',
    summary: 'Archive now what can be archived, also while the daily run is off',
    access: 'audit:archive',
    responses: { 200: AuditArchiveRun, 202: AuditArchiveRun },
    problems: ['store-missing', 'store-unreachable', 'store-refused'],
    idempotent: true,
  }),
  endpoint({
    operationId: 'restoreAuditArchive',
    method: 'post',
    path: '/audit/archives/{id}/restore',
    tag: 'audit',
    summary:
      'Fetch a range back and, once it is proved to be what was archived, let queries find it',
    access: 'audit:archive',
    params: IdParams,
    responses: { 200: AuditRestore, 202: AuditRestore },
    problems: ['archive-not-found', 'archive-still-hot', 'archive-damaged', 'store-missing'],
    idempotent: true,
  }),
] as const;
