import type { Request } from 'express';
import type { EndpointContract } from '../src/contracts/http';
import { DomainError } from '../src/errors/problems';
import type { KeyedRequest } from './middleware/idempotency';

/** A version that no row ever has, for an ETag that is not one of ours. */
const foreignVersion = -1;

/**
 * The version that If-Match names; undefined when any will do. An ETag in another form than ours is of no version,
 * so that its sender learns the current one.
 * @throws DomainError `precondition-required`, `validation-failed`
 */
export function ifMatchOf(contract: EndpointContract, request: Request): number | undefined {
  if (!contract.ifMatch) return undefined;
  const given = request.get('if-match')?.trim();
  if (given === undefined) {
    if (contract.ifMatch === 'required') throw new DomainError('precondition-required');
    return undefined;
  }
  if (given === '*') return undefined;
  if (!/^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(given)) {
    throw headerMistake('if-match', 'must be one ETag in double quotes, or *');
  }
  const version = /^"v(\d{1,9})"$/.exec(given)?.[1];
  return version === undefined ? foreignVersion : Number(version);
}

/**
 * What makes a request safe to repeat: its Idempotency-Key, or the body's `idempotency_key`. Members that are shown
 * once are kept for the header only.
 * @throws DomainError `idempotency-key-mismatch`, `validation-failed`
 */
export function keyedRequestOf(
  contract: EndpointContract,
  request: Request,
  actorId: string,
  body: unknown,
): KeyedRequest | undefined {
  if (!contract.idempotent) return undefined;
  const header = request.get('idempotency-key');
  const { idempotency_key: field, ...rest } = bodyObject(body);
  if (header !== undefined && field !== undefined && header !== field) {
    throw new DomainError('idempotency-key-mismatch');
  }
  const key = header ?? field;
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw headerMistake('idempotency-key', 'must be 1 to 255 printable characters without spaces');
  }
  return {
    scope: `${actorId}\n${contract.method} ${request.path}`,
    key,
    body: typeof body === 'string' ? body : rest,
    once: contract.once ?? [],
    keepsOnce: header !== undefined,
  };
}

function bodyObject(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

function headerMistake(name: string, message: string): DomainError {
  return new DomainError('validation-failed', {
    errors: [{ pointer: `/headers/${name}`, message }],
  });
}
