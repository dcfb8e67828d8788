import type { RequestTemplate, Step } from '../../contracts/connectors';
import { patternMistake } from './connectors-patterns.rules';
import { parseTemplate, referencesOf } from './connectors-templates.rules';
import type { Reference } from './connectors-templates.rules';
import { isObject } from './connectors-values.rules';

/** A place in a connector file. */
export type Path = readonly PropertyKey[];

/** Takes one mistake: where, and what to do about it. */
export type Report = (path: Path, message: string) => void;

/** Whose extracts a template may use: those of the steps before, and some of the step's own. */
export interface Scope {
  readonly steps: readonly Partial<Step>[];
  readonly before: number;
  readonly own?: { readonly step: string; readonly extracts: ReadonlySet<string> } | undefined;
  readonly unavailable?: string;
}

const ourHeaders = new Set([
  ...['authorization', 'x-api-key', 'idempotency-key', 'host', 'content-length', 'content-type'],
  ...['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect'],
  ...['accept-encoding', 'cookie', 'proxy-authorization', 'user-agent', 'accept'],
]);

/** Checks one request: what HTTP can carry, what templates may refer to, and that no secret gets into an address. */
export function checkRequest(
  request: RequestTemplate,
  at: Path,
  scope: Scope,
  report: Report,
): void {
  checkPath(request.path, [...at, 'path'], scope, report);
  const noSecret = (template: string, place: Path) => {
    checkTemplate(template, place, scope, report);
    if (referencesOf(template).some(({ root }) => root === 'secret')) {
      report(
        place,
        'must not hold a secret, since addresses are logged everywhere; send it in the body',
      );
    }
  };
  for (const [name, template] of Object.entries(request.query ?? {})) {
    noSecret(template, [...at, 'query', name]);
  }
  for (const [name, template] of Object.entries(request.headers ?? {})) {
    const place = [...at, 'headers', name];
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) report(place, 'is no valid header name; correct it');
    if (ourHeaders.has(name.toLowerCase())) {
      report(place, 'is set by Usher itself; remove it (keys belong into auth)');
    }
    if (/[^\x20-\x7e]/.test(template)) {
      report(place, 'has a character that a header cannot hold; use printable ASCII');
    }
    checkTemplate(template, place, scope, report);
  }
  if (request.body !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
    report([...at, 'body'], `cannot be sent with ${request.method}; remove it or use POST`);
  }
  checkBody(request.body, [...at, 'body'], scope, report);
}

function checkPath(path: string, place: Path, scope: Scope, report: Report): void {
  checkTemplate(path, place, scope, report);
  const literal = path.replaceAll(/\{\{[^{}]*\}\}/g, 'x');
  if (!path.startsWith('/') || literal.startsWith('//')) {
    report(place, 'must start with one slash; it is put behind base_url');
  }
  if (/[?#]/.test(literal)) {
    report(place, 'must not hold ? or #; declare query parameters in "query"');
  }
  if (/[^\x21-\x7e]|\\/.test(literal)) {
    report(place, 'has a blank or a character that must be percent-encoded; encode it');
  }
  if (literal.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) {
    report(place, 'must not hold . or .. as a segment; write the path in full');
  }
  for (const reference of referencesOf(path)) {
    if (reference.optional) {
      report(place, `must not hold the optional {{${reference.text}?}}; a path has no gaps`);
    }
    if (reference.root === 'secret') {
      report(
        place,
        'must not hold a secret, since addresses are logged everywhere; send it in the body',
      );
    }
  }
}

function checkBody(value: unknown, at: Path, scope: Scope, report: Report): void {
  if (typeof value === 'string') checkTemplate(value, at, scope, report);
  else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      checkBody(item, [...at, index], scope, report);
    });
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      if (key.includes('{{')) report([...at, key], 'is a property name; templates stand in values');
      checkBody(member, [...at, key], scope, report);
    }
  }
}

/** Checks a regular expression, if there is one. */
export function checkPattern(pattern: string | undefined, place: Path, report: Report): void {
  const mistake = pattern === undefined ? undefined : patternMistake(pattern);
  if (mistake !== undefined) report(place, mistake);
}

/** Checks what a match compares with. */
export function checkOperand(operand: unknown, place: Path, scope: Scope, report: Report): void {
  if (typeof operand === 'string') checkTemplate(operand, place, scope, report);
  if (!isObject(operand) || typeof operand['jwt'] !== 'string') return;
  const { parts } = parseTemplate(operand['jwt']);
  const [only] = parts;
  if (parts.length !== 1 || typeof only !== 'object' || only.root !== 'secret') {
    report([...place, 'jwt'], 'must name one token, such as "{{secret.wb_token}}"');
  } else checkTemplate(operand['jwt'], [...place, 'jwt'], scope, report);
}

/** Checks the references of one template. */
export function checkTemplate(template: string, place: Path, scope: Scope, report: Report): void {
  const { parts, mistakes } = parseTemplate(template);
  for (const mistake of new Set(mistakes)) report(place, mistake);
  for (const part of parts) {
    if (typeof part === 'string') continue;
    if (scope.unavailable !== undefined) {
      report(place, `refers to {{${part.text}}}; ${scope.unavailable}`);
    } else if (part.root === 'extract') {
      checkExtract(part, place, scope, report);
    }
  }
}

function checkExtract(
  reference: Extract<Reference, { root: 'extract' }>,
  place: Path,
  { steps, before, own }: Scope,
  report: Report,
): void {
  const index = steps.findIndex((step) => step.name === reference.step);
  const step = steps[index];
  const say = (what: string) => {
    report(place, `refers to {{${reference.text}}}, ${what}`);
  };
  if (own?.step === reference.step) {
    if (own.extracts.has(reference.name) || step?.extract === undefined) return;
    const known = Object.hasOwn(step.extract, reference.name);
    say(
      known
        ? 'which this very step leaves only with its answer; use a value known before it (a claim of a token: {"jwt", "claim"})'
        : `but step ${reference.step} does not extract ${reference.name}; add it to its extract`,
    );
  } else if (step === undefined) {
    // A step whose name could not be read may be the one that is meant.
    if (steps.every(({ name }) => name !== undefined)) {
      say('but there is no step of that name in this connector');
    }
  } else if (index >= before) {
    say(`but step ${reference.step} comes later; move it before this one`);
  } else if (step.extract !== undefined && !Object.hasOwn(step.extract, reference.name)) {
    say(`but step ${reference.step} does not extract ${reference.name}; add it to its extract`);
  }
}
