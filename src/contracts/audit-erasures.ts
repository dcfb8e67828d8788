import { z } from 'zod';
import { Id, Reason, Time, endpoint } from './http';

const Subject = z
  .string()
  .max(500)
  .regex(
    /^(?:[a-z_]+:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:-|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/[\w.-]{1,64}:[^\u0000-\u001f\u007f]{1,300})$/,
    'must be user:UUID, or TENANT-ID/TYPE:ID with - for no tenant',
  )
  .meta({
    description:
      '`user:<uuid>` for people of Usher; `<tenant id or ->/<type>:<id>` for others, as `POST /v1/audit` named them',
  });

/** An erasure of somebody from the audit log. */
export const AuditErasure = z
  .strictObject({
    id: Id.meta({ description: 'Of its control entry as well' }),
    subject: z.string(),
    at: Time,
    parts: z.int().meta({ description: 'Parts of personal data that were deleted' }),
    state: z.enum(['erased', 'done']).meta({
      description: '`done` once the object store has its tombstone, where there is a store',
    }),
    tombstone_at: Time.nullable(),
  })
  .meta({ id: 'AuditErasure' });

/** Erasing people from the audit log. */
export const auditErasureEndpoints = [
  endpoint({
    operationId: 'eraseFromAudit',
    method: 'post',
    path: '/audit/erasures',
    tag: 'audit',
    summary: 'Delete what the audit log holds of somebody; its entries and proofs stay',
    access: 'audit:erase',
    stepUp: true,
    body: z.strictObject({ subject: Subject, reason: Reason }),
    responses: { 201: AuditErasure },
    problems: ['audit-legal-hold'],
    idempotent: true,
  }),
  endpoint({
    operationId: 'listAuditErasures',
    method: 'get',
    path: '/audit/erasures',
    tag: 'audit',
    summary: 'The newest 500 erasures',
    access: 'audit:read',
    responses: { 200: z.strictObject({ items: z.array(AuditErasure) }) },
    problems: [],
  }),
] as const;
