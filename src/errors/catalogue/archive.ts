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
  'audit-range-broken': {
    status: 500,
    title: 'A range of the audit log does not hold, and is not archived',
    retryable: false,
    next: 'Run `bin/usher audit verify`: it names the exact place and kind of the break. Nothing is dropped meanwhile.',
  },
  'store-content-mismatch': {
    status: 502,
    title: 'The object store does not hold what it was given',
    retryable: true,
    next: 'Nothing; the objects are made anew under other names, and no entry is dropped before they are found to be right. If it repeats, run `usher doctor s3` and do not trust this store.',
  },
  'prune-refused': {
    status: 409,
    title: 'The database does not let this part of the audit log be dropped yet',
    retryable: true,
    next: 'Nothing; it is tried again by itself. A legal hold stands until somebody lifts it.',
  },
  'archive-not-found': {
    status: 404,
    title: 'There is no such archive batch',
    retryable: false,
    next: 'List the batches with GET /audit/archives.',
  },
  'hold-not-found': {
    status: 404,
    title: 'There is no such legal hold',
    retryable: false,
    next: 'List the holds with GET /audit/holds.',
  },
  'archive-still-hot': {
    status: 409,
    title: 'The entries of this batch are still in the log',
    retryable: false,
    next: 'Read them there; only batches whose entries were dropped from the log can be restored.',
  },
  'archive-damaged': {
    status: 502,
    title: 'What was fetched from the archive is not what was archived',
    retryable: false,
    next: 'Keep the objects as they are, and find an intact copy: another version or replica in the store. The runbook says how (docs/RUNBOOK.md, “The archive is damaged”).',
  },
} as const satisfies Record<string, ProblemDefinition>;
