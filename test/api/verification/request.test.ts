import fc from 'fast-check';
import { readQuestion } from '../../../api/verify-request';
import { VerifyRequest } from '../../../src/contracts/verification';
import { normaliseAddress } from '../../../src/platform/client-addresses';

const odd = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1.5, 10_000, 10_001, '', 'x', [], {}, [1], ['a', ''], ['é']),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.array(fc.string(), { maxLength: 60 }),
);
const or = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 8, arbitrary: value }, odd);

/** A UUID with a character changed, of which some are of neither letter nor digit, and with letters of both cases. */
const nearlyUuid = fc
  .tuple(
    fc.uuid(),
    fc.nat({ max: 36 }),
    fc.constantFrom('', '-', '/', ':', '@', 'G', 'g', '`', 'F', 'é'),
  )
  .map(([id, at, letter]) => id.slice(0, at).toUpperCase() + letter + id.slice(at + 1));
const scope = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[\x21-\x7e]{1,20}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a'.repeat(100), 'a'.repeat(101), 'a b', '\x7f', '!', '~'),
  },
);

/** Bodies that are right or nearly so. */
const body = fc
  .record(
    {
      key: or(fc.string({ maxLength: 60 })),
      tenant_id: or(fc.oneof(fc.uuid(), nearlyUuid)),
      product: or(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/)),
      environment: or(fc.constantFrom('live', 'test')),
      scopes: or(fc.array(scope, { maxLength: 52 })),
      ip: or(
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('fe80::1%eth0', '::ffff:1.2.3.4', '[::1]')),
      ),
      cost: or(fc.integer({ min: -1, max: 10_001 })),
      more: fc.constant(1),
      __proto__: fc.constant({ key: 'x' }),
    },
    { requiredKeys: [] },
  )
  .map((fields) => {
    // Most bodies have no unknown field.
    const { more, ...known } = fields;
    return more === undefined ? known : fields;
  });

describe('the body of POST', () => {
  test('is read by hand exactly as its contract says', () => {
    fc.assert(
      fc.property(fc.oneof(body, odd), (value) => {
        const text = JSON.stringify(value);
        const parsed = VerifyRequest.safeParse(JSON.parse(text));
        const read = readQuestion(text);
        expect([text, read !== undefined]).toEqual([text, parsed.success]);
        if (!parsed.success || !read) return;
        const { key, tenant_id, environment, product, scopes, ip, cost } = parsed.data;
        expect(read).toEqual({
          key,
          cost: cost ?? 1,
          ...(tenant_id === undefined ? {} : { tenantId: tenant_id }),
          ...(environment === undefined ? {} : { environment }),
          ...(product === undefined ? {} : { product }),
          ...(scopes === undefined ? {} : { scopes }),
          ...(ip === undefined ? {} : { address: normaliseAddress(ip) }),
        });
      }),
      { numRuns: 3_000 },
    );
  });

  test('that is no JSON object is read as nothing, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        readQuestion(text);
      }),
    );
    for (const text of ['', '{', 'null', '[]', '"key"', '{"key":"a"}}', '\0'])
      expect(readQuestion(text)).toBeUndefined();
  });
});
