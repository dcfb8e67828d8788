import type {
  Call,
  ConnectorProblem,
  Criteria,
  JsonMatch,
  OutboundResult,
  Rule,
  Verify,
} from '../../contracts/connectors';
import { holdsSecret } from './connectors-redaction.rules';
import type { Hidden } from './connectors-redaction.rules';
import { claimIn, operandValue } from './connectors-templates.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { isObject, isScalar, sameValue, valueAt } from './connectors-values.rules';
import type { Scalar } from './connectors-values.rules';

/** What a call came to. `problem` is a code of the catalogue. */
export type Verdict =
  | { readonly kind: 'success'; readonly extract: Readonly<Record<string, Scalar>> }
  /** It did not happen and may work later; `retryAfterMs` is the backend's own wish. */
  | {
      readonly kind: 'transient';
      readonly problem: ConnectorProblem;
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly kind: 'permanent'; readonly problem: ConnectorProblem }
  /** Nobody knows whether it happened. */
  | { readonly kind: 'uncertain'; readonly problem: ConnectorProblem }
  /** A wait and no attempt; without `retryAfterMs` the wait is the path's window. */
  | { readonly kind: 'rate-limited'; readonly retryAfterMs?: number | undefined };

/** What a look-up came to; it changes nothing, so it is never uncertain itself. */
export type VerifyVerdict =
  | { readonly kind: 'landed'; readonly extract: Readonly<Record<string, Scalar>> }
  | { readonly kind: 'absent' }
  | Exclude<Verdict, { kind: 'success' | 'uncertain' }>;

/** What judging needs beside the answer: the values that matches refer to, the hour, and what must not be extracted. */
export interface Judging {
  readonly context: TemplateContext;
  /** Milliseconds since 1970; for a Retry-After that is a date. */
  readonly now: number;
  readonly hidden: Hidden;
}

type Response = Extract<OutboundResult, { kind: 'response' }>;

const longestRetryAfterMs = 30 * 60_000;
const longestMatched = 1_000;
const longestExtract = 500;

/**
 * Judges the answer to a step's request or to its compensation. In this order: what is expected, the connector's rules
 * (permanent, transient, uncertain), then the defaults of docs/CONNECTORS.md. A step that declares `repeat: never` takes an
 * error of the backend itself for uncertain unless a rule says otherwise, since it may have acted before it failed.
 */
export function judge(call: Call, result: OutboundResult, judging: Judging): Verdict {
  if (result.kind === 'failure') return judgeFailure(result);
  const extract = expected(call, result, judging);
  if (extract !== undefined) return { kind: 'success', extract };
  return judgeByRules(call, result, judging) ?? judgeByStatus(call, result, judging.now);
}

/**
 * Judges a look-up: landed when it answers as expected, else a permanent rule, absent when a rule of `absent` fits,
 * else the usual ways.
 */
export function judgeVerify(
  verify: Verify,
  result: OutboundResult,
  judging: Judging,
): VerifyVerdict {
  const verdict = judge(verify, result, judging);
  if (verdict.kind === 'success') return { kind: 'landed', extract: verdict.extract };
  if (result.kind === 'response' && isAbsent(verify, result, judging)) return { kind: 'absent' };
  return verdict.kind === 'uncertain' ? { kind: 'transient', problem: verdict.problem } : verdict;
}

// An answer that is the expected one but lacks an extract is unreadable, which says nothing about absence.
function isAbsent(verify: Verify, response: Response, judging: Judging): boolean {
  const fitting = (rules: readonly Rule[]) => rules.some((rule) => fits(rule, response, judging));
  return (
    !fits(verify.expect, response, judging) && !fitting(verify.permanent) && fitting(verify.absent)
  );
}

function judgeFailure(failure: Extract<OutboundResult, { kind: 'failure' }>): Verdict {
  if (failure.phase === 'before-send') {
    // A refused address is a mistake in the configuration: it stays refused.
    const ours = failure.reason === 'request-refused' || failure.reason === 'address-refused';
    return { kind: ours ? 'permanent' : 'transient', problem: 'backend-unreachable' };
  }
  if (failure.reason === 'timeout') return { kind: 'uncertain', problem: 'backend-timeout' };
  const unreadable = failure.reason === 'too-large' || failure.reason === 'unreadable';
  return {
    kind: 'uncertain',
    problem: unreadable ? 'backend-answer-unreadable' : 'backend-unreachable',
  };
}

function judgeByRules(call: Call, response: Response, judging: Judging): Verdict | undefined {
  const fitting = (rules: readonly Rule[]) => rules.find((rule) => fits(rule, response, judging));
  const permanent = fitting(call.permanent);
  if (permanent) {
    return { kind: 'permanent', problem: permanent.problem ?? problemOf(response.status) };
  }
  const transient = fitting(call.transient);
  if (transient) {
    const problem = transient.problem ?? problemOf(response.status);
    return { kind: 'transient', problem, retryAfterMs: retryAfter(response, judging.now) };
  }
  const uncertain = fitting(call.uncertain);
  if (uncertain) {
    return { kind: 'uncertain', problem: uncertain.problem ?? problemOf(response.status) };
  }
  return undefined;
}

function judgeByStatus(call: Call, response: Response, now: number): Verdict {
  const { status } = response;
  const problem = problemOf(status);
  if (status === 429) return { kind: 'rate-limited', retryAfterMs: retryAfter(response, now) };
  if (status < 300) return { kind: 'uncertain', problem };
  if (status >= 500 || [408, 409, 425].includes(status)) {
    const mayHaveActed = status === 408 || (status >= 500 && status !== 503);
    if (neverRepeats(call) && mayHaveActed) return { kind: 'uncertain', problem };
    return { kind: 'transient', problem, retryAfterMs: retryAfter(response, now) };
  }
  return { kind: 'permanent', problem };
}

function neverRepeats(call: Call): boolean {
  return 'repeat' in call && call.repeat === 'never';
}

function problemOf(status: number): ConnectorProblem {
  if (status < 300) return 'backend-answer-unreadable';
  if (status === 401) return 'backend-unauthorized';
  if (status === 403) return 'backend-forbidden';
  if (status === 408 || status === 504) return 'backend-timeout';
  if (status === 429) return 'backend-rate-limited';
  return status >= 500 || status === 409 || status === 425
    ? 'backend-unavailable'
    : 'backend-refused';
}

/** The wait that a Retry-After header asks for, in ms, at most 30 minutes; undefined without a readable one. */
export function retryAfter(response: Pick<Response, 'headers'>, now: number): number | undefined {
  const header = response.headers['retry-after']?.trim() ?? '';
  const seconds = /^\d{1,12}$/.test(header);
  if (!seconds && !/^[A-Z][a-z]{2}/.test(header)) return undefined;
  const wait = seconds ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), longestRetryAfterMs);
}

// The extracts when the answer is the expected one and holds them all.
function expected(
  call: Call,
  response: Response,
  judging: Judging,
): Readonly<Record<string, Scalar>> | undefined {
  if (!fits(call.expect, response, judging)) return undefined;
  const extract: Record<string, Scalar> = {};
  for (const [name, source] of Object.entries(call.extract ?? {})) {
    const value: unknown =
      'jwt' in source
        ? claimIn(source, judging.context)
        : placeOf(source, response.json, judging.context);
    const usable =
      isScalar(value) &&
      String(value).length <= longestExtract &&
      !holdsSecret(String(value), judging.hidden);
    if (usable) extract[name] = value;
    else if (!('jwt' in source) && !(source.optional && value == null)) return undefined;
  }
  return extract;
}

function placeOf(
  source: Exclude<NonNullable<Call['extract']>[string], { jwt: string }>,
  json: unknown,
  context: TemplateContext,
): unknown {
  const { where, take = '' } = source;
  const place = valueAt(json, source.pointer);
  if (where === undefined) return take === '' ? place : valueAt(place, take);
  const item = Array.isArray(place)
    ? (place as unknown[]).find((candidate) =>
        equals(valueAt(candidate, where.pointer), where.equals, context),
      )
    : undefined;
  return valueAt(item, take);
}

function fits(criteria: Criteria, response: Response, { context }: Judging): boolean {
  const { status, json, headers, text } = criteria;
  return (
    (status === undefined || status.some((allowed) => statusFits(allowed, response.status))) &&
    (json ?? []).every((match) => jsonFits(match, response.json, context)) &&
    (headers ?? []).every((match) => textFits(match, response.headers[match.name.toLowerCase()])) &&
    (text === undefined || textFits(text, response.text))
  );
}

function statusFits(allowed: number | string, status: number): boolean {
  return typeof allowed === 'number'
    ? allowed === status
    : allowed.startsWith(String(Math.floor(status / 100)));
}

function jsonFits(match: JsonMatch, json: unknown, context: TemplateContext): boolean {
  // Without a document nothing exists and nothing is absent either.
  if (json === undefined) return false;
  const value = valueAt(json, match.pointer);
  if (match.exists !== undefined) return (value !== undefined) === match.exists;
  if (match.type !== undefined) return typeName(value) === match.type;
  if (match.matches !== undefined) {
    return isScalar(value) && textFits({ matches: match.matches }, String(value));
  }
  if (match.contains_item !== undefined) {
    const { pointer, equals: operand } = match.contains_item;
    return (
      Array.isArray(value) && value.some((item) => equals(valueAt(item, pointer), operand, context))
    );
  }
  return match.equals !== undefined && equals(value, match.equals, context);
}

function equals(
  value: unknown,
  operand: NonNullable<JsonMatch['equals']> | null,
  context: TemplateContext,
): boolean {
  const wanted = operandValue(operand, context);
  return wanted !== undefined && sameValue(value, wanted);
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return isObject(value) ? 'object' : typeof value;
}

function textFits(
  match: {
    equals?: string | undefined;
    exists?: boolean | undefined;
    contains?: string | undefined;
    starts_with?: string | undefined;
    matches?: string | undefined;
  },
  text: string | undefined,
): boolean {
  if (match.exists !== undefined) return (text !== undefined) === match.exists;
  if (text === undefined) return false;
  if (match.equals !== undefined) return text === match.equals;
  if (match.contains !== undefined) return text.includes(match.contains);
  if (match.starts_with !== undefined) return text.startsWith(match.starts_with);
  // Patterns are checked at boot to be cheap on a text of this length.
  return (
    match.matches !== undefined &&
    new RegExp(match.matches, 'u').test(text.slice(0, longestMatched))
  );
}
