import { read, sources } from '../architecture/tree';

const [, section = ''] = /^### Events\n(.*?)^### /ms.exec(read('docs/API-DESIGN.md')) ?? [];
const [, list = ''] = /^Types: (.*?)\n\n/ms.exec(section) ?? [];
const documented = [...list.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => spelled(name));

/** `a.{b,c}.v1` as `a.b.v1` and `a.c.v1`. */
function spelled(name: string): string[] {
  const [, before = '', parts = '', after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
  return parts === '' ? [name] : parts.split(',').map((part) => `${before}${part}${after}`);
}

// Types in quotes, and those that are put together, such as `onboarding.${to}.v1`.
const written = sources('src/domain', 'activities', 'workflows').flatMap((path) =>
  [
    ...read(path).matchAll(
      /['`]((?:[a-z_]+|\$\{[^}]+\})(?:\.(?:[a-z_]+|\$\{[^}]+\}))+\.v\d+)['`]/g,
    ),
  ].map(([, type = '']) => type),
);
const whole = [...new Set(written.filter((type) => !type.includes('$')))];
const patterns = written.map(
  (type) =>
    new RegExp(`^${type.replaceAll('.', String.raw`\.`).replaceAll(/\$\{[^}]+\}/g, '[a-z_]+')}$`),
);

describe('the list of events', () => {
  test('names every type that is written out in the source', () => {
    expect(whole.length).toBeGreaterThan(15);
    expect(whole.filter((type) => !documented.includes(type))).toEqual([]);
  });

  test('names some of each that are put together there, and none that nothing emits', () => {
    const unnamed = patterns.filter((pattern) => !documented.some((type) => pattern.test(type)));
    expect(unnamed).toEqual([]);
    const invented = documented.filter((type) => !patterns.some((pattern) => pattern.test(type)));
    expect(invented).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
  });

  test('names the events of API keys, all of them and no other', () => {
    const ofKeys = (types: readonly string[]) => types.filter((type) => type.includes('apikey'));
    expect(ofKeys(documented).sort()).toEqual(ofKeys(whole).sort());
  });

  test('tells the data of none that it does not name', () => {
    const rows = [...section.matchAll(/^\| `([^`]+)` /gm)].map(([, type = '']) => type);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((type) => !documented.includes(type))).toEqual([]);
  });
});
