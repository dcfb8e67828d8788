import { problems } from '../../src/errors/problems';
import type { ProblemDefinition } from '../../src/errors/problems';
import { problemsDocument } from '../../src/main/generate-problems-doc';
import { read } from './tree';

describe('the catalogue of problems', () => {
  test('is what docs/problems.md says; else: npm run problems:doc', () => {
    expect(read('docs/problems.md')).toBe(problemsDocument());
  });

  test('has a code, an error status, a title and a next step for each', () => {
    const odd = Object.entries<ProblemDefinition>(problems)
      .filter(
        ([code, { status, title, next }]) =>
          !(
            /^[a-z]+(-[a-z0-9]+)*$/.test(code) &&
            status >= 400 &&
            status < 600 &&
            /^[A-Z].*[^.]$/.test(title) &&
            /^[A-Z][\s\S]*\.$/.test(next)
          ),
      )
      .map(([code]) => code);
    expect(odd).toEqual([]);
  });
});
