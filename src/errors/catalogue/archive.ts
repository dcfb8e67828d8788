import type { ProblemDefinition } from '../problems';

/** What can go wrong between Usher and the object store that its archive lies in. */
export const archiveProblems = {
  'store-missing': {
    status: 409,
    title: 'No object store is configured',
    retryable: false,
    next: 'Set AUDIT_COLD_BUCKET and the other AUDIT_COLD_* variables, then restart the workers.',
  },
  'store-unreachable': {
    status: 503,
    title: 'The object store does not answer or put us off',
    retryable: true,
    next: 'Nothing; it is tried again by itself. If it lasts, run `usher doctor s3`.',
  },
  'store-refused': {
    status: 502,
    title: 'The object store refuses what we ask',
    retryable: false,
    next: 'Run `usher doctor s3`: it says what is refused. Mend the keys, the bucket or its policy.',
  },
  'store-content-mismatch': {
    status: 502,
    title: 'The object store does not hold what it was given',
    retryable: true,
    next: 'Nothing; the objects are made anew under other names, and no entry is dropped before they are found to be right. If it repeats, run `usher doctor s3` and do not trust this store.',
  },
} as const satisfies Record<string, ProblemDefinition>;
