import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { enqueueMail } from '../../src/domain/mails/mails';
import { withSystem } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { insertEntitlement, insertKey } from '../domain/api-keys/rows';
import { machine, person } from '../api/people';
import { invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, onboard } from './courses';
import { ageTenant, ownedTrial, tenantIn } from './lifecycle-courses';
import { openRows } from './rows';
import type { Rows } from './rows';

let app: TestApp;
let rows: Rows;
let purger: string;

beforeAll(async () => {
  app = await startTestApp();
  rows = await openRows(app);
  purger = (await machine(app, ['tenants:purge', 'tenants:read'])).key;
}, 120_000);
afterAll(async () => {
  await rows.close();
  await app.stop();
});

const remove = (slug: string) => app.call('DELETE', `/tenants/${slug}`);
const purge = (slug: string): Promise<TestAnswer> =>
  app.call('POST', `/tenants/${slug}/purge`, { key: purger, body: { reason: 'Contract is over' } });
const purged = (tenantId: string) =>
  waitFor(
    'The end of the purge',
    () => rows.one('select status, name, slug, purged_at from tenants where id = $1', [tenantId]),
    (row) => row.purged_at !== null,
  );

/** How many rows of a tenant each table holds, tables without any left out. */
/** Without the audit log, which keeps what it has and goes on sequencing. */
const outsideTheLog = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([table]) => !table.startsWith('audit_')));

async function rowsOf(tenantId: string): Promise<Record<string, number>> {
  const tables = await rows.query(
    `select c.relname as name from pg_class as c join pg_attribute as a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and a.attname = 'tenant_id'`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const { n } = await rows.one(`select count(*)::int as n from ${name} where tenant_id = $1`, [
      tenantId,
    ]);
    if (n > 0) counts[name] = n;
  }
  return counts;
}

/** An active tenant that has rows in as many tables as the system fills. */
async function fullTenant() {
  const first = await onboard(app);
  await active(app, first);
  const colleague = await invite(app, {
    tenant: undefined,
    tenant_id: first.clientId,
    workspace: undefined,
    wb_token: undefined,
  });
  await withSystem(app.deps.db, 'cli', async (tx) => {
    const { id } = await insertKey(tx, app.deps.apiKeys.hasher, { tenantId: first.clientId });
    await insertKey(tx, app.deps.apiKeys.hasher, { tenantId: first.clientId, familyId: id });
    await insertEntitlement(tx, { tenantId: first.clientId, product: 'repricing' });
  });
  await waitFor(
    'The mails being out',
    () => rows.query(`select 1 from mails where status in ('due', 'sending')`),
    (due) => due.length === 0,
  );
  const { slug } = await rows.one('select slug from tenants where id = $1', [first.clientId]);
  return { ...first, slug: String(slug), colleague };
}

describe('a purge', () => {
  test('exports all that a tenant has, deletes it for good and leaves a tombstone', async () => {
    const tenant = await fullTenant();
    const other = await fullTenant();
    const untouched = outsideTheLog(await rowsOf(other.clientId));
    const before = await rowsOf(tenant.clientId);
    expect(Object.keys(before).length).toBeGreaterThan(15);

    await remove(tenant.slug);
    const { status, body } = await purge(tenant.slug);
    expect([status, body.status]).toEqual([202, 'purging']);
    const tombstone = await purged(tenant.clientId);
    expect(tombstone).toMatchObject({
      status: 'purging',
      slug: tenant.slug,
      name: 'Purged tenant',
    });
    const terms = await rows.one(
      `select billing, contract_start, contract_end, seats, erp_customer_id, stripe_customer_id
       from tenants where id = $1`,
      [tenant.clientId],
    );
    const { billing, ...others } = terms;
    expect([billing, ...Object.values(others)]).toEqual([{}, null, null, null, null, null]);

    const left = await rowsOf(tenant.clientId);
    expect(Object.keys(outsideTheLog(left)).sort()).toEqual(
      ['events', 'secret_accesses', 'tenant_lifecycles', 'tenant_slugs'].sort(),
    );
    expect(Object.keys(left)).toEqual(
      expect.arrayContaining(['audit_log', 'audit_pii', 'audit_tenant_heads']),
    );
    expect(outsideTheLog(await rowsOf(other.clientId))).toEqual(untouched);
    const nobody = await rows.one(
      `select name, status, password_hash from users where email like 'purged-%@purged.invalid'`,
    );
    expect(nobody).toEqual({ name: null, status: 'deactivated', password_hash: null });
    expect(await rows.query('select 1 from users where email = $1', [tenant.email])).toEqual([]);

    const { body: detail } = await app.call('GET', `/tenants/${tenant.slug}`);
    expect(detail).toMatchObject({
      status: 'purging',
      billing: { email: null },
      purge: { state: 'done', problem: null },
    });
    expect(detail.purge.rows_deleted).toBeGreaterThan(30);
    const events = await rows.query(
      `select type from events where tenant_id = $1 and type ~ 'deleted|purg' order by seq`,
      [tenant.clientId],
    );
    expect(events.map(({ type }) => type)).toEqual([
      'tenant.deleted.v1',
      'tenant.purging.v1',
      'tenant.purged.v1',
    ]);
  });

  test('leaves a file that holds every row of before, and no hash, digest or sealed value', async () => {
    const tenant = await fullTenant();
    const before = await rowsOf(tenant.clientId);
    await remove(tenant.slug);
    await purge(tenant.slug);
    await purged(tenant.clientId);
    const { body } = await app.call('GET', `/tenants/${tenant.slug}`);
    const { location, sha256, rows: count } = body.purge.export;
    const file = readFileSync(location.replace('file:', ''));
    expect(createHash('sha256').update(file).digest('hex')).toBe(sha256);
    const lines = gunzipSync(file)
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ kind: 'usher-tenant-export', tenant_id: tenant.clientId });
    expect(lines.at(-1)).toEqual({ end: true, rows: count });
    const exported = lines.slice(1, -1);
    expect(exported).toHaveLength(count);
    const counts: Record<string, number> = {};
    for (const { table } of exported) counts[table] = (counts[table] ?? 0) + 1;
    for (const [table, n] of Object.entries(outsideTheLog(before))) {
      if (['secrets', 'secret_accesses', 'tenant_lifecycles'].includes(table)) continue;
      // What the deletion and the purge themselves added may be there as well.
      expect([table, (counts[table] ?? 0) >= n]).toEqual([table, true]);
    }
    expect(counts['users']).toBe(1);
    expect(counts['audit_log']).toBeGreaterThan(10);
    const text = exported.map((line) => JSON.stringify(line)).join('\n');
    expect(text).toContain(tenant.email);
    expect(text).not.toMatch(/"(digest|token_hash|ciphertext|wrapped_dek|hash|password_hash)":/);
    expect(text).not.toContain('\\\\x');
  });

  test('deletes the mails of the people whom it makes nobody, with what they sealed, and of nobody else', async () => {
    const [tenant, other] = [await ownedTrial(app), await ownedTrial(app)];
    const mailed = async (email: string): Promise<string> => {
      const { id } = await rows.one('select id from users where email = $1', [email]);
      return withSystem(app.deps.db, 'cli', async (tx) => {
        const about = { owner: 'workflow', toEmail: email, toName: 'Eve', locale: 'en' } as const;
        // Of no tenant and not sent yet: the token of its link is still there.
        const mail = { ...about, kind: 'login-link', userId: String(id), data: {}, token: 'token' };
        return enqueueMail(tx, app.deps.ring, mail);
      });
    };
    const ids = [await mailed(tenant.email), await mailed(other.email)];
    const left = () =>
      rows.query(
        `select m.id, m.to_email from mails as m join secrets as s on s.id = m.secret_id
         where m.id = any($1) and s.owner_id = m.id`,
        [ids],
      );
    expect(await left()).toHaveLength(2);
    await remove(tenant.slug);
    await purge(tenant.slug);
    await purged(tenant.id);
    expect(await left()).toEqual([{ id: ids[1], to_email: other.email }]);
    expect(await rows.query('select 1 from secrets where owner_id = $1', [ids[0]])).toEqual([]);
    const named = await rows.query('select kind from mails where to_email = $1', [tenant.email]);
    expect(named).toEqual([]);
  });

  test('keeps people who belong to something else as well', async () => {
    const [one, two] = [await ownedTrial(app), await ownedTrial(app)];
    const both = await person(app, {
      tenants: [
        { id: one.id, role: 'admin' },
        { id: two.id, role: 'client' },
      ],
    });
    const staff = await person(app, {
      roles: ['support'],
      tenants: [{ id: one.id, role: 'client' }],
    });
    await remove(one.slug);
    await purge(one.slug);
    await purged(one.id);
    const kept = await rows.query(
      `select email from users where id = any($1) and status = 'active' order by email`,
      [[both.id, staff.id]],
    );
    expect(kept.map(({ email }) => email)).toEqual([both.email, staff.email].sort());
    expect(await rows.query('select 1 from users where email = $1', [one.email])).toEqual([]);
  });

  test('begins by itself 30 days after the deletion', async () => {
    const tenant = await ownedTrial(app);
    await remove(tenant.slug);
    await ageTenant(app, rows, tenant.id, '29 days 23 hours');
    expect((await app.call('GET', `/v1/tenants/${tenant.id}`)).body.status).toBe('deleted');
    await ageTenant(app, rows, tenant.id, '2 hours');
    await purged(tenant.id);
  });

  test('needs a deleted tenant; once it began nothing is restored', async () => {
    const tenant = await ownedTrial(app);
    const early = await purge(tenant.slug);
    expect([early.status, early.body.from, early.body.to]).toEqual([409, 'trial', 'purging']);
    await remove(tenant.slug);
    await purge(tenant.slug);
    for (const action of ['restore', 'suspend', 'archive', 'resume']) {
      const { status, body } = await app.call('POST', `/tenants/${tenant.slug}/${action}`, {
        body: { reason: 'Oh no' },
      });
      expect([action, status, body.from]).toEqual([action, 409, 'purging']);
    }
    expect((await remove(tenant.slug)).status).toBe(409);
    await purged(tenant.id);
    expect((await purge(tenant.slug)).status).toBe(409);
  });
});

describe('a failed export', () => {
  test('blocks the purge, is told to the operators, and a purge that is ordered again goes on', async () => {
    const tenant = await ownedTrial(app);
    const target = `${String(process.env['TENANT_EXPORT_DIR'])}/exports/${tenant.id}`;
    writeFileSync(target, 'a file where the directory should be');
    const before = outsideTheLog(await rowsOf(tenant.id));
    await remove(tenant.slug);
    await purge(tenant.slug);
    const detail = await waitFor(
      'The block',
      async () => (await app.call('GET', `/tenants/${tenant.slug}`)).body,
      (body) => body.purge?.state === 'blocked',
    );
    expect(detail.purge).toMatchObject({
      problem: { code: 'export-failed' },
      export: null,
      rows_deleted: 0,
    });
    expect(Object.keys(await rowsOf(tenant.id))).toEqual(
      expect.arrayContaining(Object.keys(before)),
    );
    await waitFor(
      'The mail to the operators',
      () => app.mailbox.messages().filter(({ subject }) => subject.startsWith('Purge blocked')),
      (mails) => mails.length === 1,
    );
    rmSync(target);
    expect((await purge(tenant.slug)).status).toBe(202);
    await purged(tenant.id);
  });

  test('cannot be gone round: the database itself deletes nothing that was not exported', async () => {
    const tenant = await ownedTrial(app);
    const run = () =>
      withSystem(app.deps.db, 'cli', (tx) => tx.rows('select purge_tenant($1, 10)', [tenant.id]));
    await expect(run()).rejects.toMatchObject({ code: '23514' });
    await rows.query(
      `insert into tenant_lifecycles (tenant_id) values ($1) on conflict (tenant_id) do nothing`,
      [tenant.id],
    );
    await rows.query(`update tenants set status = 'purging' where id = $1`, [tenant.id]);
    await expect(run()).rejects.toMatchObject({ code: '23514' });
    await expect(
      withSystem(app.deps.db, 'cli', (tx) => tx.rows('select purge_tenant($1, 10)', [newId()])),
    ).rejects.toMatchObject({ code: '23514' });
    await tenantIn(rows, tenant.id, 'purging');
  });
});
