import { randomUUID } from 'node:crypto';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { sql } from '../rows';
import { expectProblem, failures, json, send } from './wire';
import type { Seen, Wish } from './wire';

const invites = '/onboarding/invites';
let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  key = await app.keyFor('owner');
});
afterAll(() => app.stop());

const request = (path: string, wish?: Wish): Promise<Seen> => send(app, key, path, wish);

describe('422 validation-failed', () => {
  test.each([
    ['null', 'null', ''],
    ['a list', '[]', ''],
    ['a text', '"email"', ''],
    ['a number', '1e999', ''],
    ['nothing', '', '/email'],
    ['U+0000 in a value', '{"email":"a@b.example","name":"a\\u0000b"}', '/name'],
    ['U+0000 in a name', '{"a\\u0000b":1}', ''],
    [
      'a number beyond all numbers',
      '{"email":"a@b.example","expires_in_hours":1e999}',
      '/expires_in_hours',
    ],
    [
      'a number of 400 digits',
      `{"email":"a@b.example","expires_in_hours":${'9'.repeat(400)}}`,
      '/expires_in_hours',
    ],
    ['a negative zero', '{"email":"a@b.example","expires_in_hours":-0}', '/expires_in_hours'],
    ['__proto__', '{"email":"a@b.example","__proto__":{"admin":true}}', '/__proto__'],
    ['constructor', '{"email":"a@b.example","constructor":{"prototype":{}}}', '/constructor'],
    ['a path with a slash and a tilde', '{"email":"a@b.example","a/b~c":1}', '/a~1b~0c'],
  ])('for %s', async (_what, body, pointer) => {
    const answer = await request(invites, { headers: json, body });
    expectProblem(answer, 422, 'validation-failed');
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(
      pointer,
    );
  });

  test('for JSON that is nested a hundred thousand times', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const body of [deep, `{"batch_id":"deep","rows":[${deep}]}`]) {
      const answer = await request('/onboarding/invites/bulk', { headers: json, body });
      expectProblem(answer, 422, 'validation-failed');
    }
  });

  test('says in words what each field must be, and never repeats what was sent', async () => {
    const body = JSON.stringify({
      name: '',
      roles: ['pirate'],
      tenant: { slug: 'ab', partner_id: 7 },
      workspace: 'sheet-12345',
      wb_token: 'two words',
      locale: 'tlh',
      expires_in_hours: 721,
      on_conflict: 'overwrite',
    });
    const answer = await request(invites, { headers: json, body });
    expectProblem(answer, 422, 'validation-failed');
    expect(answer.body.errors).toEqual([
      { pointer: '/email', message: 'is required' },
      { pointer: '/name', message: 'must not be empty' },
      { pointer: '/roles/0', message: 'must be one of owner, admin, client' },
      { pointer: '/tenant/slug', message: 'must have at least 3 characters' },
      { pointer: '/tenant/partner_id', message: 'must be a text' },
      { pointer: '/workspace', message: 'must be an object' },
      { pointer: '/wb_token', message: 'must be printable characters without spaces' },
      { pointer: '/locale', message: 'must be one of en, de, ru' },
      { pointer: '/expires_in_hours', message: 'must be at most 720' },
      { pointer: '/on_conflict', message: 'must be one of fail, resend' },
    ]);
    const time = await request(`${invites}?expiring_before=tomorrow`, { method: 'GET' });
    expect(time.body.errors[0].message).toMatch(/^must be a time/);
  });

  test('names at most 100 mistakes', async () => {
    const body = JSON.stringify(
      Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, 1])),
    );
    const answer = await request(invites, { headers: json, body });
    expect(answer.body.errors).toHaveLength(100);
  });

  test('of text that is doubled, the later one counts: nothing is merged', async () => {
    const email = `p-${randomUUID()}@example.com`;
    const answer = await request(invites, {
      headers: json,
      body: `{"email":"first@example.com","email":"${email}"}`,
    });
    expect(answer.status).toBe(201);
    const rows = await sql(app, 'select email::text as email from invites where id = $1', [
      answer.body.invite_id,
    ]);
    expect(rows).toEqual([{ email }]);
  });

  test('for a query parameter that is given twice, nested, or not known', async () => {
    for (const query of [
      'status=invited&status=revoked',
      'status[]=invited',
      'limit[a]=1',
      '__proto__=1',
      'tenant=%00',
    ]) {
      const { status } = await request(`${invites}?${query}`, { method: 'GET' });
      expect([query, status]).toEqual([query, 422]);
    }
  });

  test('for a query where none is taken', async () => {
    const { status, body } = await request(`${invites}?dry_run=true`, {
      headers: json,
      body: '{}',
    });
    expect([status, body.errors[0].pointer]).toEqual([422, '/query/dry_run']);
  });

  test.each([
    '17',
    'null',
    '00000000-0000-0000-0000-00000000000',
    "1' or '1'='1",
    '%00',
    '%F0%9F%92%A5',
  ])('for the id %s', async (id) => {
    const answer = await request(`/onboarding/jobs/${id}`, { method: 'GET' });
    expectProblem(answer, 422, 'validation-failed');
    expect(answer.body.errors[0].pointer).toBe('/path/id');
  });
});

describe('hostile text', () => {
  test.each([
    ['SQL', "Robert'); drop table invites;--"],
    ['HTML', '<script>alert(1)</script>'],
    ['emoji and combining marks', '👩‍👩‍👧‍👦 Z̸a̵l̶g̷o̸'],
    ['right-to-left', '\u202eevil\u202c'],
    ['a lone surrogate', '\ud800'],
    ['a template', '{{secret.wb_token}} ${process.env}'],
  ])('%s is stored as it is and does no harm', async (_what, name) => {
    const email = `p-${randomUUID()}@example.com`;
    const { status, body } = await request(invites, {
      headers: json,
      body: JSON.stringify({ email, name }),
    });
    expect(status).toBe(201);
    const read = await request(`${invites}/${body.invite_id}`, { method: 'GET' });
    expect(read.body.name).toBe(Buffer.from(name).toString());
  });
});

test('no request of this file was answered by a 5xx', () => {
  expect(failures(app)).toEqual([]);
});
