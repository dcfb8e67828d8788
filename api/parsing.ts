import type { Request } from 'express';
import { z } from 'zod';
import type { EndpointContract } from '../src/contracts/http';
import { fieldErrors, toPointer } from '../src/errors/http';
import { DomainError } from '../src/errors/problems';
import type { FieldError } from '../src/errors/problems';
import { wellFormed } from '../src/platform/well-formed.rules';
import type { Body } from './bodies';

/** A request's parts as its contract understands them. */
export interface ParsedRequest {
  readonly params: never;
  readonly query: never;
  readonly body: never;
}

/** Deepest nesting of a body: more than any contract has, and little enough for whatever reads it recursively. */
const deepest = 32;

/** Most mistakes that one answer names. */
const mostErrors = 100;

// An endpoint without query or body takes none: what is sent all the same is a mistake of its sender.
const nothing = z.strictObject({});

/**
 * Parses path, query and body by a contract; all mistakes are told at once, each with a pointer.
 * @throws DomainError `validation-failed`
 */
export function parseRequest(
  contract: EndpointContract,
  request: Pick<Request, 'params' | 'query'>,
  body: Body,
): ParsedRequest {
  const errors: FieldError[] = [];
  const parse = (schema: z.ZodType, value: unknown, prefix: readonly string[]): unknown => {
    const unfit = unfitText(value, prefix, 0);
    errors.push(...unfit);
    if (unfit.length > 0) return undefined;
    const result = schema.safeParse(allWellFormed(value));
    if (result.success) return result.data;
    errors.push(...fieldErrors(result.error, prefix));
    return undefined;
  };
  const params = parse(contract.params ?? nothing, request.params, ['path']);
  const query = parse(contract.query ?? nothing, request.query, ['query']);
  const parsed =
    body.type === 'csv' && contract.csv
      ? parse(contract.csv, body.value, [])
      : parse(contract.body ?? nothing, body.type === 'none' ? {} : body.value, []);
  if (errors.length > 0) {
    throw new DomainError('validation-failed', { errors: errors.slice(0, mostErrors) });
  }
  return { params, query, body: contract.body ? parsed : undefined } as ParsedRequest;
}

// Postgres cannot store U+0000 in text, so no text may hold it anywhere.
function unfitText(value: unknown, path: readonly PropertyKey[], depth: number): FieldError[] {
  if (typeof value === 'string') {
    return value.includes('\u0000')
      ? [{ pointer: toPointer(path), message: 'must not contain U+0000' }]
      : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  if (depth === deepest) return [{ pointer: toPointer(path), message: 'is nested too deeply' }];
  return Object.entries(value).flatMap(([key, part]) => [
    ...(key.includes('\u0000')
      ? [{ pointer: toPointer(path), message: 'names must not contain U+0000' }]
      : []),
    ...unfitText(part, [...path, key], depth + 1),
  ]);
}

// Text columns get U+FFFD for half a surrogate pair anyway, and jsonb would refuse its escape.
function allWellFormed(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (Array.isArray(value)) return value.map(allWellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [wellFormed(key), allWellFormed(part)]),
  );
}
