import { ZodError } from 'zod';
import type { z } from 'zod';
import { DomainError, problems } from './problems';
import type { FieldError, ProblemCode } from './problems';

/** An error as `application/problem+json` (RFC 9457) with Usher's own members. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ProblemCode;
  readonly request_id: string;
  readonly errors?: readonly FieldError[];
  readonly [extra: string]: unknown;
}

/** Where and for whom a problem is rendered. */
export interface ProblemPlace {
  readonly requestId: string;
  /** The path of the request; token parts MUST be masked by the caller. */
  readonly instance: string;
}

/** RFC 6901 pointer of a zod issue's path. */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** What zod says where a schema has no words of its own, in ours; values are never repeated. */
export function messageOf(issue: z.core.$ZodIssue): string {
  if (!/^(?:Invalid |Too )/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.endsWith('received undefined')) return 'is required';
      return `must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.minimum === 1 && issue.origin !== 'number') return 'must not be empty';
      return `must ${sizeOf(issue.origin)}at least ${String(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must ${sizeOf(issue.origin)}at most ${String(issue.maximum)}${unitOf(issue.origin)}`;
    case 'invalid_format':
      return formats[issue.format] ?? issue.message;
    default:
      return issue.message;
  }
}

const formats: Readonly<Record<string, string>> = {
  datetime: 'must be a time such as 2026-11-21T10:39:10Z',
  url: 'must be a URL',
};

const units: Readonly<Record<string, string>> = { string: ' characters', array: ' items' };
const unitOf = (origin: string): string => units[origin] ?? '';
const sizeOf = (origin: string): string => (origin in units ? 'have ' : 'be ');

/** Field errors of a failed parse; unknown keys get a pointer each. */
export function fieldErrors(error: ZodError, prefix: readonly PropertyKey[] = []): FieldError[] {
  return error.issues.flatMap((issue) => issueErrors(issue, prefix));
}

type Issue = ZodError['issues'][number];

function issueErrors(issue: Issue, prefix: readonly PropertyKey[]): FieldError[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: toPointer([...path, key]),
      message: 'This field is not known here.',
    }));
  }
  const meant = issue.code === 'invalid_union' ? meantOption(issue.errors) : undefined;
  if (meant) return meant.flatMap((inner) => issueErrors(inner, path));
  return [{ pointer: toPointer(path), message: messageOf(issue) }];
}

// Of several forms the sender meant the one whose mistakes lie deepest; of equals, the one with the fewest.
function meantOption(options: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const depth = (issues: readonly Issue[]): number =>
    Math.min(...issues.map(({ path }) => path.length));
  return options
    .filter((issues) => issues.length > 0)
    .sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
}

function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof ZodError)
    return new DomainError('validation-failed', { errors: fieldErrors(error) });
  return new DomainError('internal');
}

/**
 * The HTTP translation of any error. Unknown errors become `internal` and tell nothing of themselves; the caller
 * logs them once.
 */
export function toProblem(error: unknown, place: ProblemPlace): ProblemDocument {
  const { code, context } = asDomainError(error);
  const { status, title, next } = problems[code];
  return {
    ...context.extra,
    type: `/problems/${code}`,
    title,
    status,
    detail: context.detail ?? next,
    instance: place.instance,
    code,
    request_id: place.requestId,
    ...(context.errors ? { errors: context.errors } : {}),
  };
}
