import { z } from 'zod';
import { Flag, Id, IdParams, Reason, Time, endpoint, text } from './http';

/** An order that nothing it means may be erased or dropped. */
export const LegalHold = z
  .strictObject({
    id: Id,
    tenant_id: Id.nullable().meta({ description: 'Null: all tenants' }),
    subject: z.string().nullable().meta({ description: 'Null: everybody' }),
    reason: z.string(),
    placed_by: z.string(),
    placed_at: Time,
    lifted_by: z.string().nullable(),
    lifted_at: Time.nullable(),
  })
  .meta({ id: 'LegalHold' });

/** Legal holds on the audit log. */
export const auditHoldEndpoints = [
  endpoint({
    operationId: 'listLegalHolds',
    method: 'get',
    path: '/audit/holds',
    tag: 'audit',
    summary: 'Legal holds that stand, newest first',
    access: 'audit:hold',
    query: z.strictObject({
      all: Flag.default(false).meta({ description: 'Those that were lifted as well' }),
      limit: z.coerce.number().int().min(1).max(500).default(100),
      cursor: Id.optional().meta({ description: 'The `next_cursor` of the page before' }),
    }),
    responses: {
      200: z.strictObject({ items: z.array(LegalHold), next_cursor: Id.nullable() }),
    },
    problems: [],
  }),
  endpoint({
    operationId: 'placeLegalHold',
    method: 'post',
    path: '/audit/holds',
    tag: 'audit',
    summary:
      'Keep entries and personal data from being erased or dropped; without tenant and subject all of them',
    access: 'audit:hold',
    body: z
      .strictObject({
        tenant_id: Id.optional(),
        subject: text(500).optional().meta({
          description: 'As `POST /audit/erasures` names it, such as `user:<uuid>`',
        }),
        reason: Reason,
      })
      .meta({ id: 'LegalHoldOrder' }),
    responses: { 201: LegalHold },
    problems: [],
    idempotent: true,
  }),
  endpoint({
    operationId: 'liftLegalHold',
    method: 'post',
    path: '/audit/holds/{id}/lift',
    tag: 'audit',
    summary: 'Lift a legal hold; what is due is erased and dropped from then on',
    access: 'audit:hold',
    params: IdParams,
    body: z.strictObject({ reason: Reason }).meta({ id: 'LegalHoldLift' }),
    responses: { 200: LegalHold },
    problems: ['hold-not-found'],
    idempotent: true,
  }),
] as const;
