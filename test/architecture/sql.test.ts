import { occurrences, read, sources } from './tree';

const tables = new Set(
  sources('migrations').flatMap((path) =>
    [...read(path).matchAll(/\bcreate\s+table\s+(?:if not exists\s+)?(?:public\.)?(\w+)/g)].map(
      ([, name]) => name ?? '',
    ),
  ),
);
const code = sources('api', 'workflows', 'activities', 'src');
const writes = [
  /\binsert\s+into\s+(?:public\.)?(\w+)/g,
  /\bupdate\s+(?:only\s+)?(?:public\.)?(\w+)(?:\s+(?:as\s+)?\w+)?\s+set\b/g,
  /\bdelete\s+from\s+(?:only\s+)?(?:public\.)?(\w+)/g,
  /\bmerge\s+into\s+(?:public\.)?(\w+)/g,
];

/** Files that write each table, by table. */
const writers = new Map<string, Set<string>>();
for (const path of code) {
  const text = read(path);
  for (const [, name = ''] of writes.flatMap((pattern) => [...text.matchAll(pattern)])) {
    if (tables.has(name)) writers.set(name, (writers.get(name) ?? new Set()).add(path));
  }
}

describe('the database', () => {
  test('has each table written by one file only', () => {
    const shared = [...writers]
      .filter(([, files]) => files.size > 1)
      .map(([table, files]) => `${table}: ${[...files].join(', ')}`);
    expect(shared).toEqual([]);
  });

  test('is written by domains and the platform only', () => {
    const strangers = [...writers].flatMap(([table, files]) =>
      [...files]
        .filter((path) => !/^src\/(domain|platform)\//.test(path))
        .map((path) => `${path} writes ${table}`),
    );
    expect(strangers).toEqual([]);
  });

  test('is asked in lower case, for the columns that are needed', () => {
    expect(
      occurrences([...code, ...sources('migrations')], /\b(select|returning)\s+(\w+\.)?\*/i),
    ).toEqual([]);
    expect(
      occurrences(code, /\b(SELECT\s.*\sFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b/),
    ).toEqual([]);
  });

  test('locks rows so that the check of a foreign key never waits for them', () => {
    // A row that is claimed with `skip locked` makes nobody wait.
    const locks = /(?<!no key )\bfor update\b(?! (of \w+ )?skip locked)/;
    expect(occurrences(code, locks)).toEqual([]);
  });

  test('is not spoken to by routes', () => {
    expect(
      occurrences(
        sources('api'),
        /['"`]\s*(select|insert into|update|delete from|with)\s+\w+.*\b(from|set|values)\b/,
      ),
    ).toEqual([]);
  });
});
