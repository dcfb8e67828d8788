import { endpoints } from '../../src/contracts/endpoints';
import type { EndpointContract } from '../../src/contracts/http';
import { startIssuer } from '../support/oidc-issuer';
import type { TestIssuer } from '../support/oidc-issuer';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { sql } from '../api/rows';
import { connectorFolder, stepOf } from '../workflows/connector-folder';
import { openRows } from '../workflows/rows';
import type { Rows } from '../workflows/rows';
import { ownActions } from '../../src/domain/audit/actions.rules';
import { startEmbeddedStore } from '../support/embedded-store';
import type { EmbeddedStore } from '../support/embedded-store';
import { backendControl } from '../workflows/backend-control';
import { activityStops } from './activity-stops';
import { stepCourses } from './step-courses';
import { auditStops } from './audit-stops';
import { identityStops } from './identity-stops';
import { cliStops } from './cli-stops';
import { keyStops } from './key-stops';
import { onboardingStops } from './onboarding-stops';
import { newGuest, pageForms, pageStops } from './page-stops';
import { registryStops } from './registry-stops';
import type { Stop, WalkRequest } from './stops';
import { worldOf } from './world';
import type { World } from './world';
import { watchWrites } from './writes';
import type { WriteWatch } from './writes';

jest.setTimeout(30_000);

/** Actions that the log told in any part of the walk. */
const everTold = new Set<string>();

const actionsOf = async (app: TestApp): Promise<string[]> => {
  const entries = await sql<{ action: string }>(app, 'select distinct action from audit_trail');
  return entries.map(({ action }) => action);
};

const idOf = (headers: Headers): string | null => headers.get('x-request-id');

const stops: Readonly<Record<string, Stop>> = {
  ...identityStops,
  ...onboardingStops,
  ...registryStops,
  ...keyStops,
  ...auditStops,
};

describe('whoever changes something over HTTP', () => {
  let app: TestApp;
  let issuer: TestIssuer;
  let rows: Rows;
  let world: World;
  let watch: WriteWatch;

  beforeAll(async () => {
    issuer = await startIssuer();
    app = await startTestApp({
      worker: false,
      env: { OIDC_ISSUERS: JSON.stringify([issuer.entry()]) },
    });
    issuer.person = { sub: 'walker', groups: ['ops'], email: 'walker@corp.example' };
    app.startSequencer();
    rows = await openRows(app);
    world = worldOf(app, rows);
    await waitFor(
      'The first checkpoint',
      () => app.call('GET', '/audit/checkpoint/latest'),
      ({ status }) => status === 200,
    );
    watch = await watchWrites(app);
  }, 120_000);
  afterAll(async () => {
    for (const action of await actionsOf(app)) everTold.add(action);
    await watch.stop();
    await rows.close();
    await app.stop();
    await issuer.stop();
  });

  const told = async (requestId: string | null): Promise<string[]> => {
    const entries = await sql<{ action: string }>(
      app,
      'select action from audit_trail where request_id = $1 order by seq',
      [requestId],
    );
    return entries.map(({ action }) => action);
  };

  const send = (contract: EndpointContract, request: WalkRequest): Promise<TestAnswer> => {
    const { params = {}, query = {}, form, headers, tellsOf: _, ...rest } = request;
    const path = contract.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
      encodeURIComponent(params[name] ?? ''),
    );
    const asked = new URLSearchParams(query).toString();
    return app.call(contract.method.toUpperCase(), asked === '' ? path : `${path}?${asked}`, {
      ...rest,
      ...(form === undefined ? {} : { body: new URLSearchParams(form).toString() }),
      headers: {
        ...headers,
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
    });
  };

  // Stops move it about, and invites are held where it is not open to all.
  afterEach(() => rows.query(`update rollout set stage = '100', frozen_at = null`));

  test('every endpoint of the router’s table is on the walk', () => {
    const walked = Object.keys(stops).map((name) => name.split(' ')[0]);
    expect([...new Set(walked)].sort()).toEqual(
      endpoints.map(({ operationId }) => operationId).sort(),
    );
  });

  test.each(Object.entries(stops))(
    '%s tells the log what it has to, in its own transaction',
    async (name, stop) => {
      const contract = endpoints.find(({ operationId }) => operationId === name.split(' ')[0]);
      if (!contract) throw new Error(`There is no endpoint ${name}`);
      const request = await stop.by(world);
      await watch.silent();
      const before = await watch.changes();
      const answer = await send(contract, request);
      const tells = 'tells' in stop ? stop.tells : [];
      const refused = 'tells' in stop ? stop.refused : undefined;
      if (refused === undefined)
        expect(Object.keys(contract.responses)).toContain(`${answer.status}`);
      expect([answer.status, answer.body]).toEqual([
        refused ?? (answer.status < 400 ? answer.status : 'a success'),
        answer.body,
      ]);
      const asked = request.tellsOf ?? idOf(answer.headers);
      // Who was refused is told when they have their answer already.
      if (refused !== undefined)
        await waitFor(
          'What the log tells',
          () => told(asked),
          (actions) => actions.length >= tells.length,
        );
      expect(await told(asked)).toEqual(tells);
      expect(await watch.silent()).toEqual([]);
      if ('silent' in stop) expect(await watch.changes()).toBe(before);
    },
  );

  test('every form of a page is on the walk', () => {
    const forms = Object.keys(pageStops).map((name) => name.split(' ').slice(0, 2).join(' '));
    expect([...new Set(forms)].sort()).toEqual(pageForms(app).sort());
  });

  test.each(Object.keys(pageStops))('the form %s tells the log as the API does', async (name) => {
    const stop = pageStops[name];
    const send = await stop!.open(world, newGuest(app));
    await watch.silent();
    const answer = await send();
    expect([200, 303]).toContain(answer.status);
    expect(await told(idOf(answer.headers))).toEqual(stop!.tells);
    expect(await watch.silent()).toEqual([]);
  });

  test.each(Object.entries(cliStops))('%s tells the log', async (_name, stop) => {
    await watch.silent();
    await stop.by(world);
    const entries = await sql(app, 'select 1 from audit_trail where action = $1', [stop.tells]);
    expect(entries).toHaveLength(1);
    expect(await watch.silent()).toEqual([]);
  });
});

describe('whatever a workflow does', () => {
  // A backend that cannot take a token back: what it did is left there and marked.
  const connectors = connectorFolder((sample) => {
    stepOf(sample, 'add-token').compensate = 'none';
  });
  /** Collected on the way: what is archived is not in the log any more. */
  const told = new Set<string>();
  let store: EmbeddedStore;
  let app: TestApp;
  let rows: Rows;
  let watch: WriteWatch;

  beforeAll(async () => {
    store = await startEmbeddedStore();
    app = await startTestApp({
      env: {
        RETRY_SECONDS: '0.2,0.2',
        LOG_LEVEL: 'debug',
        CONNECTORS_DIR: connectors.path,
      },
      archive: { store: store.settings },
    });
    rows = await openRows(app);
    watch = await watchWrites(app);
  }, 120_000);
  afterAll(async () => {
    for (const action of told) everTold.add(action);
    await watch.stop();
    await rows.close();
    await app.stop();
    await store.stop();
    connectors.remove();
  });

  test.each(Object.keys(stepCourses))(
    '%s: no transaction changes anything in silence',
    async (name) => {
      const backend = backendControl(app.backend.url);
      await stepCourses[name]!({ app, rows, backend });
      await backend.faults();
      for (const action of await actionsOf(app)) told.add(action);
      expect(await watch.silent()).toEqual([]);
    },
    90_000,
  );

  test('every activity was needed for that, and told what it has to', async () => {
    const ran = new Set(
      app.logs.flatMap((line) => /"activity\.type":"(\w+)"/.exec(line)?.slice(1) ?? []),
    );
    expect([...ran].sort()).toEqual(Object.keys(activityStops).sort());
    const wanted = Object.values(activityStops).flatMap((stop) =>
      'tells' in stop ? stop.tells : [],
    );
    expect(wanted.filter((action) => !told.has(action))).toEqual([]);
  });
});

test('every action of the table is told by something on the walk', () => {
  const actions = Object.keys(ownActions);
  expect(actions.filter((action) => !everTold.has(action))).toEqual([]);
});
