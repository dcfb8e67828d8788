import {
  externalIdOf,
  limitOf,
  limitsOf,
  missingInputs,
  needsOf,
  renderProbe,
  stepsOf,
} from '../../../src/domain/onboarding/connectors.rules';
import { aConnector, aContext, aStep } from './connector-files';

describe('what a step needs', () => {
  it('is derived from the required references of all its parts, and joined with what it declares', () => {
    const [step] = aConnector({
      steps: [
        aStep({
          request: { method: 'POST', path: '/t', body: { a: '{{input.owner_email}}' } },
          repeat: 'verify',
          verify: {
            request: { method: 'GET', path: '/t' },
            expect: {
              status: 200,
              json: [{ pointer: '/sid', equals: { jwt: '{{secret.wb_token}}', claim: 'sid' } }],
            },
            absent: [{ status: 404 }],
          },
          needs: ['spreadsheet_id'],
        }),
      ],
    }).steps;
    expect(needsOf(step!)).toEqual(['spreadsheet_id', 'wb_token']);
    expect(missingInputs(step!, aContext({ secret: {} }))).toEqual(['wb_token']);
    expect(missingInputs(step!, aContext())).toEqual([]);
  });

  it('is nothing for optional references', () => {
    const [step] = aConnector({
      steps: [
        aStep({ request: { method: 'POST', path: '/t', body: { a: '{{secret.wb_token?}}' } } }),
      ],
    }).steps;
    expect(needsOf(step!)).toEqual([]);
  });
});

describe('the steps of a blueprint', () => {
  it('are numbered over all connectors, and only those of the first one name states', () => {
    const first = aConnector({
      name: 'first',
      steps: [
        aStep({ state: 'workspace_registered', compensate: 'none' }),
        aStep({ name: 'more' }),
      ],
    });
    const second = aConnector({
      name: 'second',
      steps: [aStep({ state: 'validated', title: 'Other' })],
    });
    const steps = stepsOf({ connectors: [first, second] });
    expect(steps.map(({ key, position, state }) => [key, position, state])).toEqual([
      ['first.register', 1, 'workspace_registered'],
      ['first.more', 2, undefined],
      ['second.register', 3, undefined],
    ]);
    expect(steps.map(({ compensation }) => compensation)).toEqual([
      'leave-and-mark',
      'nothing',
      'nothing',
    ]);
  });
});

describe('the limit of a path', () => {
  const connector = aConnector({
    rate_limits: [
      { path: '*', calls: 1, window_ms: 1000 },
      { path: '/admin/*', calls: 2, window_ms: 1000 },
      { path: '/admin/x', calls: 3, window_ms: 1000 },
    ],
    steps: [
      aStep({ name: 'a', request: { method: 'POST', path: '/admin/x' } }),
      aStep({ name: 'b', request: { method: 'GET', path: '/admin/x/{{tenant.id}}' } }),
      aStep({ name: 'c', request: { method: 'GET', path: '/data' } }),
    ],
  });

  it('is the exact one, else the longest prefix, and ids in a path share one window', () => {
    const limits = connector.steps.map((step) => limitOf(connector, step.request));
    expect(limits).toEqual([
      { connector: 'things', path: '/admin/x', calls: 3, windowMs: 1000 },
      { connector: 'things', path: '/admin/x/{{tenant.id}}', calls: 2, windowMs: 1000 },
      { connector: 'things', path: '/data', calls: 1, windowMs: 1000 },
    ]);
    expect(limitsOf(connector)).toEqual(limits);
  });
});

it('the external id is there once the step that leaves it is done', () => {
  const connector = aConnector({
    external_id: '{{extract.register.id}}',
    steps: [aStep({ extract: { id: { pointer: '/id' } } })],
  });
  expect(externalIdOf(connector, aContext())).toBeUndefined();
  expect(externalIdOf(connector, aContext({ extract: { register: { id: 42 } } }))).toBe('42');
});

it('the probe is rendered without any customer', () => {
  const connector = aConnector({
    probe: { request: { method: 'GET', path: '/ping' }, expect: { status: 200 } },
  });
  expect(renderProbe(connector)).toMatchObject({
    method: 'GET',
    url: 'https://backend.example/ping',
  });
  expect(renderProbe(aConnector())).toBeUndefined();
});
