import { z } from 'zod';
import type { ProblemCode } from '../errors/problems';

/** Who may call an endpoint: a permission `noun:verb`, or one of the ways below. */
export type Access =
  /** Anybody. */
  | 'public'
  /** Anybody who is signed in or holds a service account key. */
  | 'signed-in'
  /** Whoever holds the token in the path. */
  | 'holder'
  | Permission;

/** A permission string. */
export type Permission = `${string}:${string}`;

/** The named rate limits of the configuration. */
export type LimitName = 'invite-create' | 'accept' | 'login' | 'resend';

/** A header as the document describes it. */
export interface DescribedHeader {
  readonly name: string;
  readonly description: string;
  readonly pattern: string;
}

/** One endpoint: the single source of its parsing, its OpenAPI entry and its route. */
export interface EndpointContract {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'patch' | 'put' | 'delete';
  /** OpenAPI form, parameters in braces. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: Access;
  /** Lets the caller's own tenant or onboarding in beside the permission; the handler checks which. */
  readonly orSelf?: true;
  /** Step-up (signed in within the last 10 minutes) or an explicit permission of a service account. */
  readonly stepUp?: true;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Content types of the body; JSON unless said otherwise. */
  readonly bodyTypes?: readonly string[];
  /** Takes the same request as `text/csv` as well; its text is handed on in place of the body. */
  readonly csv?: z.ZodString;
  /** Success answers by status; null for an empty body. */
  readonly responses: Readonly<Record<number, z.ZodType | null>>;
  /** Problems beyond those that any endpoint of its kind can answer. */
  readonly problems: readonly ProblemCode[];
  /** Takes an Idempotency-Key. */
  readonly idempotent?: true;
  /** Members of a success answer that are shown once only. */
  readonly once?: readonly string[];
  /** Answered by a raw handler ahead of the app: no part of the router, and only the answers that are listed. */
  readonly raw?: {
    readonly requestHeaders?: readonly DescribedHeader[];
    readonly responseHeaders?: Readonly<Record<number, readonly DescribedHeader[]>>;
  };
  /** Checks If-Match: required for edits. */
  readonly ifMatch?: 'required' | 'optional';
}

/** Declares an endpoint; keeps the literal types for the router. */
export function endpoint<const E extends EndpointContract>(contract: E): E {
  return contract;
}

/** An id: any UUID form, since seeded and imported ones are no v7; lower-cased, as Postgres writes it. */
export const Id = z
  .string()
  .regex(
    /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/,
    'must be a UUID',
  )
  .toLowerCase()
  .meta({ format: 'uuid' });

/** A key that its client makes up, so that a repeated request is told from a new one. */
export const IdempotencyKey = z
  .string()
  .max(255)
  .regex(/^[\x21-\x7e]+$/, 'must be 1 to 255 printable characters without spaces');

/** Names a request in its body, as the header Idempotency-Key does; on the onboarding surface. */
export const keyed = { idempotency_key: IdempotencyKey.optional() };

/** A yes or no in a query. */
export const Flag = z.enum(['true', 'false']).transform((value) => value === 'true');

const inPostgres = (value: string): boolean =>
  /^\d{4}-/.test(inUtc(value)) && !/^0000-/.test(inUtc(value));

// Offsets are whole minutes: what is behind the second stays as it was written.
function inUtc(value: string): string {
  const fraction = /\.\d+/.exec(value)?.[0] ?? '';
  return new Date(value).toISOString().replace(/\.\d{3}Z$/, `${fraction}Z`);
}

/** A point in time, RFC 3339; handed on in UTC, since Postgres takes no offset of 16 hours or more and no year 0. */
export const Time = z.iso
  .datetime({ offset: true, abort: true })
  .refine(inPostgres, { message: 'must be of the years 1 to 9999, in UTC', abort: true })
  .overwrite(inUtc);

/** Free text that people read, at least one visible character; no control characters besides line breaks. */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(
      /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$/,
      'must not contain control characters',
    );

const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

/** An e-mail address (RFC 5321, unquoted), lower-cased, as accounts and invites are matched by it. */
export const Email = z
  .string()
  .trim()
  .max(254)
  .regex(
    new RegExp(
      `^(?=[^@]{1,64}@)${atom}(?:\\.${atom})*@(?:${label}\\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])$`,
    ),
    'must be an e-mail address',
  )
  .toLowerCase()
  .meta({ format: 'email' });

/** The reason that every order and every dangerous act carries. */
export const Reason = text(500);

/** A query is text; what does not read as a whole number stays text and is refused as such. */
export const wholeNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;

/** Query of every list. */
export const ListQuery = z.strictObject({
  limit: z
    .preprocess(wholeNumber, z.int('must be a whole number').min(1))
    .transform((n) => Math.min(n, 100))
    .default(50)
    .meta({ description: 'Rows per page; above 100 is read as 100' }),
  cursor: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: '`next_cursor` of the page before' }),
});

/** Answer of every list. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() });

/** Path parameter `{id}`. */
export const IdParams = z.strictObject({ id: Id });

/** The problem document (RFC 9457), as every error answer carries it. */
export const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
