import type { ProblemDefinition } from '../problems';

/** What can go wrong with the audit log. */
export const auditProblems = {
  'audit-action-reserved': {
    status: 422,
    title: 'This action is one of Usher’s own',
    retryable: false,
    next: 'Name the action after your own product, such as `orders.created`.',
  },
  'external-id-conflict': {
    status: 409,
    title: 'Another event was delivered under this external id',
    retryable: false,
    next: 'Give each event an external id of its own; repeat an event only as it was. The conflict is in the audit log.',
  },
  'audit-log-halted': {
    status: 503,
    title: 'The audit log does not continue what was published of it',
    retryable: false,
    next: 'Nothing is lost, and appends go on. Find out which copy of the database this is (docs/RUNBOOK.md, “The audit log stands still”); `bin/usher audit fork --reason …` continues under a new name.',
  },
  'checkpoint-not-found': {
    status: 404,
    title: 'There is no such checkpoint',
    retryable: true,
    next: 'Make one with POST /audit/checkpoint; the first one is made when a worker starts.',
  },
  'signer-unavailable': {
    status: 503,
    title: 'No worker has signed in time',
    retryable: true,
    next: 'Check that a worker runs and holds the log’s signing key, then try again.',
  },
  'audit-legal-hold': {
    status: 409,
    title: 'A legal hold stands on what would be erased',
    retryable: false,
    next: 'Nothing was erased. Have the hold lifted by whoever placed it, then send the request again.',
  },
  'tile-not-found': {
    status: 404,
    title: 'The tree has no such tile',
    retryable: false,
    next: 'A tile of level L covers 256 of level L − 1. The newest checkpoint says how many entries there are.',
  },
  'audit-entry-not-found': {
    status: 404,
    title: 'Audit entry not found',
    retryable: false,
    next: 'Check the id. An entry that was just appended is found within a second while a worker runs.',
  },
} as const satisfies Record<string, ProblemDefinition>;
