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
  'audit-entry-not-found': {
    status: 404,
    title: 'Audit entry not found',
    retryable: false,
    next: 'Check the id. An entry that was just appended is found within a second while a worker runs.',
  },
} as const satisfies Record<string, ProblemDefinition>;
