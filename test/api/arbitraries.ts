import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

/** A JSON Schema, as far as the OpenAPI document uses it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
}

/** Finds what a reference means. */
export type Follow = (ref: string) => Schema;

/** Text that has broken other systems, and some that is only unusual. */
export const hostileText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    'a\u0000b',
    '\n\r\t',
    '\u001b[31m',
    '\ud800',
    '\ufeff',
    '\u202e',
    '👩‍👩‍👧‍👦',
    'İ',
    "' or 1=1; drop table invites;--",
    '$1',
    '%00',
    '../../etc/passwd',
    '<script>alert(1)</script>',
    '{{secret.wb_token}}',
    '${process.env}',
    '__proto__',
    'constructor',
    'null',
    'NaN',
    '1e999',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999+23:59',
    '00000000-0000-0000-0000-000000000000',
    'a'.repeat(300),
    'ä'.repeat(300),
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

/** Any JSON value, with the ones that break things more often than chance would have them. */
export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}),
  fc.integer(),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(hostileText, { maxLength: 3 }),
  fc.integer({ min: 20, max: 60 }).map(nested),
);

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** Values that a schema describes, near to valid: formats and patterns are kept, other rules may not be. */
export function valid(schema: Schema, follow: Follow): Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valid(follow(schema.$ref), follow);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf && !schema.properties)
    return fc.oneof(...schema.anyOf.map((one) => valid(one, follow)));
  switch (schema.type) {
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return fc.integer({
        min: Math.max(schema.minimum ?? -1000, -(2 ** 31)),
        max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1),
      });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(schema.items ? valid(schema.items, follow) : hostileValue, {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case 'object':
      return settled(schema, (member) => valid(member, follow));
    default:
      return hostileValue;
  }
}

function text({ format, pattern, minLength = 0, maxLength = 60 }: Schema): Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'email') return fc.emailAddress();
  if (format === 'date-time') {
    return fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  // A pattern with control characters says only what free text must not hold.
  if (pattern === undefined || pattern.includes('\\u0000')) {
    return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 60) });
  }
  return fc
    .stringMatching(new RegExp(pattern), { maxLength: Math.min(maxLength, 200) })
    .filter((value) => value.length >= minLength && value.length <= maxLength);
}

function object(
  { properties = {}, required = [] }: Schema,
  of: (schema: Schema) => Arbitrary<unknown>,
): Arbitrary<Record<string, unknown>> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, of(schema)]),
  );
  return fc.record(members, { requiredKeys: [...required] });
}

/** Names of which one has to be there: each list is one choice. */
function choices(schema: Schema): string[][] {
  return [schema, ...(schema.allOf ?? [])].flatMap(({ anyOf, oneOf }) => {
    const names = (oneOf ?? anyOf ?? []).flatMap(({ required = [] }) => required);
    return names.length > 0 ? [names] : [];
  });
}

/** An object that keeps to the choices of its schema as well. */
function settled(schema: Schema, of: (schema: Schema) => Arbitrary<unknown>): Arbitrary<unknown> {
  const lists = choices(schema);
  const required = [...(schema.required ?? []), ...lists.flat()];
  return fc.tuple(object({ ...schema, required }, of), fc.nat()).map(([value, n]) => {
    const surplus = lists.flatMap((names) =>
      names.filter((_, index) => index !== n % names.length),
    );
    const excluded = schema.not?.required?.slice(1) ?? [];
    return Object.fromEntries(
      Object.entries(value).filter(([name]) => !surplus.includes(name) && !excluded.includes(name)),
    );
  });
}

/** Values around a schema: mostly what it describes, with members missing, too many, or of any other kind. */
export function around(schema: Schema, follow: Follow): Arbitrary<unknown> {
  if (schema.$ref !== undefined) return around(follow(schema.$ref), follow);
  const good = valid(schema, follow);
  if (schema.type !== 'object') {
    return fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: hostileValue });
  }
  const bent = object({ ...schema, required: [] }, (member) => around(member, follow));
  const more = fc.dictionary(fc.oneof(hostileText, fc.string()), hostileValue, { maxKeys: 2 });
  return fc.oneof(
    { weight: 5, arbitrary: good },
    { weight: 4, arbitrary: bent },
    { weight: 2, arbitrary: fc.tuple(good, more).map(([a, b]) => ({ ...(a as object), ...b })) },
    { weight: 1, arbitrary: hostileValue },
  );
}
