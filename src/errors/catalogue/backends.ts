import type { ProblemDefinition } from '../problems';

/** What a step can meet at its backend. */
export const backendProblems = {
  'backend-unreachable': {
    status: 502,
    title: 'The backend cannot be reached',
    retryable: true,
    next: 'Check that the backend runs and that its address is right, then retry.',
  },
  'backend-timeout': {
    status: 504,
    title: 'The backend did not answer in time',
    retryable: true,
    next: 'Check the load of the backend, then retry; what it did is looked up first.',
  },
  'backend-unavailable': {
    status: 502,
    title: 'The backend answered with an error of its own',
    retryable: true,
    next: 'Look at the attempt for the status, check the backend, then retry.',
  },
  'backend-refused': {
    status: 502,
    title: 'The backend refused the request',
    retryable: false,
    next: 'Look at the attempt, correct the input with fix, or ask the owner of the backend.',
  },
  'backend-unauthorized': {
    status: 502,
    title: 'The backend did not accept our key',
    retryable: false,
    next: 'Set the key of the connector anew, then retry.',
  },
  'backend-forbidden': {
    status: 502,
    title: 'Our key may not do this at the backend',
    retryable: false,
    next: 'Have the role or scope of the key extended, then retry.',
  },
  'backend-rate-limited': {
    status: 502,
    title: 'The backend kept refusing for too many requests',
    retryable: true,
    next: 'Lower the rate limit in the connector file or wait, then retry.',
  },
  'backend-answer-unreadable': {
    status: 502,
    title: 'The backend answered in a form that the connector does not know',
    retryable: false,
    next: 'Compare the attempt with the connector file, then retry.',
  },
  'token-malformed': {
    status: 422,
    title: 'The marketplace token is malformed',
    retryable: false,
    next: 'Ask the customer for a new token and hand it over with fix.',
  },
  'workspace-not-registered': {
    status: 409,
    title: 'The backend does not know the workspace',
    retryable: false,
    next: 'Retry the registration, or correct the spreadsheet id with fix.',
  },
  'outcome-unknown': {
    status: 502,
    title: 'It is not known whether the backend did it',
    retryable: false,
    next: 'Look at the backend; then retry if it did not happen, or skip if it did.',
  },
  'input-missing': {
    status: 409,
    title: 'The step lacks an input',
    retryable: false,
    next: 'Hand the missing input over with fix.',
  },
} as const satisfies Record<string, ProblemDefinition>;
