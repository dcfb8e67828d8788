import fc from 'fast-check';
import { canonical } from '../../../src/domain/audit/canonical.rules';
import type { JsonValue } from '../../../src/domain/audit/canonical.rules';

describe('canonical JSON', () => {
  test('writes the example of RFC 8785, section 3.2.2, as its section 3.2.3 does', () => {
    const example = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonical(example)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('sorts members by UTF-16 code units, as the RFC’s own vector shows', () => {
    const vector = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect(Object.values(JSON.parse(canonical(vector)) as object)).toEqual([
      'One',
      'Carriage Return',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  test('means the same after it was read back, and is its own canonical form', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonical(value);
        const back = JSON.parse(text) as JsonValue;
        expect(canonical(back)).toBe(text);
        expect(back).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('leaves out what is undefined, and makes text that no UTF-8 can hold storable', () => {
    expect(canonical({ b: undefined, a: '\ud800x\udc00', c: '😀' })).toBe(
      '{"a":"\ufffdx\ufffd","c":"😀"}',
    );
    expect(() => canonical(Number.NaN)).toThrow(RangeError);
  });
});
