import { accessProblems } from './catalogue/access';
import { apiKeyProblems } from './catalogue/api-keys';
import { archiveProblems } from './catalogue/archive';
import { backendProblems } from './catalogue/backends';
import { identityProblems } from './catalogue/identity';
import { inviteProblems } from './catalogue/invites';
import { mailProblems } from './catalogue/mails';
import { onboardingProblems } from './catalogue/onboardings';
import { auditProblems } from './catalogue/audit';
import { productProblems } from './catalogue/products';
import { requestProblems } from './catalogue/requests';
import { rolloutProblems } from './catalogue/rollout';
import { tenantProblems } from './catalogue/tenants';

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
  ...requestProblems,
  ...accessProblems,
  ...identityProblems,
  ...tenantProblems,
  ...productProblems,
  ...apiKeyProblems,
  ...inviteProblems,
  ...onboardingProblems,
  ...backendProblems,
  ...mailProblems,
  ...rolloutProblems,
  ...auditProblems,
  ...archiveProblems,
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
