import { z } from 'zod';
import { Id, Time, endpoint, wholeNumber } from './http';

const Base64Hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);

/** A signed head of the log. */
export const AuditCheckpoint = z
  .strictObject({
    origin: z.string().meta({ description: 'The log’s name' }),
    head_seq: z.int().meta({ description: 'Entries that it covers: the seq of the last one' }),
    head_hash: z.string().meta({ description: '`hash` of that entry' }),
    root: Base64Hash.meta({ description: 'RFC 6962 root over the first `head_seq` entries' }),
    reason: z.enum(['startup', 'interval', 'threshold', 'manual']),
    at: Time,
    signature: z.string().meta({ description: 'base64, of the text of the note' }),
    sig_alg: z.literal('ed25519'),
    note: z.string().meta({ description: 'https://c2sp.org/tlog-checkpoint' }),
    published_at: Time.nullable().meta({
      description: 'When it was published outside of the database; null while it is unattested',
    }),
  })
  .meta({ id: 'AuditCheckpoint' });

/** A public key of the log. */
export const AuditKey = z
  .strictObject({
    vkey: z.string().meta({ description: 'Verifier key, as `--key` of the verifier takes it' }),
    origin: z.string(),
    since_size: z.int().nullable().meta({
      description: 'It signs checkpoints of this size and above; null before it took over',
    }),
    until_size: z.int().nullable().meta({ description: 'It signs none above this size' }),
    announced_by: Id.nullable().meta({ description: 'The control entry that announced it' }),
    endorsement: z.string().nullable().meta({
      description: 'The checkpoint that it and the key before it both signed',
    }),
    added_at: Time,
  })
  .meta({ id: 'AuditKey' });

const TreeSize = z.preprocess(wholeNumber, z.int('must be a whole number').min(1));

const TreeAt = z.strictObject({ size: z.int(), root: Base64Hash });

const Proof = z.string().meta({
  contentMediaType: 'text/plain',
  description: 'https://c2sp.org/tlog-proof; the extra line is the leaf',
});

/** Checkpoints, keys and proofs. */
export const auditCheckpointEndpoints = [
  endpoint({
    operationId: 'makeAuditCheckpoint',
    method: 'post',
    path: '/audit/checkpoint',
    tag: 'audit',
    summary:
      'Sign the head of the log now; when nothing is new the newest checkpoint is the answer',
    access: 'audit:checkpoint',
    responses: { 201: AuditCheckpoint },
    problems: ['signer-unavailable', 'checkpoint-not-found'],
  }),
  endpoint({
    operationId: 'getLatestAuditCheckpoint',
    method: 'get',
    path: '/audit/checkpoint/latest',
    tag: 'audit',
    summary: 'The newest checkpoint',
    access: 'audit:read',
    orSelf: true,
    responses: { 200: AuditCheckpoint },
    problems: ['checkpoint-not-found'],
  }),
  endpoint({
    operationId: 'listAuditCheckpoints',
    method: 'get',
    path: '/audit/checkpoints',
    tag: 'audit',
    summary: 'Checkpoints, newest first',
    access: 'audit:read',
    orSelf: true,
    query: z.strictObject({
      limit: z
        .preprocess(wholeNumber, z.int('must be a whole number').min(1))
        .transform((n) => Math.min(n, 500))
        .default(100),
      cursor: z
        .preprocess(wholeNumber, z.int('must be a whole number').min(0))
        .optional()
        .meta({ description: 'Only checkpoints of fewer entries than this; 0 begins anew' }),
    }),
    responses: {
      200: z.strictObject({ items: z.array(AuditCheckpoint), next_cursor: z.int() }),
    },
    problems: [],
  }),
  endpoint({
    operationId: 'listAuditKeys',
    method: 'get',
    path: '/audit/keys',
    tag: 'audit',
    summary: 'Public keys of the log, for information: a verifier trusts the key it was given',
    access: 'audit:read',
    orSelf: true,
    responses: { 200: z.strictObject({ items: z.array(AuditKey) }) },
    problems: [],
  }),
  endpoint({
    operationId: 'getAuditProof',
    method: 'get',
    path: '/audit/events/{id}/proof',
    tag: 'audit',
    summary: 'Proof that an entry is in the log, as a `.tlog-proof` file',
    access: 'audit:read',
    orSelf: true,
    params: z.strictObject({ id: Id }),
    responses: { 200: Proof },
    problems: ['audit-entry-not-found', 'signer-unavailable'],
  }),
  endpoint({
    operationId: 'getAuditConsistency',
    method: 'get',
    path: '/audit/consistency',
    tag: 'audit',
    summary: 'Proof that the log of one size is the beginning of the log of another',
    access: 'audit:read',
    orSelf: true,
    query: z.strictObject({
      from: TreeSize,
      to: TreeSize.optional().meta({ description: 'The newest checkpoint’s when left out' }),
    }),
    responses: {
      200: z
        .strictObject({ from: TreeAt, to: TreeAt, proof: z.array(Base64Hash) })
        .meta({ id: 'AuditConsistency' }),
    },
    problems: ['checkpoint-not-found'],
  }),
] as const;
