import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { main } from '../../../src/main/audit-verify';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { machine } from '../people';

let app: TestApp;
let superuser: Client;
let folder: string;
/** A machine that may erase, which no role as shorthand gives it. */
let eraser: string;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
  eraser = (await machine(app, ['audit:erase'])).key;
  folder = mkdtempSync(join(tmpdir(), 'usher-erased-'));
  superuser = new Client({ connectionString: app.database.superUrl });
  await superuser.connect();
});
afterAll(async () => {
  await superuser.end();
  rmSync(folder, { recursive: true });
  await app.stop();
});

/** An entry about somebody that is in the log; nobody sequences what comes after it, as when the worker has died. */
async function told(actor: { id: string; name: string }): Promise<void> {
  const sequencer = app.startSequencer();
  await app.call('POST', '/v1/audit?wait=sequenced', {
    body: {
      action: 'orders.shipped',
      source: 'shop',
      external_id: actor.id,
      actor: { type: 'user', ...actor },
      target: { type: 'order', id: '17' },
    },
  });
  await sequencer.stop();
}
const verdict = async () => (await app.call('GET', '/audit/verify')).body;

test('an erasure whose entry waits for its place is no break, neither in the log nor in an export', async () => {
  await told({ id: 'anna', name: 'Anna Berg' });
  const body = { subject: '-/user:anna', reason: 'She asked for it' };
  expect((await app.call('POST', '/audit/erasures', { body, key: eraser })).body).toMatchObject({
    parts: 1,
  });
  expect(await verdict()).toMatchObject({ ok: true, erased: 1 });

  const exported = app.call('GET', '/audit/export?action=orders');
  await sleep(200);
  const after = app.startSequencer();
  const file = join(folder, 'export');
  writeFileSync(file, (await exported).body);
  const vkey = (await app.call('GET', '/audit/keys')).body.items[0].vkey;
  const lines: string[] = [];
  const io = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
  expect(await main([file, '--json', '--key', vkey], io)).toBe(0);
  expect(JSON.parse(lines.join('\n'))).toMatchObject({ ok: true, erased: 1 });
  expect(await verdict()).toMatchObject({ ok: true, erased: 1 });
  await after.stop();
});

test('an erasure that is noted but neither in the log nor on its way there explains nothing', async () => {
  await told({ id: 'bert', name: 'Bert Holm' });
  const body = { subject: '-/user:bert', reason: 'He asked for it' };
  const { id } = (await app.call('POST', '/audit/erasures', { body, key: eraser })).body;
  await superuser.query('delete from audit_pending where id = $1', [id]);
  expect(await verdict()).toMatchObject({ ok: false, break: { kind: 'opening-missing' } });
});
