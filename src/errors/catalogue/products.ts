import type { ProblemDefinition } from '../problems';

/** What can go wrong with the catalogue, requests, trials and entitlements. */
export const productProblems = {
  'product-not-found': {
    status: 404,
    title: 'There is no such product',
    retryable: false,
    next: 'Choose one of the products at GET /v1/catalog.',
  },
  'request-open': {
    status: 409,
    title: 'This product is already requested',
    retryable: false,
    next: 'Wait for the decision; the operators are told.',
  },
  'request-not-found': {
    status: 404,
    title: 'There is no such request',
    retryable: false,
    next: 'Check the id in the list of requests.',
  },
  'request-decided': {
    status: 409,
    title: 'This request has been decided',
    retryable: false,
    next: 'Change the entitlement instead.',
  },
  'already-entitled': {
    status: 409,
    title: 'The tenant may already use this product',
    retryable: false,
    next: 'Nothing is missing; see GET /v1/entitlements.',
  },
  'trial-used': {
    status: 409,
    title: 'This product was already tried',
    retryable: false,
    next: 'Request the product; an operator may extend a trial once.',
  },
  'trial-extended': {
    status: 409,
    title: 'This trial was already extended',
    retryable: false,
    next: 'Grant the product (status `active`), or let the trial end.',
  },
} as const satisfies Record<string, ProblemDefinition>;
