import { patternMistake } from '../../../src/domain/onboarding/connectors-patterns.rules';
import { aConnectorFile, aStep, mistakesIn } from './connector-files';

const inSteps = (...steps: object[]) => mistakesIn(aConnectorFile({ steps }));
const inStep = (more: object) => inSteps(aStep(more));
const post = (more: object = {}) => ({ method: 'POST', path: '/things', ...more });

describe('a connector file', () => {
  it('is valid in its shortest form', () => {
    expect(mistakesIn(aConnectorFile())).toEqual([]);
  });

  it('is told all of its mistakes at once, those of the form and those of the sense', () => {
    const file = aConnectorFile({
      nmae: 'x',
      base_url: { env: 'lower' },
      auth: { kind: 'basic', secret: 7 },
      rate_limits: [{ path: '/nowhere', calls: 0, window_ms: 1000 }],
      steps: [
        aStep({ timeout_ms: 20_000, repeat: 'sometimes', expect: { status: ['6xx'] } }),
        aStep({ request: post({ body: { a: '{{inputs.x}}' } }), transient: [{}] }),
        { name: 'Third' },
      ],
    });
    expect(mistakesIn(file)).toEqual([
      '/base_url/env must be the name of an environment variable (A-Z, 0-9, _)',
      '/auth/kind must be one of "api-key", "bearer", "none" or an object, not "basic"',
      '/auth/secret must be a text or an object, not 7',
      '/rate_limits/0/calls must be at least 1',
      '/steps/0/expect/status/0 must be a status such as 404 or a range such as "5xx"',
      '/steps/0/timeout_ms must be at most 10000',
      '/steps/0/repeat must be one of "safe", "verify", "never", not "sometimes"',
      '/steps/1/transient/0 must have at least one of status, json, headers, text',
      '/steps/2/name must be 1 to 40 of a-z, 0-9 and hyphens, a letter first',
      '/steps/2/request is missing; add an object',
      '/steps/2/expect is missing; add an object',
      '/steps/2/repeat is missing; add one of "safe", "verify", "never"',
      '/nmae is not known here; remove it or correct its name',
      '/steps/1/name is also the name of step 1; give each its own',
      '/steps/1/request/body/a refers to {{inputs.x}}; references start with input, tenant, onboarding, secret or extract',
    ]);
  });

  it('that is no JSON is told the place and nothing of its content, which may be a key', () => {
    const text = '{\n  "name": "x",\n  "secret": "hunter2" oops\n}';
    expect(mistakesIn(text)).toEqual([
      expect.stringMatching(/^ is no valid JSON( \(line 3, column \d+\))?; correct it$/),
    ]);
    expect(mistakesIn('[]')).toEqual([expect.stringContaining('must be an object, not a list')]);
    expect(mistakesIn(`\ufeff${JSON.stringify(aConnectorFile())}`)).toEqual([]);
  });

  it('is told of steps in an order in which their states cannot be reached', () => {
    const steps = [
      aStep({ name: 'a', state: 'token_added' }),
      aStep({ name: 'b', state: 'workspace_registered' }),
      aStep({ name: 'c', state: 'validated' }),
      aStep({ name: 'd', state: 'validated' }),
      aStep({ name: 'e', state: 'active' }),
    ];
    expect(inSteps(...steps)).toEqual([
      expect.stringContaining('/steps/4/state must be one of'),
      expect.stringContaining('/steps/1/state is reached no later than token_added'),
      expect.stringContaining('/steps/3/state is reached no later than validated'),
    ]);
  });
});

describe('a template', () => {
  it.each([
    [
      '{{input.phone}}',
      'refers to {{input.phone}}, which does not exist; input has spreadsheet_id, owner_email',
    ],
    ['{{secret.key}}', 'refers to {{secret.key}}, which does not exist; secret has wb_token'],
    ['{{tenant}}', 'refers to {{tenant}}, which does not exist; tenant has id, slug, name'],
    ['{{extract.x}}', 'refers to {{extract.x}}; write {{extract.<step>.<name>}}'],
    [
      '{{ process.env.HOME }}',
      'references start with input, tenant, onboarding, secret or extract',
    ],
    ['{{constructor}}', 'references start with'],
    ['{{}}', 'references start with'],
    ['a {{tenant.id', 'has braces that do not form {{reference}}; close or remove them'],
    ['a }} b', 'has braces that do not form {{reference}}'],
    ['{{{tenant.id}}}', 'has braces that do not form {{reference}}'],
  ])('%p is told: %s', (template, message) => {
    const [first] = inStep({ request: post({ body: { deep: [{ a: template }] } }) });
    expect(first).toContain('/steps/0/request/body/deep/0/a ');
    expect(first).toContain(message);
  });

  it('may use extracts of steps before it only', () => {
    const uses = (reference: string) => post({ body: { a: `{{extract.${reference}}}` } });
    const steps = [
      aStep({ name: 'a', request: uses('b.id') }),
      aStep({ name: 'b', extract: { id: { pointer: '/id' } }, request: uses('b.id') }),
      aStep({ name: 'c', request: uses('b.id') }),
      aStep({ name: 'd', request: uses('b.other') }),
      aStep({ name: 'e', request: uses('zzz.id') }),
    ];
    expect(inSteps(...steps)).toEqual([
      '/steps/0/request/body/a refers to {{extract.b.id}}, but step b comes later; move it before this one',
      expect.stringContaining(
        '/steps/1/request/body/a refers to {{extract.b.id}}, which this very step leaves only with its answer',
      ),
      '/steps/3/request/body/a refers to {{extract.b.other}}, but step b does not extract other; add it to its extract',
      '/steps/4/request/body/a refers to {{extract.zzz.id}}, but there is no step of that name in this connector',
    ]);
  });

  it('is checked in matches, rules, queries, headers, look-ups, compensations and the external id too', () => {
    const bad = '{{input.nope}}';
    const call = {
      request: { method: 'GET', path: '/t', query: { q: bad } },
      expect: { status: 200 },
    };
    const file = aConnectorFile({
      external_id: bad,
      steps: [
        aStep({
          request: post({ headers: { 'X-A': bad } }),
          expect: { status: 200, json: [{ pointer: '/a', equals: bad }] },
          transient: [{ json: [{ pointer: '', contains_item: { pointer: '', equals: bad } }] }],
          extract: { a: { pointer: '/a', where: { pointer: '/b', equals: bad } } },
          repeat: 'verify',
          verify: { ...call, absent: [{ status: 404 }], extract: { a: { pointer: '/a' } } },
          compensate: call,
        }),
      ],
    });
    expect(mistakesIn(file).map((mistake) => mistake.split(' ')[0])).toEqual([
      '/steps/0/request/headers/X-A',
      '/steps/0/expect/json/0/equals',
      '/steps/0/transient/0/json/0/contains_item/equals',
      '/steps/0/extract/a/where/equals',
      '/steps/0/verify/request/query/q',
      '/steps/0/compensate/request/query/q',
      '/external_id',
    ]);
  });

  it('of a token must name one token', () => {
    for (const jwt of ['x', '{{tenant.id}}', '{{secret.wb_token}}{{secret.wb_token}}']) {
      expect(inStep({ extract: { sid: { jwt, claim: 'sid' } } })).toEqual([
        '/steps/0/extract/sid/jwt must name one token, such as "{{secret.wb_token}}"',
      ]);
    }
  });
});

describe('a request', () => {
  it.each([
    [{ path: 'things' }, 'path must start with one slash'],
    [{ path: '//evil.example' }, 'path must start with one slash'],
    [{ path: '/a?b=c' }, 'path must not hold ? or #'],
    [{ path: '/a/../b' }, 'path must not hold . or .. as a segment'],
    [{ path: '/a b' }, 'path has a blank'],
    [{ path: '/{{input.owner_email?}}' }, 'path must not hold the optional {{input.owner_email?}}'],
    [{ path: '/{{secret.wb_token}}' }, 'path must not hold a secret'],
    [{ query: { t: '{{secret.wb_token}}' } }, 'query/t must not hold a secret'],
    [{ headers: { Authorization: 'x' } }, 'headers/Authorization is set by Usher itself'],
    [{ headers: { 'Idempotency-Key': 'x' } }, 'headers/Idempotency-Key is set by Usher itself'],
    [{ headers: { 'X A': 'x' } }, 'headers/X A is no valid header name'],
    [{ headers: { 'X-A': 'a\nb' } }, 'headers/X-A has a character that a header cannot hold'],
    [{ method: 'GET', body: { a: 1 } }, 'body cannot be sent with GET'],
    [{ method: 'TRACE' }, 'method must be one of'],
    [{ body: { '{{tenant.id}}': 1 } }, 'body/{{tenant.id}} is a property name'],
  ])('%j is told: %s', (request, message) => {
    const [first] = inStep({ request: post(request) });
    expect(first).toContain(`/steps/0/request/${message}`);
  });
});

describe('what happens after an unknown outcome', () => {
  const verify = {
    request: { method: 'GET', path: '/things' },
    expect: { status: 200 },
    absent: [{ status: 404 }],
  };

  it('needs a look-up when the step says verify', () => {
    expect(inStep({ repeat: 'verify' })).toEqual([
      '/steps/0/repeat is "verify", but there is no verify request; declare one, or use "safe" or "never"',
    ]);
    expect(inStep({ repeat: 'verify', verify })).toEqual([]);
  });

  it('needs a look-up that can say that nothing landed', () => {
    expect(inStep({ repeat: 'verify', verify: { ...verify, absent: [] } })).toEqual([
      '/steps/0/verify/absent must have at least 1 entry',
    ]);
  });

  it('needs a look-up that leaves what the step leaves', () => {
    const extract = { id: { pointer: '/id' }, more: { pointer: '/more', optional: true } };
    expect(inStep({ repeat: 'verify', extract, verify })).toEqual([
      expect.stringContaining('/steps/0/verify/extract lacks id, which the step extracts'),
    ]);
    const other = { ...verify, extract: { id: { pointer: '/id' }, zzz: { pointer: '/z' } } };
    expect(inStep({ repeat: 'verify', extract, verify: other })).toEqual([
      expect.stringContaining('/steps/0/verify/extract/zzz is not extracted by the step itself'),
    ]);
  });

  it('needs a look-up when the compensation uses what only the answer tells', () => {
    const extract = { id: { pointer: '/id' } };
    const compensate = {
      request: { method: 'DELETE', path: '/things/{{extract.register.id}}' },
      expect: { status: 200 },
    };
    expect(inStep({ extract, compensate })).toEqual([
      expect.stringContaining(
        '/steps/0/compensate/request needs {{extract.register.id}}, which is unknown',
      ),
    ]);
    expect(inStep({ extract, compensate, verify: { ...verify, extract } })).toEqual([]);
    expect(inStep({ extract, compensate: 'none' })).toEqual([]);
  });
});

describe('a pattern', () => {
  it.each(['(', '[a', '\\y', 'a{2,1}'])('%p that does not compile is told', (pattern) => {
    expect(patternMistake(pattern)).toContain('is no valid regular expression');
  });

  it.each([
    '(a+)+',
    '(a*)*b',
    '(a|a)*b',
    '(?:x+y?){2,}',
    '((a{1,50}))*',
    '.*.*.*',
    '(a)\\1',
    '(?=a)b',
    '(?<!a)b',
    '(?<n>a)\\k<n>',
  ])('%p that could take for ever is told', (pattern) => {
    expect(patternMistake(pattern)).toBeDefined();
  });

  it.each([
    '^failed to .* token: .+$',
    '\\b(?:role|scope)s?\\b',
    '[^)(*+]+\\)',
    '(?:ab){1,3}',
    '\\u{1F600}+',
    'a?b?(c?)',
  ])('%p is taken', (pattern) => {
    expect(patternMistake(pattern)).toBeUndefined();
  });

  it('is checked wherever it stands', () => {
    const rules = [
      { json: [{ pointer: '/a', matches: '(' }] },
      { headers: [{ name: 'a', matches: '(' }] },
      { text: { matches: '(' } },
    ];
    expect(inStep({ permanent: rules }).map((mistake) => mistake.split(' ')[0])).toEqual([
      '/steps/0/permanent/0/json/0/matches',
      '/steps/0/permanent/1/headers/0/matches',
      '/steps/0/permanent/2/text/matches',
    ]);
  });
});

describe('rate limits', () => {
  it('are told when they mean no request or stand twice', () => {
    const limit = (path: string) => ({ path, calls: 1, window_ms: 1000 });
    const file = aConnectorFile({
      rate_limits: [
        limit('/things'),
        limit('/thing/*'),
        limit('/th*'),
        limit('*'),
        limit('/things'),
      ],
    });
    expect(mistakesIn(file)).toEqual([
      '/rate_limits/1/path is the path of no request of this connector; correct or remove it',
      '/rate_limits/4/path has a limit already; keep one of the two',
    ]);
    expect(mistakesIn(aConnectorFile({ rate_limits: [limit('/a*b')] }))).toEqual([
      '/rate_limits/0/path must be a path, a prefix ending in *, or *',
    ]);
  });
});
