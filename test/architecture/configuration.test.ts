import { variables } from '../../src/platform/config';
import type { Variable } from '../../src/platform/config';
import { occurrences, read, sources } from './tree';

const known = Object.entries<Variable>(variables);
const example = new Map(
  [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value],
  ),
);

describe('.env.example', () => {
  test('names every variable that Usher reads, and no other', () => {
    expect([...example.keys()].sort()).toEqual(known.map(([name]) => name).sort());
  });

  test('shows every default as it is, and no secret', () => {
    const expected = known.map(([name, { default: value = '' }]) => [name, value]);
    expect(Object.fromEntries(example)).toEqual(Object.fromEntries(expected));
  });
});

describe('the environment', () => {
  test('is read by the configuration and by the commands, nowhere else', () => {
    const code = sources('api', 'workflows', 'activities', 'src').filter(
      (path) => !/^src\/(main|servers)\//.test(path) && path !== 'src/platform/config.ts',
    );
    expect(occurrences(code, /\bprocess\.env\b/)).toEqual([]);
  });
});
