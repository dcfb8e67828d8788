import fc from 'fast-check';
import { renderRequest } from '../../../src/domain/onboarding/connectors.rules';
import type { Connector, StepPart } from '../../../src/domain/onboarding/connectors.rules';
import type { TemplateContext } from '../../../src/domain/onboarding/connectors-templates.rules';
import { DomainError } from '../../../src/errors/problems';
import { marketplaceToken } from '../../support/backend-compat';
import { aConnector, aContext, aStep } from './connector-files';

function render(
  connector: Connector,
  context: TemplateContext = aContext(),
  part: StepPart = 'request',
  index = 0,
) {
  const step = connector.steps[index]!;
  return renderRequest({ connector, step, part, context, idempotencyKey: 'o:s:1' });
}

const withRequest = (request: object, more: object = {}) =>
  aConnector({
    steps: [aStep({ request: { method: 'POST', path: '/things', ...request } })],
    ...more,
  });

const problemOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (error instanceof DomainError) return { code: error.code, detail: error.message };
    throw error;
  }
  return undefined;
};

describe('a rendered body', () => {
  it('keeps the type of a value when the template is the whole text', () => {
    const connector = aConnector({
      steps: [
        aStep({
          name: 'first',
          extract: { count: { pointer: '/n' }, ready: { pointer: '/ready' } },
        }),
        aStep({
          request: {
            method: 'POST',
            path: '/things',
            body: {
              count: '{{extract.first.count}}',
              ready: '{{ extract.first.ready }}',
              text: 'n={{extract.first.count}}',
              list: ['{{tenant.slug}}', 1, null, true],
            },
          },
        }),
      ],
    });
    const context = aContext({ extract: { first: { count: 7, ready: false } } });
    expect(JSON.parse(render(connector, context, 'request', 1).body!)).toEqual({
      count: 7,
      ready: false,
      text: 'n=7',
      list: ['acme', 1, null, true],
    });
  });

  it('leaves out the property of an optional value that is missing, and keeps it when it is there', () => {
    const connector = withRequest({ body: { id: 'x', owner: '{{input.owner_email?}}' } });
    expect(render(connector, aContext({ input: {} })).body).toBe('{"id":"x"}');
    expect(render(connector, aContext({ input: { owner_email: '' } })).body).toBe('{"id":"x"}');
    expect(render(connector).body).toBe('{"id":"x","owner":"owner@customer.example"}');
  });

  it('is not rendered while a required value is missing: input-missing names the reference and no value', () => {
    const connector = withRequest({
      body: { id: '{{input.spreadsheet_id}}', token: 'T {{secret.wb_token}}' },
    });
    const missing = problemOf(() => render(connector, aContext({ input: {}, secret: {} })));
    expect(missing).toEqual({
      code: 'input-missing',
      detail: 'things.register lacks input.spreadsheet_id, secret.wb_token',
    });
  });

  it('never evaluates anything: values that look like templates or code stay text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom('{{secret.wb_token}}', '${process.env}', '}}{{', '$&', '__proto__'),
          fc.string({ minLength: 1 }),
        ),
        (value) => {
          const connector = withRequest({
            body: { a: '{{input.spreadsheet_id}}', b: 'x{{input.spreadsheet_id}}y' },
          });
          const rendered = render(connector, aContext({ input: { spreadsheet_id: value } }));
          expect(JSON.parse(rendered.body!)).toEqual({ a: value, b: `x${value}y` });
        },
      ),
    );
  });
});

describe('a rendered address', () => {
  it('holds every value percent-encoded, whatever it is: it never changes host, path or parameters', () => {
    const connector = withRequest({
      path: '/v1/{{input.spreadsheet_id}}/parts',
      query: { owner: '{{input.owner_email}}', of: 'x-{{tenant.name}}' },
    });
    const text = fc
      .string({ minLength: 1, unit: 'binary' })
      .filter((value) => !/^\.{1,2}$/.test(value));
    fc.assert(
      fc.property(text, text, text, (id, owner, name) => {
        const tenant = { id: 't', slug: 's', name };
        const context = aContext({ input: { spreadsheet_id: id, owner_email: owner }, tenant });
        const url = new URL(render(connector, context).url);
        expect(url.host).toBe('backend.example');
        expect(url.pathname.split('/')).toHaveLength(4);
        const wellFormed = (value: string) => value.replace(/\p{Surrogate}/gu, '\ufffd');
        expect(decodeURIComponent(url.pathname.split('/')[2]!)).toBe(wellFormed(id));
        expect([...url.searchParams.keys()]).toEqual(['owner', 'of']);
        expect(url.searchParams.get('owner')).toBe(wellFormed(owner));
        expect(url.searchParams.get('of')).toBe(`x-${wellFormed(name)}`);
      }),
    );
  });

  it.each(['.', '..'])(
    'is refused when a value would be the segment %s and name another resource',
    (id) => {
      const connector = withRequest({ path: '/v1/{{input.spreadsheet_id}}' });
      const refused = problemOf(() =>
        render(connector, aContext({ input: { spreadsheet_id: id } })),
      );
      expect(refused?.code).toBe('input-missing');
    },
  );

  it('keeps the path of the base, with and without a slash at its end', () => {
    for (const base of ['https://b.example/api', 'https://b.example/api/']) {
      expect(render(withRequest({}, { base_url: base })).url).toBe('https://b.example/api/things');
    }
  });

  it('leaves out an optional parameter whose value is missing', () => {
    const connector = withRequest({ query: { owner: '{{input.owner_email?}}', all: 'yes' } });
    expect(render(connector, aContext({ input: {} })).url).toBe(
      'https://backend.example/things?all=yes',
    );
  });
});

describe('rendered headers', () => {
  it.each([
    ['api-key', { 'x-api-key': 'key-of-things-0001' }],
    ['bearer', { authorization: 'Bearer key-of-things-0001' }],
  ])('show the key the way that %s says', (kind, expected) => {
    const { headers } = render(withRequest({}, { auth: { kind, secret: { env: 'THINGS_KEY' } } }));
    expect(headers).toMatchObject(expected);
  });

  it('show no key for none', () => {
    const { headers } = render(withRequest({}, { auth: { kind: 'none' } }));
    expect(Object.keys(headers).sort()).toEqual(['accept', 'idempotency-key', 'user-agent']);
  });

  it('cannot be split by a line break in a value', () => {
    const connector = withRequest({ headers: { 'X-Tenant': '{{tenant.name}}' } });
    const tenant = { id: 't', slug: 's', name: 'Łódź\r\nX-Admin: 1' };
    expect(render(connector, aContext({ tenant })).headers['x-tenant']).toBe(
      '%C5%81%C3%B3d%C5%BA%0D%0AX-Admin: 1',
    );
  });

  it('carry the key of the step with the request, its own with the compensation, none with the look-up', () => {
    const extra = { request: { method: 'DELETE', path: '/things' }, expect: { status: 200 } };
    const connector = aConnector({
      steps: [
        aStep({
          repeat: 'verify',
          verify: {
            ...extra,
            request: { method: 'GET', path: '/things' },
            absent: [{ status: 404 }],
          },
          compensate: extra,
        }),
      ],
    });
    const key = (part: StepPart) => render(connector, aContext(), part).headers['idempotency-key'];
    expect(key('request')).toBe('o:s:1');
    expect(key('verify')).toBeUndefined();
    expect(key('compensate')).toBe('o:s:1:undo');
  });
});

describe('the shown form of a request', () => {
  const everywhere = {
    headers: {
      'X-Note': 'of {{input.owner_email}} {{tenant.name}}',
      'X-Token': '{{secret.wb_token}}',
    },
    query: { owner: '{{input.owner_email}}', name: '{{tenant.name}}' },
    body: {
      token: '{{secret.wb_token}}',
      text: 'a {{secret.wb_token}} b {{input.owner_email}} c',
      nested: [{ deep: '{{input.owner_email}}', tenant: '{{tenant.name}}' }],
    },
  };
  const secret = fc
    .oneof(
      fc.string({ minLength: 8, maxLength: 60 }),
      fc.string({ minLength: 8, maxLength: 60, unit: 'binary' }),
      fc.base64String({ minLength: 24, maxLength: 200 }),
      fc.nat().map((n) => marketplaceToken(`seller-${n}`)),
    )
    .filter((value) => !value.includes('*'));

  it('holds no secret and no e-mail address, in no spelling, wherever they stand in the request', () => {
    const connector = withRequest(everywhere);
    fc.assert(
      fc.property(
        secret,
        secret,
        fc.emailAddress(),
        fc.emailAddress(),
        (token, key, owner, other) => {
          const loaded = { ...connector, auth: { kind: 'bearer' as const, secret: key } };
          const context = aContext({
            input: { spreadsheet_id: 'sheet-0001', owner_email: owner },
            secret: { wb_token: token },
            // A name that holds what nobody expects there.
            tenant: { id: 't', slug: 's', name: `${token} of ${other}` },
          });
          const shown = JSON.stringify(render(loaded, context).redacted);
          for (const value of [token, key, owner, other]) {
            const wellFormed = value.replace(/\p{Surrogate}/gu, '\ufffd');
            expect(shown).not.toContain(value);
            expect(shown).not.toContain(JSON.stringify(value).slice(1, -1));
            expect(shown).not.toContain(encodeURIComponent(wellFormed));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('still shows what is no secret', () => {
    const { redacted } = render(withRequest({ body: { id: '{{input.spreadsheet_id}}', n: 3 } }));
    expect(redacted).toEqual({
      method: 'POST',
      url: 'https://backend.example/things',
      headers: {
        accept: 'application/json',
        'user-agent': 'usher',
        'content-type': 'application/json',
        'idempotency-key': 'o:s:1',
        'x-api-key': '***',
      },
      body: { id: 'sheet-0001', n: 3 },
    });
  });
});

describe('the fingerprint of a request', () => {
  const connector = withRequest({
    body: { b: '{{input.spreadsheet_id}}', a: '{{secret.wb_token}}' },
  });

  it('is the same for another key, attempt, base address and order of members', () => {
    const other = withRequest(
      { body: { a: '{{secret.wb_token}}', b: '{{input.spreadsheet_id}}' } },
      { base_url: 'http://127.0.0.1:4000', auth: { kind: 'bearer', secret: 'another-key' } },
    );
    const step = other.steps[0]!;
    const context = aContext();
    expect(renderRequest({ connector: other, step, part: 'request', context }).fingerprint).toBe(
      render(connector).fingerprint,
    );
  });

  it('changes with every value that the backend sees', () => {
    const seen = new Set([
      render(connector).fingerprint,
      render(connector, aContext({ input: { spreadsheet_id: 'sheet-0002' } })).fingerprint,
      render(connector, aContext({ secret: { wb_token: marketplaceToken('seller-2') } }))
        .fingerprint,
      render(withRequest({ path: '/others' })).fingerprint,
    ]);
    expect(seen.size).toBe(4);
  });
});

describe('a claim of a token', () => {
  const connector = aConnector({
    steps: [
      aStep({
        extract: { sid: { jwt: '{{secret.wb_token}}', claim: 'sid' } },
        request: { method: 'POST', path: '/t', body: { sid: '{{extract.register.sid}}' } },
      }),
    ],
  });

  it('is known to its own step before any answer', () => {
    expect(render(connector).body).toBe('{"sid":"seller-1"}');
  });

  it.each(['nonsense', 'a.b.c', 'e30.e30', 'e30.bnVsbA.x', 'e30.AAAA.x', '..'])(
    'that %p does not hold is missing, and nothing breaks',
    (token) => {
      const context = aContext({ secret: { wb_token: token } });
      expect(problemOf(() => render(connector, context))?.code).toBe('input-missing');
    },
  );
});
