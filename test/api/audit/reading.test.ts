import { randomUUID } from 'node:crypto';
import * as audit from '../../../src/domain/audit/audit-entries';
import type { AuditEvent } from '../../../src/domain/audit/audit-entries';
import type { AuditPart } from '../../../src/main/audit-part';
import { withSystem } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { person, signedIn } from '../people';
import { sql } from '../rows';

let app: TestApp;
let sequencer: AuditPart;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  sequencer = app.startSequencer();
});
afterAll(() => app.stop());

type Query = Readonly<Record<string, string | number | undefined>>;
const once = (path: string, query: Query = {}, request = {}): Promise<TestAnswer> => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return app.call('GET', `${path}?${new URLSearchParams(given).toString()}`, request);
};
/** The same, with everything that was written: a busy machine may keep the sequencer waiting. */
const get = (path: string, query: Query = {}, request = {}): Promise<TestAnswer> =>
  waitFor(
    'An answer without lag',
    () => once(path, query, request),
    ({ headers }) => headers.get('x-audit-lag') === null,
  );
const seqsOf = ({ body }: TestAnswer): number[] =>
  body.items.map(({ seq }: { seq: number }) => seq);
const namesOf = ({ body }: TestAnswer): string[] =>
  body.items.map(({ external_id }: { external_id: string }) => external_id);
const tell = async (...events: object[]): Promise<void> => {
  const { status, body } = await app.call('POST', '/v1/audit', { body: events });
  expect([status, body.errors]).toEqual([201, undefined]);
};
const own = (event: Partial<AuditEvent>): Promise<string> =>
  withSystem(app.deps.db, 'cli', (tx) =>
    audit.append(tx, { action: 'tenant.suspended', crud: 'u', actorId: 'system:test', ...event }),
  );
const insertTenant = async (slug = `t-${randomUUID().slice(0, 8)}`, partnerId?: string) => {
  const id = randomUUID();
  await sql(
    app,
    `insert into tenants (id, slug, name, status, bucket, partner_id) values ($1, $2, 'A', 'active', 1, $3)`,
    [id, slug, partnerId ?? null],
  );
  return { id, slug };
};

describe('GET /v1/audit', () => {
  test('pages from the oldest to the newest by plain seq, and ends with next_cursor 0', async () => {
    const tenant_id = randomUUID();
    await tell(
      ...Array.from({ length: 7 }, (_, n) => ({ action: 'a.b', tenant_id, external_id: `p${n}` })),
    );
    const pages: string[][] = [];
    const cursors: number[] = [];
    let cursor = 0;
    do {
      const answer = await get('/v1/audit', { tenant_id, action: 'a', limit: 3, cursor });
      pages.push(namesOf(answer));
      cursor = answer.body.next_cursor;
      cursors.push(cursor - (seqsOf(answer).at(-1) ?? 0));
    } while (cursor !== 0);
    expect(pages).toEqual([['p0', 'p1', 'p2'], ['p3', 'p4', 'p5'], ['p6']]);
    expect(cursors.slice(0, 2)).toEqual([0, 0]);
    const newest = await get('/v1/audit', { tenant_id, action: 'a', limit: 2, order: 'desc' });
    expect(namesOf(newest)).toEqual(['p6', 'p5']);
    const whole = await get('/v1/audit', { tenant_id, action: 'a', limit: 7 });
    expect([namesOf(whole).length, whole.body.next_cursor]).toEqual([7, 0]);
  });

  test('finds by every filter, and by all of them at once', async () => {
    const tenant_id = randomUUID();
    const request_id = randomUUID();
    const wanted = {
      tenant_id,
      product: 'search',
      actor_id: 'u-1',
      outcome: 'denied',
      request_id,
    };
    const event = { ...wanted, action: 'shop.order.sent', target: { id: 'o-1' }, external_id: 'x' };
    await tell(
      event,
      { ...event, action: 'shop.orders', external_id: 'y1' },
      { ...event, product: 'other', external_id: 'y2' },
      { ...event, actor_id: 'u-2', external_id: 'y3' },
      { ...event, outcome: 'success', external_id: 'y4' },
      { ...event, request_id: randomUUID(), external_id: 'y5' },
      { ...event, target: { id: 'o-2' }, external_id: 'y6' },
      { ...event, tenant_id: randomUUID(), external_id: 'y7' },
    );
    const all = await get('/v1/audit', { ...wanted, target_id: 'o-1', action: 'shop.order' });
    expect(namesOf(all)).toEqual(['x']);
    const count = async (query: Query) =>
      namesOf(await get('/v1/audit', { tenant_id, ...query })).length;
    expect(await count({ action: 'shop' })).toBe(7);
    expect(await count({ action: 'shop.order' })).toBe(6);
    expect(await count({ action: 'shop.order.sent' })).toBe(6);
    expect(await count({ action: 'shop.ord' })).toBe(0);
    expect(await count({ product: 'search' })).toBe(6);
    expect(await count({ actor_id: 'u-1', action: 'shop' })).toBe(6);
    expect(await count({ outcome: 'denied' })).toBe(6);
    expect(await count({ request_id })).toBe(6);
    expect(await count({ target_id: 'o-1' })).toBe(6);
  });

  test('finds by the time of the event, also what was told long after it happened', async () => {
    const tenant_id = randomUUID();
    const at = (day: string) => `2026-03-${day}T12:00:00Z`;
    await tell(
      { action: 't.x', tenant_id, at: at('01'), external_id: 'd1' },
      { action: 't.x', tenant_id, at: at('09'), external_id: 'd9' },
      { action: 't.x', tenant_id, external_id: 'now' },
      { action: 't.x', tenant_id, at: at('05'), external_id: 'd5' },
    );
    const found = async (query: Query) =>
      namesOf(await get('/v1/audit', { tenant_id, action: 't', ...query }));
    expect(await found({ since: at('02'), until: at('08') })).toEqual(['d5']);
    expect(await found({ until: at('05') })).toEqual(['d1', 'd5']);
    expect(await found({ since: at('05') })).toEqual(['d9', 'now', 'd5']);
    const recent = new Date(Date.now() - 60_000).toISOString();
    expect(await found({ since: recent })).toEqual(['now']);
    expect(await found({ until: recent, order: 'desc', limit: 2 })).toEqual(['d5', 'd9']);
  });

  test('shows a tenant’s admin the entries of their tenant and of no other', async () => {
    const [mine, other] = [await insertTenant(), await insertTenant()];
    await tell(
      { action: 'own.x', tenant_id: mine.id, external_id: 'mine', description: 'findme' },
      { action: 'own.x', tenant_id: other.id, external_id: 'other', description: 'findme' },
      { action: 'own.x', external_id: 'none', description: 'findme' },
    );
    const admin = await person(app, { tenants: [{ id: mine.id, role: 'admin' }] });
    const as = { anonymous: true, headers: await signedIn(app, admin) };
    expect(namesOf(await get('/v1/audit', { action: 'own' }, as))).toEqual(['mine']);
    expect(namesOf(await get('/v1/audit', { q: 'findme' }, as))).toEqual(['mine']);
    expect((await get('/v1/audit', { tenant_id: other.id }, as)).status).toBe(403);
    expect((await get('/audit', {}, as)).status).toBe(403);
    const all = await get('/v1/audit', { action: 'own', q: 'findme' });
    const ids = Object.fromEntries(
      all.body.items.map((one: Record<string, string>) => [one['external_id'], one['id']]),
    );
    expect((await get(`/audit/events/${ids['mine']}`, {}, as)).status).toBe(200);
    expect((await get(`/audit/events/${ids['other']}`, {}, as)).body.code).toBe(
      'audit-entry-not-found',
    );
  });

  test('tells a tenant the names of its own people only, and staff those of all', async () => {
    const { id: tenantId, slug } = await insertTenant();
    const staff = await person(app, { roles: ['operator'] });
    const admin = await person(app, { tenants: [{ id: tenantId, role: 'admin' }] });
    await own({ tenantId, actorId: `user:${staff.id}` });
    await own({ tenantId, actorId: `user:${admin.id}` });
    const as = { anonymous: true, headers: await signedIn(app, admin) };
    const emails = ({ body }: TestAnswer) =>
      body.items.map(({ actor }: { actor: { email: string | null } }) => actor.email);
    const query = { tenant_id: tenantId, action: 'tenant.suspended' };
    expect(emails(await get('/v1/audit', query, as))).toEqual([null, admin.email]);
    const all = await get('/v1/audit', query);
    expect(emails(all)).toEqual([staff.email, admin.email]);
    expect(all.body.items[0].tenant_slug).toBe(slug);
  });

  test('403 to a member without the right, 401 to nobody, 422 to a member of two tenants who names none', async () => {
    const [one, two] = [await insertTenant(), await insertTenant()];
    const client = await person(app, { tenants: [{ id: one.id, role: 'client' }] });
    const both = await person(app, {
      tenants: [
        { id: one.id, role: 'admin' },
        { id: two.id, role: 'owner' },
      ],
    });
    const as = async (who: typeof client) => ({
      anonymous: true,
      headers: await signedIn(app, who),
    });
    expect((await get('/v1/audit', {}, await as(client))).status).toBe(403);
    expect((await get('/v1/audit', {}, { anonymous: true })).status).toBe(401);
    expect((await get('/v1/audit', {}, await as(both))).body.errors[0].pointer).toBe(
      '/query/tenant_id',
    );
    expect((await get('/v1/audit', { tenant_id: two.id }, await as(both))).status).toBe(200);
  });

  test.each<[string, Query]>([
    ['q of two characters', { q: 'ab' }],
    ['a limit of none', { limit: 0 }],
    ['a limit that is no number', { limit: 'ten' }],
    ['a cursor below zero', { cursor: -1 }],
    ['a filter of the operators', { actor_email: 'a@b.example' }],
    ['an unknown outcome', { outcome: 'maybe' }],
    ['a time that is none', { since: 'yesterday' }],
  ])('422 to %s', async (_what, query) => {
    expect((await get('/v1/audit', query)).status).toBe(422);
  });
});

describe('GET /audit', () => {
  test('pages from the newest to the oldest, also from a given place', async () => {
    await tell(...Array.from({ length: 5 }, (_, n) => ({ action: 'n.x', external_id: `n${n}` })));
    const first = await get('/audit', { action: 'n', limit: 2 });
    expect(namesOf(first)).toEqual(['n4', 'n3']);
    const rest = await get('/audit', { action: 'n', cursor: first.body.next_cursor });
    expect([namesOf(rest), rest.body.next_cursor]).toEqual([['n2', 'n1', 'n0'], 0]);
    const before = await get('/audit', { action: 'n', before: seqsOf(rest)[0], order: 'asc' });
    expect(namesOf(before)).toEqual(['n0', 'n1']);
  });

  test('finds by partner, source and e-mail, of people of Usher’s and of others', async () => {
    const partnerId = randomUUID();
    await sql(app, `insert into partners (id, slug, name) values ($1, 'north-it', 'North')`, [
      partnerId,
    ]);
    const tenant = await insertTenant(undefined, partnerId);
    const someone = await person(app, { roles: ['operator'] });
    await own({ tenantId: tenant.id, actorId: `user:${someone.id}`, action: 'tenant.created' });
    await own({ partnerId, action: 'partner.created' });
    await tell(
      {
        action: 'm.x',
        external_id: 'm1',
        source: 'crm',
        actor: { id: 'u', email: 'ida@far.example' },
      },
      {
        action: 'm.x',
        external_id: 'm2',
        source: 'crm2',
        actor: { id: 'v', email: 'ida@far.example.org' },
      },
    );
    const actions = async (query: Query) =>
      (await get('/audit', query)).body.items.map(({ action }: { action: string }) => action);
    expect(await actions({ partner: 'north-it' })).toEqual(['partner.created', 'tenant.created']);
    const one = await get('/audit', { partner: partnerId, action: 'tenant' });
    expect(one.body.items[0]).toMatchObject({ partner_id: partnerId, partner_slug: 'north-it' });
    expect(namesOf(await get('/audit', { source: 'crm' }))).toEqual(['m1']);
    expect(namesOf(await get('/audit', { actor_email: 'Ida@Far.example' }))).toEqual(['m1']);
    expect(await actions({ actor_email: someone.email })).toContain('tenant.created');
    expect((await get('/audit', { partner: 'nobody' })).body.code).toBe('partner-not-found');
  });

  test('finds a part of action, target name, actor e-mail, tenant slug and description', async () => {
    const part = `zq%_${randomUUID().slice(0, 6)}`;
    const tenant = await insertTenant(`s-${randomUUID().slice(0, 8)}`);
    const someone = await person(app, { roles: ['operator'] });
    await tell(
      { action: `x.${part}.y`, external_id: 'action' },
      {
        action: 'x.y',
        external_id: 'target',
        target: { id: '1', name: `The ${part.toUpperCase()}!` },
      },
      { action: 'x.y', external_id: 'description', description: `it was ${part}, truly` },
      { action: 'x.y', external_id: 'nobody', description: part.slice(0, -1) },
      { action: 'x.y', external_id: 'slug', tenant_id: tenant.id },
      { action: 'x.y', external_id: 'mail', actor: { id: '2', email: 'quentin@far.example' } },
      { action: 'x.y', external_id: 'name', actor: { id: '2', name: 'Quentin' } },
    );
    await own({ actorId: `user:${someone.id}`, action: 'tenant.suspended' });
    expect(namesOf(await get('/audit', { q: part }))).toEqual(['description', 'target', 'action']);
    expect(namesOf(await get('/audit', { q: tenant.slug.slice(1, -1) }))).toEqual(['slug']);
    expect(namesOf(await get('/audit', { q: 'QUENTIN@' }))).toEqual(['mail']);
    const mine = await get('/audit', { q: someone.email.slice(0, 8), action: 'tenant' });
    expect(mine.body.items).toHaveLength(1);
    expect(
      namesOf(await get('/audit', { q: part, action: 'x.y', order: 'asc', limit: 1 })),
    ).toEqual(['target']);
    const both = await get('/audit', { q: 'quentin', actor_email: 'quentin@far.example' });
    expect(namesOf(both)).toEqual(['mail']);
  });
});

describe('GET /audit/events/{id}', () => {
  test('200 with exactly the bytes that are hashed, 404 for an id that none has', async () => {
    const id = await own({ description: 'why' });
    const { status, body } = await get(`/audit/events/${id}`);
    expect(status).toBe(200);
    const [row] = await sql<{ leaf: string }>(app, 'select leaf from audit_log where id = $1', [
      id,
    ]);
    expect(body).toMatchObject({
      id,
      leaf: row?.leaf,
      kind: 'own',
      via: 'usher',
      description: 'why',
    });
    expect((await get(`/audit/events/${randomUUID()}`)).body.code).toBe('audit-entry-not-found');
  });
});

describe('a reader', () => {
  test('finds what was written before the request, every time', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const id = await own({ metadata: { turn } });
      const { body, headers } = await get('/audit', { limit: 5, action: 'tenant.suspended' });
      expect(body.items[0].id).toBe(id);
      expect(headers.get('x-audit-lag')).toBeNull();
    }
  }, 90_000);

  test('is noted in the log: who, and by what they searched, once a minute', async () => {
    const { id: tenantId } = await insertTenant();
    const auditor = await app.keyFor('auditor');
    const query = { tenant_id: tenantId, q: 'secret name' };
    await get('/audit', query, { key: auditor });
    await get('/audit', { ...query, cursor: 7 }, { key: auditor });
    // Nobody waits for the notes of readings, this one neither.
    const { body } = await waitFor(
      'The note of the reading',
      () => get('/audit', { tenant_id: tenantId, action: 'audit.read' }),
      ({ body }) => body.items.length > 0,
    );
    const by = body.items.map((item: { metadata: { by: string } }) => item.metadata.by);
    expect(by.filter((names: string) => names === 'q tenant_id')).toHaveLength(1);
    expect(JSON.stringify(body)).not.toContain('secret name');
  });

  test('is answered at once, and told how old it may be, while the sequencer is silent', async () => {
    await sequencer.stop();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const id = await own({});
    const { status, headers, body } = await once('/audit', { limit: 3 });
    expect(status).toBe(200);
    expect(Number(headers.get('x-audit-lag'))).toBeGreaterThan(0);
    expect(body.items.map((one: { id: string }) => one.id)).not.toContain(id);
    sequencer = app.startSequencer();
    await waitFor(
      'The entry',
      () => get('/audit', { limit: 1, action: 'tenant.suspended' }),
      (answer) => answer.body.items[0].id === id,
    );
  });
});
