import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { DomainError, isProblemCode, problems } from './problems';
import type { ProblemCode } from './problems';

/** Header that carries the request id into workflows and activities. */
export const requestIdHeader = 'usher-request-id';

/** What may be told of an unknown error: its class and, where it has one, its SQLSTATE, SMTP or system code. */
export function reduceError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const codes = [code, responseCode].filter(
    (part) =>
      (typeof part === 'string' && /^[A-Za-z0-9_-]{1,40}$/.test(part)) || typeof part === 'number',
  );
  return [error.name, ...codes].join(' ');
}

/**
 * The failure that may enter a workflow history. Only catalogue text crosses: any other error is reduced to its
 * class and code, its cause chain dropped, because messages of Postgres and SMTP carry e-mail addresses.
 */
export function toFailure(error: unknown): Error {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof DomainError) {
    const { title, retryable } = problems[error.code];
    return ApplicationFailure.create({
      type: error.code,
      message: title,
      nonRetryable: !retryable,
    });
  }
  if (error instanceof Error && error.name === 'CancelledError') return error;
  return ApplicationFailure.create({ type: 'internal', message: reduceError(error) });
}

/** The catalogue code that a failure carries, through any number of wrapping failures; `internal` otherwise. */
export function problemOf(error: unknown): ProblemCode {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof DomainError) return current.code;
    if (current instanceof ApplicationFailure && isProblemCode(current.type)) return current.type;
  }
  return 'internal';
}
