import { z } from 'zod';
import { Email, Id, Time, endpoint, text, wholeNumber } from './http';

/** Most entries of one batch. */
export const mostInBatch = 500;

/** Most bytes of the metadata of one entry. */
const mostMetadata = 16_384;

/** A name that machines give: printable, without spaces. */
const Code = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces');

/** What an id of somebody or something may be: opaque, so that it can stay in the log for ever. */
const OpaqueId = Code(200).regex(/^[^@]*$/, 'must be an opaque id, not an address');

const Type = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots or hyphens');

const IpAddress = z
  .string()
  .refine((text) => z.ipv4().safeParse(text).success || z.ipv6().safeParse(text).success, {
    message: 'must be an IP address',
  });

const Crud = z.enum(['c', 'r', 'u', 'd']);

/** How an action ended. */
export const AuditOutcome = z.enum(['success', 'failure', 'denied']);
export type AuditOutcome = z.output<typeof AuditOutcome>;

const TargetGiven = z.strictObject({
  type: Type.nullish(),
  id: OpaqueId,
  name: text(300).nullish(),
});

const Metadata = z
  .record(z.string().min(1).max(200), z.unknown())
  .refine((value) => new TextEncoder().encode(JSON.stringify(value)).length <= mostMetadata, {
    message: `must not be longer than ${String(mostMetadata)} bytes of JSON`,
  });

/** Two spellings of one thing, and how to compare them when both are given. */
const spellings = [
  ['at', 'created', (at: string, created: string) => Date.parse(at) === Date.parse(created)],
  ['tenant_id', 'group', (id: string, group: { id: string }) => id === group.id],
  ['outcome', 'is_failure', (is: string, failed: boolean) => (is === 'failure') === failed],
  ['actor', 'actor_id', (actor: { id: string }, id: string) => actor.id === id],
  ['context', 'source_ip', (context: { ip?: string | null }, ip: string) => context.ip === ip],
  ['id', 'external_id', (id: string, externalId: string) => id === externalId],
] as const;

/**
 * An event that somebody else tells, as POST takes it: only `action` is required. It has two spellings of several
 * members, the second one as Retraced writes it; both are taken, and both given must agree.
 */
export const AuditEventGiven = z
  .strictObject({
    id: Code(200).nullish().meta({ description: 'Another spelling of `external_id`' }),
    action: Code(200).meta({ description: 'Dotted, such as `order.shipped`; none of Usher’s own' }),
    crud: Crud.nullish(),
    at: Time.nullish().meta({ description: 'When it happened; now when it is left out' }),
    created: Time.nullish(),
    tenant_id: Id.nullish(),
    group: z.strictObject({ id: Id, name: text(300).nullish() }).nullish(),
    product: Code(100).nullish(),
    outcome: AuditOutcome.nullish(),
    is_failure: z.boolean().nullish(),
    is_anonymous: z.boolean().nullish(),
    actor: z
      .strictObject({
        type: Type.nullish(),
        id: OpaqueId,
        name: text(300).nullish(),
        email: Email.nullish(),
      })
      .nullish(),
    actor_id: OpaqueId.nullish(),
    targets: z.array(TargetGiven).max(20).nullish(),
    target: TargetGiven.nullish(),
    context: z.strictObject({ ip: IpAddress.nullish(), ua: text(1000).nullish() }).nullish(),
    source_ip: IpAddress.nullish(),
    description: text(4000).nullish(),
    metadata: Metadata.nullish(),
    fields: Metadata.nullish(),
    source: Code(100).nullish(),
    external_id: Code(200).nullish().meta({
      description: 'What the sender calls the event: with caller and source it is unique for ever',
    }),
    request_id: Code(200).nullish(),
    trace_id: Code(200).nullish(),
    component: Code(100).nullish(),
    version: Code(100).nullish(),
  })
  .superRefine((event, context) => {
    const given: Readonly<Record<string, unknown>> = event;
    for (const [one, other, agree] of spellings) {
      const [a, b] = [given[one] ?? undefined, given[other] ?? undefined];
      if (a === undefined || b === undefined) continue;
      if (!(agree as (a: unknown, b: unknown) => boolean)(a, b)) {
        context.addIssue({ code: 'custom', path: [other], message: `does not agree with ${one}` });
      }
    }
    for (const [one, other] of [
      ['targets', 'target'],
      ['metadata', 'fields'],
    ] as const) {
      if (event[one] && event[other]) {
        const message = `is another spelling of ${one}; send one of them`;
        context.addIssue({ code: 'custom', path: [other], message });
      }
    }
    const someone = event.actor ?? event.actor_id;
    if (event.is_anonymous && someone) {
      const message = 'must not be true for an event with an actor';
      context.addIssue({ code: 'custom', path: ['is_anonymous'], message });
    }
  })
  .meta({ id: 'AuditEventGiven' });
export type AuditEventGiven = z.output<typeof AuditEventGiven>;

/** Body of POST: one event, or a batch of them. */
export const AuditAppendRequest = z.union([
  AuditEventGiven,
  z.strictObject({ events: z.array(AuditEventGiven).min(1).max(mostInBatch) }),
  z.array(AuditEventGiven).min(1).max(mostInBatch),
]);

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

const Seq = z.int().meta({ description: 'The entry’s number in the log, from 1' });

/** What a sender gets for an event. */
export const AuditReceipt = z
  .strictObject({
    id: Id,
    content_hash: Hash.meta({
      description: 'SHA-256("usher/audit/content/v1\\n" ‖ core), where core is in the entry’s leaf',
    }),
    duplicate: z.boolean().optional().meta({
      description: 'true for an event that was delivered before; this is the receipt of then',
    }),
    seq: Seq.nullable().optional().meta({ description: 'With `wait=sequenced`; else left out' }),
  })
  .meta({ id: 'AuditReceipt' });

const Appended = z.union([
  AuditReceipt,
  z.strictObject({ items: z.array(AuditReceipt.required({ duplicate: true })) }),
]);

const Target = z.strictObject({ type: z.string(), id: z.string(), name: z.string().nullable() });

/** An entry of the log. Members with two spellings carry both. */
export const AuditEntry = z
  .strictObject({
    seq: Seq,
    id: Id,
    kind: z.enum(['control', 'own', 'foreign']),
    via: z.string().meta({ description: '`usher`, or the authenticated caller who brought it' }),
    action: z.string(),
    crud: Crud.nullable(),
    at: Time,
    created: Time,
    received_at: Time,
    sequenced_at: Time,
    tenant_id: Id.nullable(),
    tenant_slug: z.string().nullable(),
    tenant_seq: z.int().nullable(),
    group: z.strictObject({ id: Id, name: z.string().nullable() }).nullable(),
    partner_id: Id.nullable(),
    partner_slug: z.string().nullable(),
    product: z.string().nullable(),
    outcome: AuditOutcome,
    is_failure: z.boolean(),
    is_anonymous: z.boolean(),
    actor: z
      .strictObject({
        type: z.string(),
        id: z.string(),
        name: z.string().nullable(),
        email: z.string().nullable(),
      })
      .nullable(),
    actor_id: z.string().nullable(),
    targets: z.array(Target),
    target: Target.nullable(),
    context: z.strictObject({ ip: z.string().nullable(), ua: z.string().nullable() }),
    source_ip: z.string().nullable(),
    description: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    fields: z.record(z.string(), z.unknown()),
    source: z.string().nullable().meta({
      description: 'As told; `archive` when the entry was fetched back from the archive',
    }),
    event_source: z.string().nullable().meta({ description: 'As told, in any case' }),
    external_id: z.string().nullable(),
    request_id: z.string().nullable(),
    trace_id: z.string().nullable(),
    component: z.string().nullable(),
    version: z.string().nullable(),
    erased: z.array(z.string()).meta({
      description: 'Parts of its personal data that are not there any more',
    }),
    hash: Hash,
    prev_hash: Hash,
  })
  .meta({ id: 'AuditEntry' });

const AuditEntryWhole = AuditEntry.extend({
  leaf: z.string().meta({ description: 'Exactly these bytes (UTF-8) are hashed' }),
}).meta({ id: 'AuditEntryWhole' });

const Place = z.preprocess(wholeNumber, z.int('must be a whole number').min(0));

const filters = {
  tenant_id: Id.optional(),
  product: Code(100).optional(),
  actor_id: Code(200).optional(),
  action: Code(200).optional().meta({
    description: '`tenant` matches `tenant` and everything below, such as `tenant.suspended`',
  }),
  target_id: Code(200).optional(),
  outcome: AuditOutcome.optional(),
  request_id: Code(200).optional(),
  since: Time.optional().meta({ description: 'Entries whose `at` is then or later' }),
  until: Time.optional().meta({ description: 'Entries whose `at` is then or earlier' }),
  q: z.string().trim().min(3, 'must have at least 3 characters').max(200).optional().meta({
    description: 'A part of action, target name, actor e-mail, tenant slug or description',
  }),
  order: z.enum(['asc', 'desc']).optional(),
  limit: z
    .preprocess(wholeNumber, z.int('must be a whole number').min(1))
    .transform((n) => Math.min(n, 500))
    .default(100)
    .meta({ description: 'Rows per page; above 500 is read as 500' }),
  cursor: Place.optional().meta({
    description: 'The seq to go on after (`next_cursor` of the page before); 0 begins anew',
  }),
};

/** Filters of `GET /v1/audit`. */
export const AuditQuery = z.strictObject(filters);
export type AuditQuery = z.output<typeof AuditQuery>;

/** Filters of the operators' `GET /audit`. */
export const AuditSearch = AuditQuery.extend({
  partner: z.string().min(1).max(100).optional().meta({ description: 'Id or slug' }),
  actor_email: Email.optional(),
  source: Code(100).optional(),
  before: Place.optional().meta({ description: 'Only entries below this seq' }),
});
export type AuditSearch = z.output<typeof AuditSearch>;

/** A page of the audit log; its cursor is the plain seq. */
export const AuditPage = z
  .strictObject({
    items: z.array(AuditEntry),
    next_cursor: z.int().meta({ description: 'seq to go on after; 0 at the end' }),
  })
  .meta({ id: 'AuditPage' });

const EntryParams = z.strictObject({ id: Id });

/** Appending to the audit log and reading it. */
export const auditEndpoints = [
  endpoint({
    operationId: 'appendAuditEvents',
    method: 'post',
    path: '/v1/audit',
    tag: 'audit',
    summary: 'Append one event or a batch of them, all or nothing',
    access: 'audit:append',
    query: z.strictObject({
      wait: z
        .enum(['sequenced'])
        .optional()
        .meta({ description: 'Answer once the entries have their place in the log, with `seq`' }),
    }),
    body: AuditAppendRequest,
    responses: { 201: Appended, 202: Appended },
    problems: ['audit-action-reserved', 'external-id-conflict'],
    idempotent: true,
  }),
  endpoint({
    operationId: 'listAuditEntries',
    method: 'get',
    path: '/v1/audit',
    tag: 'audit',
    summary: 'Entries of the audit log, oldest first',
    access: 'audit:read',
    orSelf: true,
    query: AuditQuery,
    responses: { 200: AuditPage },
    problems: [],
  }),
  endpoint({
    operationId: 'searchAuditEntries',
    method: 'get',
    path: '/audit',
    tag: 'audit',
    summary: 'Entries of the audit log, newest first',
    access: 'audit:read',
    query: AuditSearch,
    responses: { 200: AuditPage },
    problems: ['partner-not-found'],
  }),
  endpoint({
    operationId: 'getAuditEntry',
    method: 'get',
    path: '/audit/events/{id}',
    tag: 'audit',
    summary: 'One entry with its leaf bytes',
    access: 'audit:read',
    orSelf: true,
    params: EntryParams,
    responses: { 200: AuditEntryWhole },
    problems: ['audit-entry-not-found'],
  }),
] as const;
