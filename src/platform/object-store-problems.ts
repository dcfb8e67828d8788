import { DomainError } from '../errors/problems';

/** The HTTP status that an error of the S3 client came with; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** Refusals that another try may not meet: the request did not arrive whole, or somebody else was just at it. */
const passing = new Set([408, 409, 425, 429]);
const spoiltOnTheWay = new Set([
  'BadDigest',
  'IncompleteBody',
  'InvalidDigest',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'XAmzContentSHA256Mismatch',
]);

/** What went wrong with a call of the store; tells S3's own code, and never a key or an address. */
export function storeProblem(what: string, error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const status = statusOf(error);
  const { name = '' } = error as { name?: string };
  const code = /^[A-Za-z]{1,60}$/.test(name) ? name : 'Unknown';
  const refused =
    status !== undefined &&
    // A redirection names another region: the configuration is wrong.
    status >= 300 &&
    status < 500 &&
    !passing.has(status) &&
    !spoiltOnTheWay.has(code);
  const answer = status === undefined ? 'met no answer' : `was answered ${String(status)}`;
  return new DomainError(refused ? 'store-refused' : 'store-unreachable', {
    detail: `${what} ${answer} (${code}).`,
  });
}
