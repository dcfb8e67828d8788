import { endpoints } from '../../src/contracts/endpoints';
import { permissions } from '../../src/domain/identity/roles.rules';
import { problems } from '../../src/errors/problems';
import { read, sources } from './tree';

/** What a check says of the endpoints that it does not hold for. */
const offenders = (says: (endpoint: (typeof endpoints)[number]) => string | false): string[] =>
  endpoints.flatMap((endpoint) => {
    const what = says(endpoint);
    return what === false ? [] : [`${endpoint.operationId}: ${what}`];
  });

const repeated = (names: readonly string[]): string[] =>
  names.filter((name, index) => names.indexOf(name) !== index);

describe('every endpoint', () => {
  test('is there once, by its name and by its place', () => {
    const places = endpoints.map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{[^}]+\}/g, '{}')}`,
    );
    expect(repeated(endpoints.map(({ operationId }) => operationId))).toEqual([]);
    expect(repeated(places)).toEqual([]);
  });

  test('says who may call it: a permission that roles can have, or one of the open ways', () => {
    const known = new Set<string>([...permissions, 'public', 'signed-in', 'holder']);
    expect(offenders(({ access }) => !known.has(access) && access)).toEqual([]);
  });

  test('has a handler', () => {
    const routes = sources('api').map(read).join('\n');
    expect(
      offenders(({ operationId }) => !new RegExp(`\\b${operationId}\\b`).test(routes) && 'none'),
    ).toEqual([]);
  });

  test('names only problems of the catalogue', () => {
    expect(
      offenders(({ problems: listed }) => listed.find((code) => !(code in problems)) ?? false),
    ).toEqual([]);
  });

  test('describes exactly the parameters of its path', () => {
    expect(
      offenders(({ path, params }) => {
        const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name).sort();
        const described = Object.keys(params?.shape ?? {}).sort();
        return inPath.join() !== described.join() && `${inPath.join()} / ${described.join()}`;
      }),
    ).toEqual([]);
  });

  test('of the onboarding surface that takes an Idempotency-Key takes it in its body, too', () => {
    expect(
      offenders(({ path, idempotent, body }) => {
        if (!idempotent || !path.startsWith('/onboarding/')) return false;
        const mistakes = body?.safeParse({ idempotency_key: 1 }).error?.issues ?? [];
        return !mistakes.some(({ path: at }) => at[0] === 'idempotency_key') && 'lacks it';
      }),
    ).toEqual([]);
  });

  test('is named like the deed that it does, says it in a sentence, and answers something', () => {
    expect(
      offenders(
        ({ operationId, summary, responses }) =>
          !(
            /^[a-z][A-Za-z0-9]+$/.test(operationId) &&
            /^[A-Z]/.test(summary) &&
            Object.keys(responses).length > 0
          ) && summary,
      ),
    ).toEqual([]);
  });
});
