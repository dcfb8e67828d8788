import { commandLineVariables } from '../../src/main/cli/environment';
import { variables } from '../../src/platform/config';
import type { Variable } from '../../src/platform/config';
import { occurrences, read, sources } from './tree';

const known = Object.entries<Variable>({ ...variables, ...commandLineVariables });
const lines = [...read('.env.example').matchAll(/^# (.*)\n#? ?([A-Z][A-Z0-9_]+)=(.*)$/gm)];
const example = new Map(lines.map(([, , name = '', value = '']) => [name, value]));

describe('.env.example', () => {
  test('names every variable that Usher reads, and no other', () => {
    expect([...example.keys()].sort()).toEqual(known.map(([name]) => name).sort());
  });

  test('shows every default as it is, and no secret', () => {
    const expected = known.map(([name, { default: value = '' }]) => [name, value]);
    expect(Object.fromEntries(example)).toEqual(Object.fromEntries(expected));
  });

  test('explains each in the words of the configuration', () => {
    const told = lines.map(([, about = '', name = '']) => [name, about]);
    const expected = known.map(([name, { description, secret, only }]) => {
      const notes = [...(secret ? ['secret'] : []), ...(only ? [`only: ${only.join(', ')}`] : [])];
      return [name, notes.length > 0 ? `${description} (${notes.join('; ')})` : description];
    });
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
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
