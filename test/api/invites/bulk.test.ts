import { randomUUID } from 'node:crypto';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { countOf, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const bulk = (
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<TestAnswer> => app.call('POST', '/onboarding/invites/bulk', { body, headers });

const csv = (text: string, query = '', headers: Record<string, string> = {}): Promise<TestAnswer> =>
  app.call('POST', `/onboarding/invites/bulk${query}`, {
    body: text,
    headers: { 'content-type': 'text/csv', ...headers },
  });

const row = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  email: `p-${randomUUID()}@example.com`,
  ...more,
});

/** Status and code of each row, in order. */
const outcomes = ({ body }: TestAnswer): string[] =>
  body.rows.map(({ status, code }: { status: string; code: string | null }) =>
    code === null ? status : `${status} ${code}`,
  );

const tables = ['invites', 'tenants', 'onboardings', 'mails', 'outbox', 'audit_trail', 'secrets'];
const counts = (): Promise<number[]> => Promise.all(tables.map((table) => countOf(app, table)));

describe('POST /onboarding/invites/bulk answers 200', () => {
  test('with a result for each row; a bad one does not take the others with it', async () => {
    const taken = { tenant: { slug: `s-${randomUUID().slice(0, 8)}` } };
    const answer = await bulk({
      batch_id: randomUUID(),
      rows: [
        row(taken),
        row(taken),
        { email: 'nobody', roles: [] },
        'no object',
        row({ tenant_id: randomUUID() }),
        row({ idempotency_key: 'x' }),
        row(),
      ],
    });
    expect(answer.status).toBe(200);
    expect(outcomes(answer)).toEqual([
      'created',
      'failed slug-taken',
      'failed validation-failed',
      'failed validation-failed',
      'failed tenant-not-found',
      'failed validation-failed',
      'created',
    ]);
    expect(answer.body).toMatchObject({ created: 2, repeated: 0, failed: 5, dry_run: false });
    const pointers = answer.body.rows[2].errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers.sort()).toEqual(['/email', '/roles']);
    expect(answer.body.rows[5].errors[0].pointer).toBe('/idempotency_key');
    expect(JSON.stringify(answer.body)).not.toContain('activation_link');
  });

  test('to a repeated batch with the invites of the first one, and creates nothing', async () => {
    const batch = { batch_id: randomUUID(), rows: [row(), row({ locale: 'xx' }), row()] };
    const first = await bulk(batch);
    const before = await counts();
    const second = await bulk(batch);
    expect(outcomes(second)).toEqual(['repeated', 'failed validation-failed', 'repeated']);
    expect(second.body).toMatchObject({ created: 0, repeated: 2, failed: 1 });
    expect(second.body.rows[2].invite_id).toBe(first.body.rows[2].invite_id);
    expect(second.body.rows[2].client_id).toBe(first.body.rows[2].client_id);
    expect(await counts()).toEqual(before);
  });

  test('to a repeated batch with what was mended in between', async () => {
    const good = row();
    const batch_id = randomUUID();
    await bulk({ batch_id, rows: [good, { email: 'typo@' }] });
    const mended = await bulk({ batch_id, rows: [good, row()] });
    expect(outcomes(mended)).toEqual(['repeated', 'created']);
  });

  test('and refuses a row that invited somebody else before', async () => {
    const batch_id = randomUUID();
    await bulk({ batch_id, rows: [row()] });
    expect(outcomes(await bulk({ batch_id, rows: [row()] }))).toEqual([
      'failed idempotency-key-reused',
    ]);
  });

  test('once to a batch that is sent many times at once', async () => {
    const batch = { batch_id: randomUUID(), rows: [row(), row(), row()] };
    const before = await countOf(app, 'invites');
    const answers = await Promise.all(Array.from({ length: 5 }, () => bulk(batch)));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(answers.reduce((sum, { body }) => sum + Number(body.created), 0)).toBe(3);
    expect(await countOf(app, 'invites')).toBe(before + 3);
  });

  test('for batches of the same name of two callers apart', async () => {
    const batch = { batch_id: randomUUID(), rows: [row()] };
    await bulk(batch);
    const other = await app.call('POST', '/onboarding/invites/bulk', {
      body: batch,
      key: await app.keyFor('operator'),
    });
    expect(outcomes(other)).toEqual(['created']);
  });

  test('and names the batch after the Idempotency-Key', async () => {
    const [key, rows] = [randomUUID(), [row()]];
    const first = await bulk({ rows }, { 'idempotency-key': key });
    expect(first.body).toMatchObject({ batch_id: key, created: 1 });
    expect(outcomes(await bulk({ batch_id: key, rows }))).toEqual(['repeated']);
  });

  test('and makes a name up for a batch that has none', async () => {
    const first = await bulk({ rows: [row()] });
    expect(first.body).toMatchObject({
      batch_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created: 1,
    });
    expect((await csv(`email\n${row()['email'] as string}\n`)).body).toMatchObject({ created: 1 });
  });

  test('for 500 rows', async () => {
    const answer = await bulk({
      batch_id: randomUUID(),
      rows: Array.from({ length: 500 }, () => row()),
    });
    expect(answer.body).toMatchObject({ created: 500, failed: 0 });
    expect(answer.body.rows.at(-1).row).toBe(500);
  }, 120_000);
});

describe('a dry run', () => {
  test('tries every row, changes nothing, and tells of rows that stand in each other’s way', async () => {
    const tenant = { slug: `s-${randomUUID().slice(0, 8)}` };
    const same = row({ tenant });
    const rows = [
      row(),
      same,
      same,
      row({ tenant }),
      { email: 'x' },
      row({ wb_token: 'a-marketplace-token' }),
    ];
    const before = await counts();
    const batch_id = randomUUID();
    const tried = await bulk({ batch_id, dry_run: true, rows });
    expect(outcomes(tried)).toEqual([
      'valid',
      'valid',
      'failed invite-exists',
      'failed slug-taken',
      'failed validation-failed',
      'valid',
    ]);
    expect(tried.body).toMatchObject({ dry_run: true, created: 0, failed: 3 });
    expect(await counts()).toEqual(before);
    expect(outcomes(await bulk({ batch_id, rows }))).toEqual(
      outcomes(tried).map((outcome) => (outcome === 'valid' ? 'created' : outcome)),
    );
  });

  test('of a batch that was made says so', async () => {
    const batch = { batch_id: randomUUID(), rows: [row()] };
    await bulk(batch);
    expect(outcomes(await bulk({ ...batch, dry_run: true }))).toEqual(['repeated']);
  });

  test('is also asked for in the query', async () => {
    const before = await countOf(app, 'invites');
    const answer = await app.call('POST', '/onboarding/invites/bulk?dry_run=true', {
      body: { batch_id: randomUUID(), rows: [row()] },
    });
    expect(answer.body.dry_run).toBe(true);
    expect(await countOf(app, 'invites')).toBe(before);
  });
});

describe('a CSV', () => {
  test('fills every field, its columns in any order', async () => {
    const slug = `s-${randomUUID().slice(0, 8)}`;
    const answer = await csv(
      [
        'name,email,role,locale,tenant_slug,tenant_name,plan,kind,spreadsheet_id,owner_email,wb_token,expires_in_hours',
        `"Berg, Anna",anna-${slug}@example.com,admin,de,${slug},"Acme ""West""",pro,pilot,sheet-12345,boss@example.com,a-marketplace-token,24`,
      ].join('\r\n'),
      `?batch_id=${slug}`,
    );
    expect(outcomes(answer)).toEqual(['created']);
    const [stored] = await sql<Record<string, unknown>>(
      app,
      `select i.name, i.role, i.locale, i.expires_in_hours, t.name as tenant, t.plan, t.kind, n.spreadsheet_id,
         n.owner_email::text as owner_email, n.wb_token_secret_id is not null as token
       from invites as i join tenants as t on t.id = i.tenant_id join onboardings as o on o.invite_id = i.id
         join onboarding_inputs as n on n.onboarding_id = o.id where t.slug = $1`,
      [slug],
    );
    expect(stored).toEqual({
      name: 'Berg, Anna',
      role: 'admin',
      locale: 'de',
      expires_in_hours: 24,
      tenant: 'Acme "West"',
      plan: 'pro',
      kind: 'pilot',
      spreadsheet_id: 'sheet-12345',
      owner_email: 'boss@example.com',
      token: true,
    });
  });

  test('may have semicolons, a byte order mark, empty cells and empty lines', async () => {
    const email = `p-${randomUUID()}@example.com`;
    const answer = await csv(`\ufeffEmail;Name;Locale\n${email};;ru\n\n`, '?batch_id=bom');
    expect(outcomes(answer)).toEqual(['created']);
  });

  test('is repeated and tried like JSON', async () => {
    const text = `email\np-${randomUUID()}@example.com\n`;
    const before = await countOf(app, 'invites');
    expect(outcomes(await csv(text, '?batch_id=again&dry_run=true'))).toEqual(['valid']);
    expect(await countOf(app, 'invites')).toBe(before);
    expect(outcomes(await csv(text, '', { 'idempotency-key': 'again' }))).toEqual(['created']);
    expect(outcomes(await csv(text, '?batch_id=again'))).toEqual(['repeated']);
  });

  test('with bad cells fails by row', async () => {
    const answer = await csv(
      `email,expires_in_hours,role\na@b.example,soon,client\nnobody,24,client\nc@d.example,24,king\n`,
      '?batch_id=cells',
    );
    expect(outcomes(answer)).toEqual(Array(3).fill('failed validation-failed'));
    expect(answer.body.rows[0].errors[0].pointer).toBe('/expires_in_hours');
    expect(answer.body.rows[2].errors[0].pointer).toBe('/roles/0');
  });

  test.each([
    ['that is empty', ' \n'],
    ['with a header line only', 'email,name\n'],
    ['with an unknown column', 'email,colour\na@b.example,red\n'],
    ['with lines of different lengths', 'email,name\na@b.example\n'],
    ['with an open quote', 'email\n"a@b.example\n'],
    ['of 501 rows', `email\n${'a@b.example\n'.repeat(501)}`],
  ])('%s answers 422 and creates nothing', async (_what, text) => {
    const before = await countOf(app, 'invites');
    const { status, body } = await csv(text, '?batch_id=bad');
    expect([status, body.code]).toEqual([422, 'validation-failed']);
    expect(await countOf(app, 'invites')).toBe(before);
  });

  test('without a header line answers 422 and does not repeat the addresses', async () => {
    const { status, body } = await csv('anna@example.com\nberta@example.com\n', '?batch_id=bare');
    expect(status).toBe(422);
    expect(JSON.stringify(body)).not.toContain('example.com');
  });

  test('in an unknown charset answers 415', async () => {
    const answer = await csv('email\n', '?batch_id=x', {
      'content-type': 'text/csv; charset=klingon',
    });
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported-media-type']);
  });
});

describe('POST /onboarding/invites/bulk answers 422', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['no rows', { batch_id: 'b', rows: [] }, '/rows'],
    ['501 rows', { batch_id: 'b', rows: Array(501).fill({}) }, '/rows'],
    ['a name with a blank', { batch_id: 'a b', rows: [{}] }, '/batch_id'],
    ['an unknown field', { batch_id: 'b', rows: [{}], sure: true }, '/sure'],
  ])('to %s', async (_what, body, pointer) => {
    const answer = await bulk(body);
    expect([answer.status, answer.body.code]).toEqual([422, 'validation-failed']);
    expect(answer.body.errors[0].pointer).toBe(pointer);
  });

  test('to a batch with two names', async () => {
    const { status, body } = await bulk(
      { batch_id: 'one', rows: [row()] },
      { 'idempotency-key': 'two' },
    );
    expect([status, body.code]).toEqual([422, 'idempotency-key-mismatch']);
  });
});
