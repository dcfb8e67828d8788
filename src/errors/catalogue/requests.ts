import type { ProblemDefinition } from '../problems';

/** What any request can meet: how it is written, repeated and paged, and the state of the house. */
export const requestProblems = {
  'validation-failed': {
    status: 422,
    title: 'The request is not valid',
    retryable: false,
    next: 'Correct the fields named in `errors` and send the request again.',
  },
  'malformed-body': {
    status: 400,
    title: 'The request body cannot be read',
    retryable: false,
    next: 'Send a JSON object in UTF-8 with `Content-Type: application/json`.',
  },
  'malformed-request': {
    status: 400,
    title: 'The request cannot be read',
    retryable: false,
    next: 'Check the path, the query string and the headers for characters that are not allowed.',
  },
  'body-too-large': {
    status: 413,
    title: 'The request body is too large',
    retryable: false,
    next: 'Send less at once; bulk invites take at most 500 rows and 1 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This content type is not accepted here',
    retryable: false,
    next: 'Send `Content-Type: application/json`.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing at this address',
    retryable: false,
    next: 'Check the path and the id; the API is described at /docs.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This method is not available here',
    retryable: false,
    next: 'Use one of the methods named in the `Allow` header.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    retryable: true,
    next: 'Wait as long as the `Retry-After` header says.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key was used for another request',
    retryable: false,
    next: 'Use a new key for a new request; repeat the same body with the old one.',
  },
  'idempotency-key-mismatch': {
    status: 422,
    title: 'Idempotency-Key and idempotency_key differ',
    retryable: false,
    next: 'Send only one of the two, or the same value in both.',
  },
  'request-in-progress': {
    status: 409,
    title: 'The same request is still being processed',
    retryable: true,
    next: 'Repeat it in a second with the same Idempotency-Key.',
  },
  'precondition-required': {
    status: 428,
    title: 'This change needs an If-Match header',
    retryable: false,
    next: 'Read the resource and send its ETag as `If-Match`.',
  },
  'version-stale': {
    status: 412,
    title: 'Somebody else changed it meanwhile',
    retryable: false,
    next: 'Read it again and repeat your change on the current version.',
  },
  'cursor-invalid': {
    status: 422,
    title: 'This cursor does not belong to this list',
    retryable: false,
    next: 'Start again without a cursor; keep the filters while paging.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    retryable: true,
    next: 'Try again; if it persists, tell us the request id.',
  },
  unavailable: {
    status: 503,
    title: 'A part of the system is not reachable',
    retryable: true,
    next: 'Try again in a few seconds.',
  },
} as const satisfies Record<string, ProblemDefinition>;
