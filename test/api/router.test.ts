import type { PoolClient } from 'pg';
import { statementsOf } from '../../src/platform/statements';
import { invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { machine } from './people';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

/** Runs work and returns the statements that the application sent to Postgres meanwhile, without begin and commit. */
async function statements(work: () => Promise<unknown>): Promise<string[]> {
  const { pool } = app.deps.db;
  const spies: jest.SpyInstance[] = [];
  const watch = (client: PoolClient): void => {
    const sent = statementsOf(client);
    if (jest.isMockFunction(sent.ask)) return;
    spies.push(jest.spyOn(sent, 'ask'), jest.spyOn(client, 'query'));
  };
  pool.on('acquire', watch);
  await work();
  pool.off('acquire', watch);
  // What leaves together is an object to the client, and was seen when it was asked for.
  const seen = spies
    .flatMap((spy) => spy.mock.calls.map(([first]) => first as unknown))
    .filter((sql): sql is string => typeof sql === 'string');
  for (const spy of spies) spy.mockRestore();
  return seen.filter((sql) => !/^(begin|commit|rollback|select set_config)/.test(sql));
}

describe('a request with a service key', () => {
  test('costs one query to find out who sent it', async () => {
    const { key } = await machine(app, ['events:read']);
    // The first request in a minute notes that the key is in use.
    await app.call('GET', '/onboarding/invites', { key });
    const seen = await statements(() => app.call('GET', '/onboarding/invites', { key }));
    expect(seen.filter((sql) => !sql.includes('audit_pending'))).toEqual([
      expect.stringContaining('from service_accounts'),
    ]);
  });

  test('that reads a list costs two: who, and what', async () => {
    const { key } = await machine(app, ['invites:read']);
    await app.call('GET', '/onboarding/invites', { key });
    expect(await statements(() => app.call('GET', '/onboarding/invites', { key }))).toHaveLength(2);
  });
});

describe('a request without a credential', () => {
  test('costs no query to be refused, nor do unknown paths and methods', async () => {
    const seen = await statements(async () => {
      await app.call('GET', '/onboarding/invites', { anonymous: true });
      await app.call('GET', '/nothing', { anonymous: true });
      await app.call('DELETE', '/onboarding/invites', { anonymous: true });
      await app.call('POST', '/onboarding/invites/x/preview', { anonymous: true });
    });
    expect(seen).toEqual([]);
  });
});

describe('the document', () => {
  test('is made once, when the app is built', async () => {
    const [one, two] = await Promise.all([
      fetch(`${app.url}/openapi.json`),
      fetch(`${app.url}/openapi.json`),
    ]);
    expect(one.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await one.text()).toBe(await two.text());
  });
});

describe('schemas', () => {
  test('are compiled once: no later request of an endpoint makes code', async () => {
    await invite(app);
    const made = jest.spyOn(globalThis, 'Function');
    await invite(app);
    await app.call('GET', '/onboarding/invites?limit=3');
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });
});
