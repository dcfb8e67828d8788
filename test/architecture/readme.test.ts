import { dirname, join, normalize } from 'node:path';
import { exists, filesIn, read } from './tree';

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...filesIn('docs').filter((path) => path.endsWith('.md')),
];

/** Files and folders that a page names in backticks: with a slash, or as a file at the top. */
function namedPaths(text: string): string[] {
  return [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, name = '']) => name)
    .filter((name) => /^\.?[\w-]+\/[\w./-]*$|^\.?[\w-]+\.(md|json|yml|mjs|cjs|ts)$/.test(name))
    .filter((name) => !/^(dist|node_modules|\.usher)\//.test(name));
}

const links = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^(https?:|mailto:|\/)/.test(target));

describe('the README', () => {
  test('has at most 150 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });

  test('names only files and folders that are there', () => {
    expect(namedPaths(read('README.md')).filter((path) => !exists(path))).toEqual([]);
  });
});

describe.each(pages)('%s', (page) => {
  test('names only commands that are there', () => {
    const text = read(page);
    const npm = [
      ...text.matchAll(/\bnpm (?:run )?((?:[a-z]+:)[a-z0-9:]+(?:-[a-z0-9]+)*|(?<=run )[a-z]+)/g),
    ].map(([, name = '']) => name);
    const bin = [...text.matchAll(/(?<![\w/])bin\/[a-z]+/g)].map(([name]) => name);
    expect(npm.filter((name) => !(name in scripts))).toEqual([]);
    expect(bin.filter((path) => !exists(path))).toEqual([]);
  });

  test('links only to pages that are there', () => {
    const broken = links(read(page)).filter(
      (target) => !exists(normalize(join(dirname(page), target))),
    );
    expect(broken).toEqual([]);
  });
});

describe('package.json', () => {
  test('has scripts whose programs are there', () => {
    const missing = Object.entries(scripts).flatMap(([name, command]) =>
      [...command.matchAll(/(?<![\w/])((?:bin|dist|test|bench)\/[\w./-]+)/g)]
        .map(([, program = '']) => program.replace(/^dist\/(.*)\.js$/, '$1.ts'))
        .filter((program) => !exists(program))
        .map((program) => `${name}: ${program}`),
    );
    expect(missing).toEqual([]);
  });
});
