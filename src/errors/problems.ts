/** One entry of the error catalogue: how a failure is told to people and machines, and what to do about it. */
export interface ProblemDefinition {
  /** HTTP status of the answer that carries this problem. */
  readonly status: number;
  /** Short human-readable summary; the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  /** Whether the same request or step may succeed later without a person changing anything. */
  readonly retryable: boolean;
  /** The next step for the person who meets it. */
  readonly next: string;
}

/**
 * The error catalogue. The code is a problem's identity everywhere: the last part of the HTTP `type`, the
 * `ApplicationFailure.type`, the log field, the heading in docs/problems.md.
 */
export const problems = {
  // Any request
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
  unauthenticated: {
    status: 401,
    title: 'You are not signed in',
    retryable: false,
    next: 'Sign in, or send a service account key as `X-Api-Key` or `Authorization: Bearer`.',
  },
  'credentials-invalid': {
    status: 401,
    title: 'The sign-in was not accepted',
    retryable: false,
    next: 'Check the e-mail address and the password, or ask for a login link.',
  },
  forbidden: {
    status: 403,
    title: 'You may not do this',
    retryable: false,
    next: 'Ask an owner or admin for the permission that `detail` names.',
  },
  'role-too-high': {
    status: 403,
    title: 'Nobody may grant a role above their own',
    retryable: false,
    next: 'Ask somebody who holds that role to do it.',
  },
  'wrong-audience': {
    status: 403,
    title: 'This token was issued for another surface',
    retryable: false,
    next: 'Request a token for the audience of the surface you are calling.',
  },
  'address-not-allowed': {
    status: 403,
    title: 'This service account may not be used from this address',
    retryable: false,
    next: 'Call from an address on its allow-list, or have the list changed.',
  },
  'cross-origin': {
    status: 403,
    title: 'The request came from another site',
    retryable: false,
    next: 'Open the page on this site itself and try again.',
  },
  'step-up-required': {
    status: 403,
    title: 'Please confirm that it is you',
    retryable: false,
    next: 'Sign in again and repeat the action within 10 minutes.',
  },
  'password-change-required': {
    status: 403,
    title: 'The temporary password must be changed first',
    retryable: false,
    next: 'Set a password of your own, then go on.',
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

  // Identity
  'user-not-found': {
    status: 404,
    title: 'User not found',
    retryable: false,
    next: 'Check the id; deactivated users are listed with the filter `inactive`.',
  },
  'user-exists': {
    status: 409,
    title: 'This e-mail address already has an account',
    retryable: false,
    next: 'Give the existing user the role instead.',
  },
  'user-deactivated': {
    status: 403,
    title: 'This account is deactivated',
    retryable: false,
    next: 'Ask an operator to activate it again.',
  },
  'service-account-not-found': {
    status: 404,
    title: 'Service account not found',
    retryable: false,
    next: 'Check the id in the list of service accounts.',
  },
  'service-account-revoked': {
    status: 409,
    title: 'This service account is revoked',
    retryable: false,
    next: 'Create a new one.',
  },
  'login-link-invalid': {
    status: 410,
    title: 'This login link is not valid any more',
    retryable: false,
    next: 'Ask for a new one; a link works once and for 15 minutes.',
  },
  'password-too-weak': {
    status: 422,
    title: 'This password is too easy to guess',
    retryable: false,
    next: 'Use at least 15 characters that do not contain your name, address or company.',
  },
  'oidc-issuer-unknown': {
    status: 404,
    title: 'No identity provider of this name is set up',
    retryable: false,
    next: 'Use one of the providers on the sign-in page.',
  },
  'oidc-failed': {
    status: 401,
    title: 'The identity provider did not confirm the sign-in',
    retryable: true,
    next: 'Start the sign-in again.',
  },
  'account-link-refused': {
    status: 403,
    title: 'This identity cannot be linked to the existing account',
    retryable: false,
    next: 'Sign in the way you did before, or ask an operator.',
  },
  'last-owner': {
    status: 409,
    title: 'The last owner cannot lose the role',
    retryable: false,
    next: 'Make somebody else an owner first.',
  },

  // Tenants and partners
  'tenant-not-found': {
    status: 404,
    title: 'Tenant not found',
    retryable: false,
    next: 'Check the id or the slug.',
  },
  'tenant-not-open': {
    status: 409,
    title: 'This tenant does not take new people at the moment',
    retryable: false,
    next: 'Resume or restore the tenant first.',
  },
  'tenant-suspended': {
    status: 409,
    title: 'The tenant is not open any more',
    retryable: false,
    next: 'Resume the tenant, then retry the step.',
  },
  'slug-taken': {
    status: 409,
    title: 'This slug is taken',
    retryable: false,
    next: 'Choose another slug.',
  },
  'invalid-transition': {
    status: 409,
    title: 'This is not possible in the current status',
    retryable: false,
    next: 'See `from` and `to`; bring it into a fitting status first.',
  },
  'partner-not-found': {
    status: 404,
    title: 'Partner not found',
    retryable: false,
    next: 'Check the id or slug, or create the partner first.',
  },
  'resource-not-found': {
    status: 404,
    title: 'Tenant resource not found',
    retryable: false,
    next: 'Reconcile the tenant and look at its resources again.',
  },

  // Invites
  'invite-not-found': {
    status: 404,
    title: 'Invite not found',
    retryable: false,
    next: 'Check the link for missing characters, or ask the sender for a new one.',
  },
  'invite-already-used': {
    status: 409,
    title: 'This invite was already accepted',
    retryable: false,
    next: 'Sign in instead.',
  },
  'invite-expired': {
    status: 410,
    title: 'This invite has expired',
    retryable: false,
    next: 'Ask for a new link; the sender is told.',
  },
  'invite-revoked': {
    status: 410,
    title: 'This invite was withdrawn',
    retryable: false,
    next: 'Ask the sender whether a new one is coming.',
  },
  'invite-superseded': {
    status: 410,
    title: 'A newer link was sent',
    retryable: false,
    next: 'Open the newest mail, or ask for a new link.',
  },
  'invite-declined': {
    status: 409,
    title: 'This invite was declined',
    retryable: false,
    next: 'Ask the sender for a new invite.',
  },
  'invite-exists': {
    status: 409,
    title: 'There is already an open invite for this address',
    retryable: false,
    next: 'Resend the existing one (`invite_id`), or create with `on_conflict: "resend"`.',
  },
  'already-member': {
    status: 409,
    title: 'This person already belongs to the tenant',
    retryable: false,
    next: 'Nothing to do; change the role instead if it should differ.',
  },
  'invite-not-open': {
    status: 409,
    title: 'This invite is not open',
    retryable: false,
    next: 'Look at its status; accepted and withdrawn invites cannot be changed.',
  },
  'resend-too-soon': {
    status: 429,
    title: 'The last mail was sent less than 60 seconds ago',
    retryable: true,
    next: 'Wait as long as the `Retry-After` header says.',
  },
  'resend-limit-reached': {
    status: 409,
    title: 'This invite was resent as often as allowed',
    retryable: false,
    next: 'Revoke it and create a new one after checking the address.',
  },
  'inviter-lost-right': {
    status: 409,
    title: 'The person who invited may not do so any more',
    retryable: false,
    next: 'Ask an operator for a new invite.',
  },
  'invite-held': {
    status: 409,
    title: 'This invite waits for its roll-out stage',
    retryable: true,
    next: 'It is mailed by itself when the stage opens.',
  },
  'account-login-required': {
    status: 401,
    title: 'This address already has an account',
    retryable: false,
    next: 'Accept with the password of that account, or sign in first.',
  },
  'terms-not-accepted': {
    status: 422,
    title: 'The terms must be accepted',
    retryable: false,
    next: 'Tick the box and send the form again.',
  },
  'verification-failed': {
    status: 403,
    title: 'The check that you are a person failed',
    retryable: true,
    next: 'Reload the page and try again.',
  },
  'form-expired': {
    status: 403,
    title: 'This form is not valid any more',
    retryable: false,
    next: 'Reload the page and send it again.',
  },

  // Onboardings
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
    title: 'The tenant is active; provisioning cannot be undone any more',
    retryable: false,
    next: 'Use the lifecycle of the tenant: suspend, archive or delete.',
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

  // What a step can meet at its backend
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
  'mail-uncertain': {
    status: 502,
    title: 'It is not known whether the mail went out',
    retryable: false,
    next: 'Resend the invite if the customer did not receive it.',
  },
  'mail-bounced': {
    status: 502,
    title: 'The mail was refused for good',
    retryable: false,
    next: 'Check the address; revoke the invite and create one with the right address.',
  },
  'mail-undeliverable-now': {
    status: 502,
    title: 'The mail server cannot be reached or put us off',
    retryable: true,
    next: 'Nothing; it is tried again by itself. Check SMTP_URL if it lasts.',
  },

  // Gates and incidents
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

/** A code of the error catalogue. */
export type ProblemCode = keyof typeof problems;

/** One field-level mistake: a JSON pointer into the request and what is wrong there. */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
}

/** What a `DomainError` may say beyond its code. */
export interface ProblemContext {
  /** A sentence for this occurrence; MUST hold nothing secret or personal. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Extra members of the problem document, e.g. the id of what is in the way. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

/** The only error that domain code throws; the boundaries translate it. */
export class DomainError extends Error {
  readonly code: ProblemCode;
  readonly context: ProblemContext;

  constructor(code: ProblemCode, context: ProblemContext = {}) {
    super(context.detail ?? problems[code].title);
    this.name = 'DomainError';
    this.code = code;
    this.context = context;
  }
}

/** Whether a string is a code of the catalogue. */
export function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(problems, code);
}
