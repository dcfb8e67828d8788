import { DomainError, problems } from '../../errors/problems';
import { ConfigError } from '../../platform/config';
import { CommandFailure } from './command';

/** An answer of the API that is a problem document. */
export class ApiProblem extends Error {
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(problem: Readonly<Record<string, unknown>>) {
    super('The API refused');
    this.name = 'ApiProblem';
    this.problem = problem;
  }
}

const databaseAdvice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there: start the database, or correct DATABASE_URL.',
  ENOTFOUND: 'This host is not known: correct DATABASE_URL.',
  EAI_AGAIN:
    'This host cannot be looked up at the moment: check the network, or correct DATABASE_URL.',
  ETIMEDOUT: 'It does not answer: check the network, or correct DATABASE_URL.',
  '28P01': 'The password is not right: correct DATABASE_URL.',
  '28000': 'This role may not sign in: correct DATABASE_URL.',
  '3D000': 'There is no such database: create it, or correct DATABASE_URL.',
  '42P01': 'Tables are missing: run `usher migrate up`.',
  '42703': 'The schema is not that of this build: run `usher migrate up`.',
  '42501': 'The role lacks a right: run `usher doctor`.',
  '53300': 'The database has no free connection: try again, or raise max_connections.',
  '57P03': 'The database is starting: try again in a few seconds.',
};

function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

function fieldLines(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return (errors as { pointer?: string; message?: string }[]).map(
    ({ pointer = '', message = '' }) => `  ${pointer.replace(/^\//, '')} ${message}`.trimEnd(),
  );
}

function domainLines({ code, context }: DomainError): string[] {
  const { title, next } = problems[code];
  const detail = context.detail !== undefined && context.detail !== title ? [context.detail] : [];
  return [`${title} (${code}).`, ...detail, ...fieldLines(context.errors), next];
}

function apiLines(problem: Readonly<Record<string, unknown>>): string[] {
  const { title, code, detail, errors, request_id: requestId, next } = problem;
  const said = [detail, next].filter(
    (text): text is string => typeof text === 'string' && text !== '' && text !== title,
  );
  return [
    `${String(title)} (${String(code)}).`,
    ...said,
    ...fieldLines(errors),
    ...(typeof requestId === 'string' ? [`Request id: ${requestId}`] : []),
  ];
}

/** What a person is told of a failure: what went wrong, then what to do. */
export function failureLines(error: unknown): string[] {
  if (error instanceof CommandFailure) {
    return [error.message, ...(error.advice === undefined ? [] : [error.advice])];
  }
  if (error instanceof ConfigError) {
    return [
      error.message,
      'Start bin/dev in this folder, or set them; .env.example explains each.',
    ];
  }
  if (error instanceof DomainError) return domainLines(error);
  if (error instanceof ApiProblem) return apiLines(error.problem);
  const code = codeOf(error);
  const advice = code === undefined ? undefined : databaseAdvice[code];
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  if (advice !== undefined) return [`The database said no: ${message} (${String(code)}).`, advice];
  return [message];
}
