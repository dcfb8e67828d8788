import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { main } from '../../../src/main/audit-verify';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { machine } from '../people';
import { sql } from '../rows';

let app: TestApp;
let superuser: Client;
let folder: string;
/** A machine that may erase, which no role as shorthand gives it. */
let eraser: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  eraser = (await machine(app, ['audit:erase'])).key;
  app.startSequencer();
  folder = mkdtempSync(join(tmpdir(), 'usher-erased-'));
  superuser = new Client({ connectionString: app.database.superUrl });
  await superuser.connect();
});
afterAll(async () => {
  await superuser.end();
  rmSync(folder, { recursive: true });
  await app.stop();
});

const anna = { type: 'user', id: 'anna', name: 'Anna Berg', email: 'anna@berg.example' };
const told = (externalId: string) => ({
  action: 'orders.shipped',
  source: 'shop',
  external_id: externalId,
  actor: anna,
  target: { type: 'order', id: '17', name: 'First order' },
  context: { ip: '192.0.2.7', ua: 'Browser' },
  description: 'for Anna Berg',
});
const append = (event: object, wait = '?wait=sequenced') =>
  app.call('POST', `/v1/audit${wait}`, { body: event });
const erase = (subject: string, request = {}) =>
  app.call('POST', '/audit/erasures', {
    body: { subject, reason: 'She asked for it' },
    key: eraser,
    ...request,
  });

/** Everything that any table of the log holds, as one text. */
async function everything(): Promise<string> {
  const { rows } = await superuser.query<{ text: string }>(
    `select string_agg(t, E'\\n') as text from (
       select e::text as t from audit_pending as e union all select l::text from audit_log as l
       union all select p::text from audit_pii as p union all select d::text from audit_dedupe as d) as all_of_it`,
  );
  return rows[0]?.text ?? '';
}

describe('POST /audit/erasures', () => {
  test('201 deletes what the log holds of somebody, and leaves entries, chain and proofs whole', async () => {
    const { id } = (await append(told('one'))).body;
    const bystander = {
      ...told('two'),
      actor: { ...anna, id: 'bert', name: 'Bert', email: 'b@x.example' },
      description: 'for Bert',
      context: { ip: '192.0.2.8' },
    };
    await append(bystander);
    const before = (await app.call('GET', `/audit/events/${id}`)).body;
    expect(before.actor.name).toBe('Anna Berg');

    const { status, body } = await erase('-/user:anna');
    expect([status, body.subject, body.state, body.parts]).toEqual([
      201,
      '-/user:anna',
      'erased',
      3,
    ]);
    const after = (await app.call('GET', `/audit/events/${id}`)).body;
    expect(after).toMatchObject({
      leaf: before.leaf,
      hash: before.hash,
      actor: { id: 'anna', name: null, email: null },
      context: { ip: null, ua: null },
      description: null,
      // What it was about is somebody else's.
      target: { name: 'First order' },
    });
    expect([...after.erased].sort()).toEqual(['actor', 'context', 'free']);
    expect(await everything()).not.toMatch(/anna berg|anna@berg|192\.0\.2\.7/i);
    expect((await app.call('GET', '/audit?q=for%20bert')).body.items).toHaveLength(1);
    const verdict = (await app.call('GET', '/audit/verify')).body;
    expect(verdict).toMatchObject({ ok: true, erased: 3 });
  });

  test('an export says which entry has erased what is missing, and an outsider believes it', async () => {
    const text = (await app.call('GET', '/audit/export?action=orders')).body;
    const file = join(folder, 'export');
    writeFileSync(file, text);
    const vkey = (await app.call('GET', '/audit/keys')).body.items[0].vkey;
    const lines: string[] = [];
    const io = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
    expect(await main([file, '--json', '--key', vkey], io)).toBe(0);
    expect(JSON.parse(lines.join('\n'))).toMatchObject({ ok: true, erased: 3 });
  });

  test('reaches entries that have no place yet, and what was delivered counts as delivered for ever', async () => {
    await superuser.query('begin');
    await superuser.query('select 1 from audit_head for update');
    const { body: receipt } = await append(told('three'), '');
    const erased = erase('-/user:anna');
    await superuser.query('commit');
    expect((await erased).status).toBe(201);
    expect(await everything()).not.toMatch(/anna berg/i);
    const again = await append({ ...told('three'), description: 'another text' });
    expect(again.body).toMatchObject({ id: receipt.id, duplicate: true });
    expect((await app.call('GET', '/audit/verify')).body).toMatchObject({ ok: true });
  });

  test('is told in the log: by a control entry without the reason, and by an entry with it', async () => {
    const { id } = (await erase(`user:${randomUUID()}`)).body;
    const { body } = await app.call('GET', '/audit?action=audit&limit=50');
    const control = body.items.find((one: { id: string }) => one.id === id);
    expect(control).toMatchObject({ kind: 'control', action: 'audit.erased', description: null });
    expect(body.items).toContainEqual(
      expect.objectContaining({
        action: 'audit.erasure_ordered',
        description: 'She asked for it',
        metadata: { erasure_id: id },
      }),
    );
    const listed = (await app.call('GET', '/audit/erasures')).body;
    expect(listed.items[0]).toMatchObject({ id, parts: 0, tombstone_at: null });
  });

  test('403 without the permission, 422 for what names nobody', async () => {
    const { key } = await machine(app, ['audit:read', 'audit:append']);
    expect((await erase('-/user:anna', { key })).status).toBe(403);
    expect((await erase('Anna Berg')).status).toBe(422);
  });
});

test('nobody but the function deletes personal data, and it writes no other control entry', async () => {
  await expect(sql(app, 'delete from audit_pii returning 1')).rejects.toThrow('permission denied');
  await expect(
    sql(app, 'update audit_erasures set subject = $1 returning 1', ['x']),
  ).rejects.toThrow('permission denied');
  const id = randomUUID();
  const odd = `-/user:x","metadata":{"vkey":"mine`;
  await sql(app, 'select audit_erase($1, $2, $3)', [odd, id, 'user:"}']);
  const { rows } = await superuser.query<{ core: string }>(
    `select core from audit_pending where id = $1 union all
     select (leaf::jsonb -> 'core')::text from audit_log where id = $1`,
    [id],
  );
  expect(JSON.parse(rows[0]?.core ?? '{}')).toMatchObject({
    action: 'audit.erased',
    metadata: { subject: odd },
    actor: { id: 'user:"}' },
  });
});
