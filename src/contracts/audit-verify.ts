import { z } from 'zod';
import { AuditQuery } from './audit';
import { endpoint, wholeNumber } from './http';

const Size = z.preprocess(wholeNumber, z.int('must be a whole number').min(1));

/** Something that is wrong with the log, and where. */
export const AuditBreak = z
  .strictObject({
    seq: z.int().meta({ description: 'The entry, or the size of the checkpoint' }),
    kind: z.string().meta({ description: 'Such as `event-hash-mismatch`; docs/AUDIT.md has all' }),
    expected: z.string(),
    actual: z.string(),
  })
  .meta({ id: 'AuditBreak' });

/** What verifying found. */
export const AuditVerdict = z
  .strictObject({
    ok: z.boolean(),
    verified: z.int().meta({ description: 'Entries that were looked at' }),
    checkpoints: z.int(),
    break: AuditBreak.nullable().meta({ description: 'The first one by its place' }),
    breaks: z.array(AuditBreak).meta({ description: 'At most 100' }),
    erased: z.int().meta({ description: 'Parts of personal data whose erasure the log tells of' }),
    oldest_hot_seq: z.int().nullable(),
    highest_archived_seq: z.int().nullable(),
    attested: z.int().nullable().meta({
      description:
        'Entries that the newest published checkpoint covers, where publications were looked at',
    }),
  })
  .meta({ id: 'AuditVerdict' });

const Export = z.string().meta({
  contentMediaType: 'application/x-ndjson',
  alsoMediaType: 'text/csv',
  description: 'Signed as a whole; `audit-verify.mjs` checks it without Usher',
});

const Tile = z.string().meta({
  contentMediaType: 'application/octet-stream',
  description: 'Hashes of 32 bytes each, at most 256 (https://c2sp.org/tlog-tiles)',
});

/** Verifying, exports and tiles. */
export const auditVerifyEndpoints = [
  endpoint({
    operationId: 'verifyAudit',
    method: 'get',
    path: '/audit/verify',
    tag: 'audit',
    summary: 'Verify the stored log; with `Accept: application/x-ndjson` progress comes before it',
    access: 'audit:read',
    query: z.strictObject({ from: Size.optional(), to: Size.optional() }),
    responses: { 200: AuditVerdict.meta({ alsoMediaType: 'application/x-ndjson' }) },
    problems: [],
  }),
  endpoint({
    operationId: 'exportAudit',
    method: 'get',
    path: '/audit/export',
    tag: 'audit',
    summary: 'Entries as a file that can be verified without Usher',
    access: 'audit:export',
    orSelf: true,
    query: AuditQuery.omit({ limit: true, cursor: true, order: true }).extend({
      format: z.enum(['ndjson', 'csv']).default('ndjson'),
      from_checkpoint: Size.optional().meta({
        description: 'Size of a checkpoint that you keep: proves that this log continues it',
      }),
    }),
    responses: { 200: Export },
    problems: ['signer-unavailable', 'checkpoint-not-found'],
  }),
  endpoint({
    operationId: 'getAuditTile',
    method: 'get',
    path: '/audit/tiles/{level}/{index}',
    tag: 'audit',
    summary: 'A tile of the tree',
    access: 'audit:read',
    orSelf: true,
    params: z.strictObject({
      level: z.preprocess(wholeNumber, z.int('must be a whole number').min(0).max(6)),
      index: z.preprocess(wholeNumber, z.int('must be a whole number').min(0)),
    }),
    responses: { 200: Tile },
    problems: ['tile-not-found'],
  }),
] as const;
