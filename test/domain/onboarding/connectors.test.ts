import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  describeMistake,
  inspectConnectors,
  loadConnectors,
} from '../../../src/domain/onboarding/connectors';
import { readConnector } from '../../../src/domain/onboarding/connectors-reading';
import { DomainError } from '../../../src/errors/problems';
import { aConnectorFile, mistakesIn, thingsEnv as env } from './connector-files';

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function folder(files: Record<string, unknown>): string {
  const dir = mkdtempSync(join(tmpdir(), 'usher-connectors-'));
  folders.push(dir);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

const blueprints = (more: object = {}) => ({
  blueprints: { default: { connectors: ['things'] } },
  ...more,
});

describe('settings', () => {
  it.each([
    ['ftp://b.example', 'must start with https://'],
    ['b.example', 'must be an address such as'],
    ['https://user:pass@b.example', 'must not hold a user or password; put the key into auth'],
    ['https://b.example/?a=b', 'must not hold ? or #'],
  ])('base_url %p is told: %s', (base_url, message) => {
    expect(mistakesIn(aConnectorFile({ base_url }))).toEqual([expect.stringContaining(message)]);
    const fromEnv = mistakesIn(aConnectorFile({ base_url: { env: 'THINGS_URL' } }), {
      ...env,
      THINGS_URL: base_url,
    });
    expect(fromEnv).toEqual([
      expect.stringContaining(`/base_url comes from THINGS_URL and ${message}`),
    ]);
  });

  it('a key that no header can hold is told, without being shown', () => {
    const [mistake] = mistakesIn(aConnectorFile(), { THINGS_KEY: 'two words' });
    expect(mistake).toContain('/auth/secret comes from THINGS_KEY and must be printable ASCII');
    expect(mistake).not.toContain('two words');
  });

  it('a kind of key without a key is told', () => {
    expect(mistakesIn(aConnectorFile({ auth: { kind: 'bearer' } }))).toEqual([
      expect.stringContaining('/auth/secret is missing; bearer needs one'),
    ]);
    expect(mistakesIn(aConnectorFile({ auth: { kind: 'none' } }))).toEqual([]);
  });

  it('come from the environment where the file says so, else from its default', () => {
    const auth = {
      kind: { env: 'WAY', default: 'bearer' },
      secret: { env: 'THINGS_KEY', default: 'dev' },
    };
    const base_url = { env: 'THINGS_URL', default: 'http://localhost:1/' };
    const read = (variables: object) =>
      readConnector(JSON.stringify(aConnectorFile({ auth, base_url })), { ...variables });
    expect(read({}).connector).toMatchObject({
      baseUrl: 'http://localhost:1',
      auth: { kind: 'bearer', secret: 'dev' },
      unset: [],
    });
    expect(
      read({ WAY: 'none', THINGS_URL: 'https://b.example/api', THINGS_KEY: '' }).connector,
    ).toMatchObject({
      baseUrl: 'https://b.example/api',
      auth: { kind: 'none' },
    });
    expect(read({ WAY: 'x' }).mistakes[0]?.message).toContain('comes from WAY and must be api-key');
  });
});

describe('a folder of connectors', () => {
  it('is loaded with its blueprints: the first fitting selection, else default, and the wanted one before all', () => {
    const dir = folder({
      'things.json': aConnectorFile({ rate_limits: [{ path: '*', calls: 5, window_ms: 1000 }] }),
      'others.json': aConnectorFile({ name: 'others' }),
      'blueprints.json': blueprints({
        blueprints: {
          default: { connectors: ['things'] },
          both: { connectors: ['things', 'others'] },
          none: { connectors: [] },
        },
        select: [
          { plan: 'pro', kind: 'internal', blueprint: 'none' },
          { plan: 'pro', blueprint: 'both' },
        ],
      }),
      'README.md': 'no connector',
    });
    const loaded = loadConnectors({ dir, env });
    expect([...loaded.connectors.keys()]).toEqual(['others', 'things']);
    expect(loaded.blueprints.get('both')?.connectors.map(({ name }) => name)).toEqual([
      'things',
      'others',
    ]);
    expect(loaded.limits).toEqual([
      { connector: 'things', path: '/things', calls: 5, windowMs: 1000 },
    ]);
    expect(loaded.blueprintFor({})).toBe('default');
    expect(loaded.blueprintFor({ plan: 'pro', kind: 'customer' })).toBe('both');
    expect(loaded.blueprintFor({ plan: 'pro', kind: 'internal' })).toBe('none');
    expect(loaded.blueprintFor({ plan: 'pro', kind: 'internal', wanted: 'default' })).toBe(
      'default',
    );
    expect(() => loaded.blueprintFor({ wanted: 'zzz' })).toThrow(DomainError);
  });

  it('makes each connector a blueprint of its own, unless one of that name is declared', () => {
    const dir = folder({
      'things.json': aConnectorFile(),
      'others.json': aConnectorFile({ name: 'others' }),
      'blueprints.json': blueprints({
        blueprints: { default: { connectors: [] }, things: { connectors: ['others', 'things'] } },
      }),
    });
    const loaded = loadConnectors({ dir, env });
    const names = (wanted: string): string[] =>
      loaded.blueprints.get(loaded.blueprintFor({ wanted }))!.connectors.map(({ name }) => name);
    expect([names('others'), names('things')]).toEqual([['others'], ['others', 'things']]);
  });

  it('is told the mistakes of every file at once, each with its file', () => {
    const dir = folder({
      'a.json': aConnectorFile({ name: 'a', steps: [] }),
      'b.json': '{',
      'c.json': aConnectorFile(),
      'd.json': aConnectorFile(),
      'blueprints.json': blueprints({
        blueprints: { extra: { connectors: ['a', 'things', 'things', 'zzz'] } },
        select: [{ plan: 'x', blueprint: 'nope' }, { blueprint: 'extra' }],
      }),
    });
    const { mistakes, connectors } = inspectConnectors({ dir, env });
    expect(connectors).toBeUndefined();
    expect(mistakes.map(describeMistake)).toEqual([
      '  a.json /steps: must have at least 1 entry',
      expect.stringMatching(/^ {2}b\.json \(whole file\): is no valid JSON/),
      '  d.json /name: is also the name in c.json; rename one',
      '  blueprints.json /select/1: must have plan, kind or both',
    ]);
    expect(() => loadConnectors({ dir, env })).toThrow(
      /^The connectors are not valid:\n {2}a\.json/,
    );
  });

  it('is told of blueprints that lead nowhere', () => {
    const dir = folder({
      'things.json': aConnectorFile(),
      'blueprints.json': {
        blueprints: { extra: { connectors: ['things', 'things', 'zzz'] } },
        select: [{ plan: 'x', blueprint: 'nope' }],
      },
    });
    expect(inspectConnectors({ dir, env }).mistakes.map(({ pointer }) => pointer)).toEqual([
      '/blueprints/default',
      '/select/0/blueprint',
      '/blueprints/extra/connectors/1',
      '/blueprints/extra/connectors/2',
    ]);
  });

  it('does not boot while a selected blueprint lacks variables, and names them', () => {
    const dir = folder({ 'things.json': aConnectorFile(), 'blueprints.json': blueprints() });
    expect(() => loadConnectors({ dir, env: { THINGS_KEY: '' } })).toThrow(
      'blueprints.json /blueprints/default/connectors/0: names things, which lacks environment variables; set THINGS_KEY',
    );
  });

  it('boots while only a wanted blueprint lacks variables; an invite that wants it is refused with their names', () => {
    const dir = folder({
      'things.json': aConnectorFile(),
      'blueprints.json': {
        blueprints: { default: { connectors: [] }, extra: { connectors: ['things'] } },
      },
    });
    const loaded = loadConnectors({ dir, env: {} });
    expect(() => loaded.blueprintFor({ wanted: 'extra' })).toThrow(/THINGS_KEY/);
  });

  it('that does not exist or lacks blueprints.json is told what to do', () => {
    const missing = inspectConnectors({ dir: '/nowhere/at/all', env }).mistakes.map(
      describeMistake,
    );
    expect(missing[0]).toContain('set CONNECTORS_DIR');
    const bare = inspectConnectors({ dir: folder({ 'things.json': aConnectorFile() }), env });
    expect(bare.mistakes.map(describeMistake)).toEqual([
      expect.stringMatching(/^ {2}blueprints\.json \(whole file\): is missing in /),
    ]);
  });
});
