import fc from 'fast-check';

/** A JSON Schema, as far as the API's document uses it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What values are drawn from. */
export interface World {
  readonly components: Readonly<Record<string, Schema>>;
  /** What exists, by the name of the member or parameter that takes it; `id` for all others with that form. */
  readonly known: Readonly<Record<string, readonly string[]>>;
  /** Whether a part is here and there replaced, left out or added that should not be. */
  readonly mischief: boolean;
}

const deep = (levels: number): unknown => {
  let value: unknown = {};
  for (let n = 0; n < levels; n += 1) value = n % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Text that has broken software before. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\udfff\ud800',
    '\ufeff',
    '\u202e\u2066',
    'I\u0307ﬀ\u00df',
    '🏴‍☠️'.repeat(20),
    'e\u0301'.repeat(300),
    "' or 1=1; --",
    '%s%n%x',
    '%00',
    '{{secret.wb_token}}',
    '<script>alert(1)</script>',
    '../../../../etc/passwd',
    'null',
    'undefined',
    '-1',
    '9'.repeat(400),
    '0x7f',
    '2026-02-30T25:61:61Z',
    '+275760-09-13T00:00:00.001Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
    '00000000-0000-0000-0000-000000000000',
    'x'.repeat(20_000),
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
);

const odd: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    1e308,
    [],
    [[]],
    {},
    { length: -1 },
    { toString: null },
    deep(20),
    deep(3_000),
    Array.from({ length: 2_000 }, (_, n) => n),
    Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`member_${String(n)}`, n])),
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

const oddName = fc.constantFrom(
  'admin',
  '__proto__x',
  'constructor',
  'toString',
  'a/b~c',
  '',
  '\u0000',
  '\ud800',
  'success',
);

/** Values that a schema allows, with a share of mischief in them when the world wants it. */
export function valuesOf(world: World, schema: Schema, name = ''): fc.Arbitrary<unknown> {
  const good = fitting(world, schema, name);
  return world.mischief
    ? fc.oneof({ weight: 14, arbitrary: good }, { weight: 1, arbitrary: odd })
    : good;
}

function fitting(world: World, schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const target = world.components[schema.$ref.split('/').at(-1) ?? ''];
    if (!target) throw new Error(`The document has no ${schema.$ref}`);
    return valuesOf(world, target, name);
  }
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.properties) return objects(world, schema);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => valuesOf(world, choice, name)));
  switch (schema.type) {
    case 'object':
      return objects(world, schema);
    case 'array':
      return fc.array(valuesOf(world, schema.items ?? {}, name), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 4, 4)),
      });
    case 'string':
      return strings(world, schema, name);
    case 'integer':
      return integers(schema);
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 1 });
  }
}

function objects(world: World, schema: Schema): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, part]) => [
      name,
      valuesOf(world, part, name),
    ]),
  );
  const whole = fc.tuple(...alternatives(schema)).chain((alternative) => {
    const required = [...(schema.required ?? []), ...alternative.flat()];
    const optional = Object.keys(members).filter((name) => !required.includes(name));
    // Few at a time: some exclude each other.
    return fc
      .subarray(optional, { maxLength: Math.min(optional.length, 2) })
      .chain((chosen) =>
        fc.record(
          Object.fromEntries([...required, ...chosen].map((name) => [name, members[name]!])),
        ),
      );
  });
  if (!world.mischief) return whole;
  return fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 1, arbitrary: fc.record(members, { requiredKeys: [] }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(whole, oddName, odd)
        .map(([value, extra, what]) => ({ ...value, [extra]: what })),
    },
  );
}

/** The members that one of several alternatives asks for, for each place where there are several. */
function alternatives(schema: Schema): fc.Arbitrary<readonly string[]>[] {
  const own = [schema.anyOf, schema.oneOf].filter((branches) => branches !== undefined);
  return [
    ...own.map((branches) => fc.constantFrom(...branches.map(({ required }) => required ?? []))),
    ...(schema.allOf ?? []).flatMap(alternatives),
  ];
}

// Most are small, some beyond what four bytes hold.
function integers({ minimum = -1000, maximum = 1000 }: Schema): fc.Arbitrary<number> {
  const whole = fc.integer({ min: minimum, max: maximum });
  const small = fc.integer({ min: Math.max(minimum, -1000), max: Math.min(maximum, 1000) });
  return maximum < 1000 || minimum > 1000
    ? whole
    : fc.oneof({ weight: 3, arbitrary: small }, { weight: 1, arbitrary: whole });
}

// RFC 3339 knows every offset of less than a day, and any number of digits behind the second.
const times: fc.Arbitrary<string> = fc
  .tuple(
    fc.date({
      min: new Date('0000-01-02'),
      max: new Date('9999-12-30T23:59:59Z'),
      noInvalidDate: true,
    }),
    fc.constantFrom('Z', 'Z', '+00:00', '-00:00', '+05:30', '-12:00', '+16:00', '-23:59', '+23:59'),
    fc.constantFrom('', '000', '123456'),
  )
  .map(([date, offset, digits]) => date.toISOString().replace('Z', `${digits}${offset}`));

// The first has a year that RFC 3339 knows and Postgres does not.
const days = fc.constantFrom('0000-01-01', '0001-01-01', '2024-02-29', '2026-12-04', '9999-12-31');

function strings(world: World, schema: Schema, name: string): fc.Arbitrary<string> {
  const { known } = world;
  const existing = known[name] ?? (schema.format === 'uuid' ? known['id'] : undefined);
  const fresh = freshStrings(schema);
  return existing && existing.length > 0
    ? fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...existing) },
        { weight: 2, arbitrary: fresh },
      )
    : fresh;
}

function freshStrings(schema: Schema): fc.Arbitrary<string> {
  const { format, pattern, minLength = 0, maxLength = 60 } = schema;
  if (format === 'uuid') return fc.uuid();
  if (format === 'email') {
    return fc.stringMatching(/^[a-z0-9]{1,12}@[a-z]{1,10}\.example$/);
  }
  if (format === 'date-time') return times;
  if (format === 'date') return days;
  const most = Math.max(minLength, Math.min(maxLength, 60));
  if (pattern !== undefined && !pattern.includes('(?=') && !pattern.startsWith('^[^')) {
    return fc
      .stringMatching(new RegExp(pattern))
      .map((text) => text.slice(0, Math.max(minLength, Math.min(maxLength, 200))));
  }
  const length = { minLength: Math.min(minLength, most), maxLength: most };
  const whole = fc.string({ unit: 'grapheme', ...length });
  // JSON has an escape for half a surrogate pair, UTF-8 has nothing.
  const halved = fc.string({ unit: fc.constantFrom('a', '\ud800', '\udfff'), ...length });
  return fc.oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: halved });
}
