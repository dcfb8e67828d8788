import type { ProblemDefinition } from '../problems';

/** What can go wrong with the roll-out and with incidents. */
export const rolloutProblems = {
  'gate-not-passed': {
    status: 409,
    title: 'The gate of this stage has not passed',
    retryable: true,
    next: 'Wait for a larger sample or fix the failing figure; an owner may override with a reason.',
  },
  'stage-final': {
    status: 409,
    title: 'The last stage is already open',
    retryable: false,
    next: 'Nothing to do.',
  },
  'incident-not-found': {
    status: 404,
    title: 'Incident not found',
    retryable: false,
    next: 'Check the id in the list of incidents.',
  },
} as const satisfies Record<string, ProblemDefinition>;
