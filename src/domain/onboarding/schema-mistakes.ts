import type { z } from 'zod';
import type { Mistake } from './connectors-validation.rules';
import { isObject, pointerOf, valueAt } from './connectors-values.rules';

type Issue = z.core.$ZodIssue;

/** The issues of a schema as mistakes of the file: one per place, each saying what to do. */
export function schemaMistakes(issues: readonly Issue[], document: unknown): Mistake[] {
  return issues.flatMap((issue) => told(issue, [], document));
}

function told(issue: Issue, above: readonly PropertyKey[], document: unknown): Mistake[] {
  const path = [...above, ...issue.path];
  const pointer = pointerOf(path);
  const value = valueAt(document, pointer);
  const at = (message: string): Mistake[] => [{ pointer, message }];
  if (value === undefined && issue.code !== 'custom') return at(`is missing; add ${wanted(issue)}`);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        pointer: pointerOf([...path, key]),
        message: 'is not known here; remove it or correct its name',
      }));
    case 'invalid_union':
      return toldUnion(issue, path, document);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ pointer, message: `as a name ${inner.message}` }));
    case 'invalid_type':
    case 'invalid_value':
      return at(`must be ${wanted(issue)}, not ${nameOf(value)}`);
    case 'too_small':
      return at(`must ${size(issue.origin, 'least', Number(issue.minimum))}`);
    case 'too_big':
      return at(`must ${size(issue.origin, 'most', Number(issue.maximum))}`);
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
      return at(issue.message);
  }
}

// Only the branch that was meant is worth telling: the one whose own type fits.
function toldUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: readonly PropertyKey[],
  document: unknown,
): Mistake[] {
  const meant = issue.errors.filter(
    (branch) =>
      !branch.some(
        ({ code, path: within }) =>
          within.length === 0 && (code === 'invalid_type' || code === 'invalid_value'),
      ),
  );
  const [branch] = meant;
  if (branch && meant.length === 1) {
    return branch.flatMap((inner) => told(inner, path, document));
  }
  const choices = issue.errors.flatMap((inner) => inner.map(wanted));
  const value = valueAt(document, pointerOf(path));
  const message = `must be ${[...new Set(choices)].join(' or ')}, not ${nameOf(value)}`;
  return [{ pointer: pointerOf(path), message }];
}

const articles: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  null: 'null',
};

function wanted(issue: Issue): string {
  if (issue.code === 'invalid_type') return articles[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => JSON.stringify(value));
    return values.length === 1 ? values.join('') : `one of ${values.join(', ')}`;
  }
  if (issue.code === 'invalid_union') {
    return [...new Set(issue.errors.flatMap((branch) => branch.map(wanted)))].join(' or ');
  }
  return 'it';
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function size(origin: string, bound: 'least' | 'most', n: number): string {
  if (origin === 'string') return `have at ${bound} ${n} ${n === 1 ? 'character' : 'characters'}`;
  if (origin === 'array') return `have at ${bound} ${n} ${n === 1 ? 'entry' : 'entries'}`;
  return `be at ${bound} ${n}`;
}
