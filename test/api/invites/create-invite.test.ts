import { randomUUID } from 'node:crypto';
import { createPartner } from '../../../src/domain/tenants/partners';
import { withSystem } from '../../../src/platform/db';
import { accept, invite } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { ageInvite, countOf, setTenantStatus, sql } from '../rows';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

const create = (body: Record<string, unknown>, key?: string): Promise<TestAnswer> =>
  app.call('POST', '/onboarding/invites', { body, ...(key ? { key } : {}) });

const address = (): string => `p-${randomUUID()}@example.com`;
const slug = (): string => `s-${randomUUID().slice(0, 13)}`;

const tenantOf = async (id: string): Promise<Record<string, unknown> | undefined> =>
  (
    await sql<Record<string, unknown>>(
      app,
      'select slug, name, status, plan, kind, partner_id from tenants where id = $1',
      [id],
    )
  )[0];

const inviteRow = async (id: string): Promise<Record<string, unknown> | undefined> =>
  (
    await sql<Record<string, unknown>>(
      app,
      'select email::text as email, name, role, locale, status, invited_by, held from invites where id = $1',
      [id],
    )
  )[0];

/** The pointers of a 422. */
const pointers = ({ body }: TestAnswer): string[] =>
  body.errors.map(({ pointer }: { pointer: string }) => pointer);

describe('POST /onboarding/invites answers 201', () => {
  test('with the ids of invite, tenant and onboarding, the link, and when it expires', async () => {
    const { status, body } = await create({ email: address() });
    expect(status).toBe(201);
    expect(body).toMatchObject({ success: true, status: 'invited', held: false });
    expect(body.activation_link).toMatch(/^http:\/\/localhost:8090\/invite\/[\w-]{43}$/);
    const lifetime = new Date(body.expires_at).getTime() - Date.now();
    expect(Math.round(lifetime / 3_600_000)).toBe(168);
  });

  test('and makes up a pending tenant, its slug from the local part and six random characters', async () => {
    const { body } = await create({ email: `Dr.Anna+x-${slug()}@Example.com`, name: 'Anna Berg' });
    const tenant = await tenantOf(body.client_id);
    expect(tenant).toMatchObject({ name: 'example.com', status: 'pending', kind: 'customer' });
    expect(tenant?.['slug']).toMatch(/^dr-anna-x-s-[a-z0-9-]+-[a-hj-km-np-z2-9]{6}$/);
  });

  test('a made-up tenant is called after the domain, at a mail provider after the person, else by its slug', async () => {
    const nameOf = async (request: Record<string, unknown>): Promise<unknown> =>
      (await tenantOf((await create(request)).body.client_id))?.['name'];
    expect([
      await nameOf({ email: `${slug()}@Nordlicht.example`, name: 'Mara Lund' }),
      await nameOf({ email: `${slug()}@gmail.com`, name: 'Mara Lund' }),
      await nameOf({ email: 'mara@web.de' }),
    ]).toEqual(['nordlicht.example', 'Mara Lund', expect.stringMatching(/^mara-[a-z2-9]{6}$/)]);
  });

  test('a made-up slug fits its limits whatever the local part is', async () => {
    for (const local of ['a'.repeat(64), "!#$%&'*", '-x-', 'xn--p1ai', '1.2.3']) {
      const { status, body } = await create({ email: `${local}@${slug()}.example.com` });
      expect(status).toBe(201);
      expect(String((await tenantOf(body.client_id))?.['slug'])).toMatch(
        /^(?!.*--)(?!xn-)[a-z0-9-]{3,40}$/,
      );
    }
  });

  test('and creates the tenant that is described', async () => {
    const partner = await withSystem(app.deps.db, 'cli', (tx) =>
      createPartner(tx, { slug: slug(), name: 'Reseller', actorId: 'system:test' }),
    );
    const wanted = { slug: slug(), name: 'Acme', plan: 'pro', kind: 'pilot' };
    const { body } = await create({
      email: address(),
      tenant: { ...wanted, partner_id: partner.id },
    });
    expect(await tenantOf(body.client_id)).toEqual({
      ...wanted,
      status: 'pending',
      partner_id: partner.id,
    });
  });

  test('and invites into a tenant that exists, with the role, the language and the time that are wished', async () => {
    const first = await invite(app);
    const { status, body } = await create({
      email: '  Second.Person@EXAMPLE.com ',
      name: ' Zoë ',
      tenant_id: first.clientId.toUpperCase(),
      roles: ['admin'],
      locale: 'ru',
      expires_in_hours: 1,
    });
    expect(status).toBe(201);
    expect(body.client_id).toBe(first.clientId);
    expect(await inviteRow(body.invite_id)).toMatchObject({
      email: 'second.person@example.com',
      name: 'Zoë',
      role: 'admin',
      locale: 'ru',
      status: 'invited',
    });
    const lifetime = new Date(body.expires_at).getTime() - Date.now();
    expect(Math.round(lifetime / 60_000)).toBe(60);
  });

  test('and gives the role client when none is named', async () => {
    const { body } = await create({ email: address() });
    expect(await inviteRow(body.invite_id)).toMatchObject({ role: 'client', locale: 'en' });
  });

  test('and stores of token and marketplace token only a hash and a sealed value', async () => {
    const { token, inviteId, jobId } = await invite(app, { wb_token: 'secret-marketplace-token' });
    const stored = await sql<{ token_hash: Buffer }>(
      app,
      'select token_hash from invite_tokens where invite_id = $1',
      [inviteId],
    );
    expect(stored.map((row) => row.token_hash.length)).toEqual([32]);
    const dump = await sql(
      app,
      `select row_to_json(m)::text || row_to_json(n)::text as text from mails as m, onboarding_inputs as n
       where m.invite_id = $1 and n.onboarding_id = $2`,
      [inviteId, jobId],
    );
    expect(dump).toHaveLength(1);
    expect(JSON.stringify(dump)).not.toContain(token);
    expect(JSON.stringify(dump)).not.toContain('secret-marketplace-token');
  });

  test('and writes the mail, the wake-up, the event and the audit entry with it', async () => {
    const { inviteId } = await invite(app);
    const [row] = await sql<Record<string, unknown>>(
      app,
      `select (select status from mails where invite_id = $1) as mail,
         (select workflow_type from outbox where workflow_id = 'onboarding/' || $1) as wake,
         (select type from events where data->>'invite_id' = $1::text) as event,
         (select crud from audit_trail where action = 'invite.created' and targets @> $2::jsonb) as audit`,
      [inviteId, JSON.stringify([{ type: 'invite', id: inviteId }])],
    );
    expect(row).toEqual({
      mail: 'due',
      wake: 'onboardTenant',
      event: 'onboarding.started.v1',
      audit: 'c',
    });
  });

  test('and frees the slug of a revoked invite', async () => {
    const wanted = slug();
    const first = await invite(app, { tenant: { slug: wanted } });
    expect((await create({ email: address(), tenant: { slug: wanted } })).status).toBe(409);
    await app.call('POST', `/onboarding/invites/${first.inviteId}/revoke`);
    const { status, body } = await create({ email: address(), tenant: { slug: wanted } });
    expect(status).toBe(201);
    expect(body.client_id).not.toBe(first.clientId);
    expect(await tenantOf(first.clientId)).toMatchObject({ status: 'deleted' });
  });

  test('and frees the slug of an invite that is expired for 30 days, and not earlier', async () => {
    const wanted = slug();
    const first = await invite(app, { tenant: { slug: wanted }, expires_in_hours: 1 });
    await ageInvite(app, first.inviteId, '29 days 23 hours');
    expect((await create({ email: address(), tenant: { slug: wanted } })).body.code).toBe(
      'slug-taken',
    );
    await ageInvite(app, first.inviteId, '2 hours');
    expect((await create({ email: address(), tenant: { slug: wanted } })).status).toBe(201);
  });

  test('and takes the place of an invite of the same address whose time is over', async () => {
    const first = await invite(app);
    await ageInvite(app, first.inviteId, '169 hours');
    const { status, body } = await create({ email: first.email, tenant_id: first.clientId });
    expect(status).toBe(201);
    expect(body.invite_id).not.toBe(first.inviteId);
    expect(await inviteRow(first.inviteId)).toMatchObject({ status: 'expired' });
  });

  test('with on_conflict resend for an open invite: the same invite gets a new link', async () => {
    const first = await invite(app, { tenant: { slug: slug() } });
    const again = { email: first.email, tenant_id: first.clientId, on_conflict: 'resend' };
    expect((await create(again)).body.code).toBe('resend-too-soon');
    await ageInvite(app, first.inviteId, '61 seconds');
    const { status, body } = await create(again);
    expect(status).toBe(201);
    expect(body).toMatchObject({ invite_id: first.inviteId, job_id: first.jobId });
    expect(body.activation_link).not.toContain(first.token);
    const old = await app.call('GET', `/onboarding/invites/${first.token}/preview`);
    expect(old.body.code).toBe('invite-superseded');
  });

  test('with on_conflict resend also when the tenant is named by its slug again', async () => {
    const tenant = { slug: slug(), name: 'Acme' };
    const first = await invite(app, { tenant });
    await ageInvite(app, first.inviteId, '61 seconds');
    const { status, body } = await create({ email: first.email, tenant, on_conflict: 'resend' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ invite_id: first.inviteId, client_id: first.clientId });
  });

  test('with held: true outside of the roll-out stage: no mail goes out and the link does not open yet', async () => {
    await sql(app, `update rollout set stage = 'internal'`);
    try {
      const held = await invite(app);
      const { body } = await app.call('GET', `/onboarding/invites/${held.inviteId}`);
      expect(body).toMatchObject({ held: true, status: 'invited', mail_status: null });
      expect((await app.call('GET', `/onboarding/invites/${held.token}/preview`)).body.code).toBe(
        'invite-held',
      );
      const admitted = await create({
        email: address(),
        tenant: { slug: slug(), kind: 'internal' },
      });
      expect(admitted.body.held).toBe(false);
    } finally {
      await sql(app, `update rollout set stage = '100'`);
    }
  });
});

describe('POST /onboarding/invites creates nothing and answers', () => {
  test.each([
    [404, 'tenant-not-found', { tenant_id: randomUUID() }],
    [404, 'partner-not-found', { tenant: { slug: 'partnerless', partner_id: randomUUID() } }],
    [422, 'blueprint-not-found', { blueprint: 'nobody-knows-it' }],
  ])('%i %s', async (expected, code, more) => {
    const before = await countOf(app, 'tenants');
    const { status, body } = await create({ email: address(), ...more });
    expect([status, body.code]).toEqual([expected, code]);
    expect(await countOf(app, 'tenants')).toBe(before);
  });
});

describe('POST /onboarding/invites answers 409', () => {
  test('invite-exists with the id of the open invite of the same address', async () => {
    const first = await invite(app);
    const { status, body } = await create({
      email: first.email.toUpperCase(),
      tenant_id: first.clientId,
    });
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'invite-exists', invite_id: first.inviteId });
  });

  test('invite-exists when address and slug are those of a pending tenant', async () => {
    const tenant = { slug: slug() };
    const first = await invite(app, { tenant });
    const { body } = await create({ email: first.email, tenant });
    expect(body).toMatchObject({ code: 'invite-exists', invite_id: first.inviteId });
  });

  test('slug-taken for the id of a tenant in the place of a slug, also where its invite is for the same address', async () => {
    const email = address();
    const first = await create({ email, tenant: { slug: slug(), name: 'First' } });
    const { status, body } = await create({
      email,
      tenant: { slug: first.body.client_id, name: 'Second' },
    });
    expect([status, body.code]).toEqual([409, 'slug-taken']);
  });

  test('slug-taken for the slug of somebody else, and for words that belong to the system', async () => {
    const tenant = { slug: slug() };
    await invite(app, { tenant });
    expect((await create({ email: address(), tenant })).body).toMatchObject({
      code: 'slug-taken',
      slug: tenant.slug,
    });
    expect((await create({ email: address(), tenant: { slug: 'console' } })).body.code).toBe(
      'slug-taken',
    );
  });

  test('already-member for somebody who belongs to the tenant', async () => {
    const first = await invite(app);
    await accept(app, first);
    const { status, body } = await create({ email: first.email, tenant_id: first.clientId });
    expect([status, body.code]).toEqual([409, 'already-member']);
  });

  test.each(['suspended', 'frozen', 'archived', 'deleted', 'purging'])(
    'tenant-not-open for a tenant that is %s',
    async (state) => {
      const { clientId } = await invite(app);
      await setTenantStatus(app, clientId, state);
      const { status, body } = await create({ email: address(), tenant_id: clientId });
      expect([status, body.code]).toEqual([409, 'tenant-not-open']);
    },
  );

  test('to all but one of many creates of one address at once', async () => {
    const { clientId } = await invite(app);
    const email = address();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => create({ email, tenant_id: clientId })),
    );
    const codes = answers.map(({ status, body }) => (status === 201 ? 'created' : body.code));
    expect(codes.sort()).toEqual(['created', ...Array<string>(7).fill('invite-exists')]);
  });
});

describe('POST /onboarding/invites answers 422', () => {
  test.each<[string, Record<string, unknown>, string[]]>([
    ['a missing address', {}, ['/email']],
    ['no address', { email: 'nobody' }, ['/email']],
    ['an address with two dots in a row', { email: 'a..b@c.example' }, ['/email']],
    ['a local part of 65 characters', { email: `${'a'.repeat(65)}@c.example` }, ['/email']],
    ['an address of 255 characters', { email: `a@${'b.'.repeat(124)}c.example` }, ['/email']],
    ['an address without a top-level domain', { email: 'a@b' }, ['/email']],
    [
      'tenant and tenant_id',
      { email: 'a@b.example', tenant: { slug: 'abc' }, tenant_id: randomUUID() },
      ['/tenant_id'],
    ],
    ['two roles', { email: 'a@b.example', roles: ['client', 'admin'] }, ['/roles']],
    ['no role', { email: 'a@b.example', roles: [] }, ['/roles']],
    ['a platform role', { email: 'a@b.example', roles: ['operator'] }, ['/roles/0']],
    [
      'a slug with two hyphens in a row',
      { email: 'a@b.example', tenant: { slug: 'a--b' } },
      ['/tenant/slug'],
    ],
    [
      'a slug of two characters',
      { email: 'a@b.example', tenant: { slug: 'ab' } },
      ['/tenant/slug'],
    ],
    [
      'a slug of 41 characters',
      { email: 'a@b.example', tenant: { slug: 'a'.repeat(41) } },
      ['/tenant/slug'],
    ],
    ['0 hours', { email: 'a@b.example', expires_in_hours: 0 }, ['/expires_in_hours']],
    ['721 hours', { email: 'a@b.example', expires_in_hours: 721 }, ['/expires_in_hours']],
    ['half an hour', { email: 'a@b.example', expires_in_hours: 0.5 }, ['/expires_in_hours']],
    ['hours as text', { email: 'a@b.example', expires_in_hours: '24' }, ['/expires_in_hours']],
    ['a language that nobody writes', { email: 'a@b.example', locale: 'fr' }, ['/locale']],
    ['a name of blanks', { email: 'a@b.example', name: '   ' }, ['/name']],
    ['a name with control characters', { email: 'a@b.example', name: 'a\u0007b' }, ['/name']],
    [
      'a workspace that is no id',
      { email: 'a@b.example', workspace: { spreadsheet_id: 'a b c' } },
      ['/workspace/spreadsheet_id'],
    ],
    [
      'a token with a blank in it',
      { email: 'a@b.example', wb_token: 'aaaaaaaa bbbbbbbb' },
      ['/wb_token'],
    ],
    [
      'unknown fields, each named',
      { email: 'a@b.example', rolls: 1, tenant: { slug: 'abc', color: 'red' } },
      ['/tenant/color', '/rolls'],
    ],
    [
      'a wrong idempotency_key',
      { email: 'a@b.example', idempotency_key: 'with blank' },
      ['/idempotency_key'],
    ],
  ])('to %s', async (_what, body, expected) => {
    const answer = await create(body);
    expect([answer.status, answer.body.code]).toEqual([422, 'validation-failed']);
    expect(pointers(answer).sort()).toEqual(expected.sort());
  });

  test('and tells all mistakes at once', async () => {
    const answer = await create({ email: 'x', roles: [], locale: 'xx' });
    expect(pointers(answer).sort()).toEqual(['/email', '/locale', '/roles']);
  });
});
