import type { ProblemDefinition } from '../problems';

/** What can stand in the way of an onboarding and of orders to it. */
export const onboardingProblems = {
  'onboarding-not-found': {
    status: 404,
    title: 'Onboarding not found',
    retryable: false,
    next: 'Check the job id or the client id.',
  },
  'not-accepted': {
    status: 409,
    title: 'The invite has not been accepted yet',
    retryable: true,
    next: 'Wait until the customer has accepted, or resend the invite.',
  },
  'step-completed': {
    status: 409,
    title: 'This step is already completed with other values',
    retryable: false,
    next: 'Use the token rotation to change a token; the workspace of an active tenant stays.',
  },
  'order-not-possible': {
    status: 409,
    title: 'This order does not fit the state of the onboarding',
    retryable: false,
    next: 'Look at the state and the parked step, then choose a fitting order.',
  },
  'order-exists': {
    status: 409,
    title: 'Another order was already given for this stop',
    retryable: false,
    next: 'Look at the outcome of that order first.',
  },
  'step-not-skippable': {
    status: 409,
    title: 'This step cannot be skipped',
    retryable: false,
    next: 'Fix its input and retry, or roll the onboarding back.',
  },
  'already-active': {
    status: 409,
    title: 'The onboarding is complete and its tenant active; it takes no order any more',
    retryable: false,
    next: 'To close the tenant use its lifecycle: suspend, cancel, archive or delete.',
  },
  'rotation-open': {
    status: 409,
    title: 'A token rotation is already running for this client',
    retryable: true,
    next: 'Wait until it has ended.',
  },
  'token-unchanged': {
    status: 409,
    title: 'This is the token that is already in use',
    retryable: false,
    next: 'Create a new token at the marketplace and send that one.',
  },
  'connector-not-found': {
    status: 404,
    title: 'Connector not found',
    retryable: false,
    next: 'Check the connector folder and the blueprint.',
  },
  'blueprint-not-found': {
    status: 422,
    title: 'No blueprint of this name is set up',
    retryable: false,
    next: 'Use a blueprint of connectors/blueprints.json.',
  },
} as const satisfies Record<string, ProblemDefinition>;
