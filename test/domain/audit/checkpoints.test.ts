import { setTimeout as sleep } from 'node:timers/promises';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { latestCheckpoint, makeCheckpoint } from '../../../src/domain/audit/checkpoints';
import type { Checkpoint } from '../../../src/domain/audit/checkpoints';
import { forkLog } from '../../../src/domain/audit/forking';
import { readExport, readTenantHead } from '../../../src/domain/audit/heads.rules';
import { keysOf } from '../../../src/domain/audit/log-keys';
import { checkNote, openNote, readVkey, renamed } from '../../../src/domain/audit/notes';
import { openLog } from '../../../src/domain/audit/opening';
import { newestPublished, publishCheckpoints } from '../../../src/domain/audit/publication';
import { createSequencer } from '../../../src/domain/audit/sequencer';
import { askSignature, readSignature, serveDesk } from '../../../src/domain/audit/signing-desk';
import type { SigningKeys } from '../../../src/domain/audit/signing';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createObjectStore } from '../../../src/platform/object-store';
import type { ObjectStore } from '../../../src/platform/object-store';
import { firstKey, putBytes } from '../../../src/platform/object-store-bytes';
import { startObjectStore } from '../../../src/servers/object-store';
import type { ObjectStoreServer } from '../../../src/servers/object-store';
import { signingKeys } from '../../support/audit-keys';
import { openAuditDatabase } from './audit-database';
import type { AuditDatabase } from './audit-database';
import { verifyCheckpoint } from './sigstore';

let log: AuditDatabase;
let folder: string;
let server: ObjectStoreServer;
let store: ObjectStore;
beforeEach(async () => {
  log = await openAuditDatabase();
  folder = mkdtempSync(join(tmpdir(), 'usher-published-'));
  const access = { bucket: 'published', accessKey: 'usher', secretKey: 'usher-secret' };
  server = await startObjectStore({ port: 0, dir: folder, ...access });
  store = createObjectStore({
    ...access,
    endpoint: server.url,
    region: 'us-east-1',
    encrypt: false,
    allowCidrs: ['127.0.0.0/8'],
  });
}, 120_000);
afterEach(async () => {
  store.close();
  await server.stop();
  rmSync(folder, { recursive: true });
  await log.close();
});

const keys = signingKeys();
const fill = async (count: number, tenantId?: string): Promise<void> => {
  for (let n = 0; n < count; n += 1) await log.append(tenantId ? { tenantId } : {});
  await log.sequence();
};
const make = async (by: SigningKeys = keys): Promise<Checkpoint> => {
  const made = await withSystem(log.sequencer, 'sequencer', (tx) =>
    makeCheckpoint(tx, by, 'manual'),
  );
  if (!('checkpoint' in made)) throw new Error(made.why);
  return made.checkpoint;
};
const originOf = async (): Promise<string> =>
  (await log.sql<{ origin: string }>('select origin from audit_head'))[0]!.origin;
const knownKeys = async () =>
  withSystem(log.app, 'audit', async (tx) => keysOf(tx, await originOf()));
const signedBy = (note: string, vkey: string): string =>
  checkNote(openNote(note)!, readVkey(vkey)!);

describe('a checkpoint', () => {
  test('is a note that sigstore reads and verifies, with the root over all entries', async () => {
    await fill(300);
    const checkpoint = await make();
    const [key] = await knownKeys();
    expect(verifyCheckpoint(checkpoint.note, key!.vkey)).toEqual({
      origin: await originOf(),
      size: 300,
      root: checkpoint.root,
    });
    const [row] = await log.sql<{ hash: Buffer }>('select hash from audit_log where seq = 300');
    expect(checkpoint.headHash).toEqual(row!.hash);
    const forged = checkpoint.note.replace('\n300\n', '\n301\n');
    expect(() => verifyCheckpoint(forged, key!.vkey)).toThrow();
    expect(signedBy(forged, key!.vkey)).toBe('invalid');
  });

  test('has a line by HMAC whose key id does not come from the key, and which makes nothing valid', async () => {
    await fill(1);
    const { note } = await make();
    const { text, signatures } = openNote(note)!;
    expect(signatures).toHaveLength(2);
    const mac = createHmac('sha256', keys.hmac.key).update(text).digest();
    expect(signatures[1]!.signature).toEqual(mac);
    const other = { ...keys, hmac: { id: keys.hmac.id, key: Buffer.alloc(32, 1) } };
    await fill(1);
    expect(openNote((await make(other)).note)!.signatures[1]!.keyId).toBe(signatures[1]!.keyId);
    const onlyMac = note
      .split('\n')
      .filter((_, index) => index !== 4)
      .join('\n');
    const [key] = await knownKeys();
    expect(signedBy(onlyMac, key!.vkey)).toBe('absent');
  });

  test('is not made twice when nothing is new', async () => {
    await fill(3);
    const first = await make();
    expect(await make()).toEqual(first);
    expect(await log.sql('select 1 from audit_checkpoints')).toHaveLength(1);
  });
});

describe('a signing key', () => {
  test('takes over by a control entry that a checkpoint covers which both keys signed', async () => {
    const two = signingKeys(2);
    const [next, old] = two.seeds;
    const before = { ...two, seeds: [old!] };
    await fill(5);
    const first = await make(before);
    await fill(5);
    // The new key is announced; the checkpoint that does so is the old one's.
    const announcing = await make(two);
    const [oldKey, newKey] = await knownKeys();
    expect(newKey).toMatchObject({ n: 2, sinceSize: null, endorsement: null });
    expect([
      signedBy(announcing.note, oldKey!.vkey),
      signedBy(announcing.note, newKey!.vkey),
    ]).toEqual(['valid', 'absent']);
    await log.sequence();
    const handing = await make(two);
    expect(handing.size).toBe(11);
    expect([oldKey, newKey].map((key) => signedBy(handing.note, key!.vkey))).toEqual([
      'valid',
      'valid',
    ]);
    const [leaf] = await log.sql<{ leaf: string }>(
      `select leaf from audit_log where kind = 'control'`,
    );
    expect(JSON.parse(leaf!.leaf).core.metadata).toEqual({
      vkey: newKey!.vkey,
      after: oldKey!.vkey,
    });
    await fill(1);
    const after = await make(two);
    expect([oldKey, newKey].map((key) => signedBy(after.note, key!.vkey))).toEqual([
      'absent',
      'valid',
    ]);
    const [was, is] = await knownKeys();
    expect([was!.untilSize, is!.sinceSize, is!.endorsement]).toEqual([11, 11, handing.note]);
    expect(signedBy(first.note, oldKey!.vkey)).toBe('valid');
    expect(next).toBeDefined();
  });

  test('that was replaced signs nothing more, nor does one that was never announced', async () => {
    const two = signingKeys(2);
    await fill(1);
    await make({ ...two, seeds: [two.seeds[1]!] });
    await fill(1);
    await make(two);
    await log.sequence();
    await make(two);
    await fill(1);
    await expect(make({ ...two, seeds: [two.seeds[1]!] })).rejects.toThrow('no-key');
    await expect(make(signingKeys())).rejects.toThrow('no-key');
  });
});

describe('what is published', () => {
  const open = (): Promise<string | undefined> =>
    openLog(log.sequencer, {
      store,
      keys,
      onUnreachable: (error) => {
        throw error;
      },
    });
  const publish = async (): Promise<number> =>
    publishCheckpoints(log.sequencer, store, keys, await originOf());

  test('is every checkpoint, and the newest is found by one look', async () => {
    for (let n = 0; n < 3; n += 1) {
      await fill(2);
      await make();
    }
    expect(await publish()).toBe(3);
    expect(await publish()).toBe(0);
    const latest = await withSystem(log.app, 'audit', latestCheckpoint);
    expect((await newestPublished(store, await originOf()))?.note).toBe(latest?.note);
    expect(latest?.publishedAt).toBeInstanceOf(Date);
    expect(await open()).toBe(await originOf());
  });

  test('stops a log that was restored from before, also when the key was another one then; appends go on', async () => {
    await fill(5);
    await make();
    await log.sql(`create table backup_log as table audit_log`);
    const head = await log.sql<Record<string, unknown>>(
      'select size, last_hash, frontier from audit_head',
    );
    await fill(5);
    await make();
    await publish();
    // The database as it was five entries ago.
    await log.sql(
      'delete from audit_log where seq > 5; delete from audit_checkpoints where size > 5',
    );
    await log.sql('update audit_head set size = $1, last_hash = $2, frontier = $3', [
      head[0]!['size'],
      head[0]!['last_hash'],
      head[0]!['frontier'],
    ]);
    await log.sql('delete from audit_keys');
    await expect(open()).rejects.toMatchObject({ code: 'audit-log-halted' });
    await log.append();
    const sequencer = createSequencer(log.sequencer, open);
    await expect(sequencer.round()).rejects.toMatchObject({ code: 'audit-log-halted' });
    expect(await log.sql('select 1 from audit_pending')).toHaveLength(1);
    const [halted] = await log.sql<{ halted: string }>('select halted from audit_head');
    expect(halted!.halted).toContain('older copy');
  });

  test('stops a copy of the log that went another way', async () => {
    await fill(3);
    await make();
    await publish();
    const origin = await originOf();
    const other = await openAuditDatabase();
    for (let n = 0; n < 4; n += 1) await other.append();
    await other.sequence();
    await other.sql('update audit_head set origin = $1', [origin]);
    const opening = openLog(other.sequencer, { store, keys, onUnreachable: () => undefined });
    await expect(opening).rejects.toMatchObject({
      code: 'audit-log-halted',
      message: expect.stringContaining('another way'),
    });
    await other.close();
  });

  test('goes on under a new name by a fork, whose first entry holds the last published note', async () => {
    await fill(3);
    const { note } = await make();
    await publish();
    await log.sql('update audit_head set database_oid = 1');
    await expect(open()).rejects.toMatchObject({ code: 'audit-log-halted' });
    await log.append({ action: 'tenant.created' });
    const previousOrigin = await originOf();
    const fork = await forkLog(log.sequencer, store, 'moved to a new server');
    expect(fork).toMatchObject({ seq: 4, previousOrigin, published: note });
    await log.sequence();
    const rows = await log.sql<{ leaf: string; kind: string }>(
      'select leaf, kind from audit_log where seq > 3 order by seq',
    );
    expect(rows.map(({ kind, leaf }) => [kind, JSON.parse(leaf).origin])).toEqual([
      ['control', fork.origin],
      ['own', fork.origin],
    ]);
    expect(JSON.parse(rows[0]!.leaf).core.metadata).toEqual({
      previous_origin: previousOrigin,
      published: note,
    });
    expect(await open()).toBe(fork.origin);
    expect((await make()).origin).toBe(fork.origin);
  });

  test('is forked beside a worker: the fork waits for whoever writes the log at this moment', async () => {
    await fill(1);
    await log.sql('begin');
    await log.sql('select 1 from audit_head for update');
    const fork = forkLog(log.sequencer, undefined, 'moved to a new server');
    const waits = await Promise.race([fork, sleep(300).then(() => 'it waits')]);
    await log.sql('commit');
    expect(waits).toBe('it waits');
    expect(await fork).toMatchObject({ seq: 2 });
  });

  test('cannot be overruled by what somebody else puts into the store, and that is not passed over', async () => {
    await fill(3);
    await make();
    await publish();
    const origin = await originOf();
    const name = await firstKey(store, `audit/${origin.split('/')[2]}/checkpoints/`);
    const strange = `${name!.slice(0, name!.lastIndexOf('/') + 1)}0000000000000001-x`;
    await putBytes(
      store,
      strange,
      Buffer.from(`${origin}\n99\n${'A'.repeat(43)}=\n\n— ${origin} ${'A'.repeat(90)}\n`),
      'text/plain',
    );
    expect(await open()).toBe(origin);
    await fill(1);
    await make();
    await expect(publish()).rejects.toThrow('not signed by us');
  });

  test('can be unreachable: the log goes on, and says so', async () => {
    await fill(1);
    server.faults.set([{ mode: 'status' }]);
    const told: unknown[] = [];
    const origin = await openLog(log.sequencer, {
      store,
      keys,
      onUnreachable: (error) => told.push(error),
    });
    expect([origin, told.length]).toEqual([await originOf(), 1]);
    await make();
    await expect(publish()).rejects.toThrow();
    const [unpublished] = await log.sql('select published_at from audit_checkpoints');
    expect(unpublished).toEqual({ published_at: null });
  });
});

describe('the signing desk', () => {
  test('signs what the API may not: checkpoints, tenants’ heads and exports, each under a name of its own', async () => {
    const tenantId = newId();
    await fill(2, tenantId);
    await fill(1);
    const ask = (request: Parameters<typeof askSignature>[1]): Promise<string> =>
      withSystem(log.app, 'audit', (tx) => askSignature(tx, request, 'user:test'));
    const read = (id: string) => withSystem(log.app, 'audit', (tx) => readSignature(tx, id));
    const first = await ask({ kind: 'checkpoint' });
    expect(await read(first)).toBeUndefined();
    expect(await serveDesk(log.sequencer, keys)).toBe(1);
    const latest = (await withSystem(log.app, 'audit', latestCheckpoint))!;
    expect(await read(first)).toBe(latest.note);
    await fill(2, tenantId);
    const digest = Buffer.alloc(32, 7).toString('base64');
    const head = await ask({ kind: 'tenant-head', tenantId, size: latest.size });
    const made = await ask({ kind: 'export', tenantId, size: latest.size, count: 2, digest });
    const never = await ask({ kind: 'tenant-head', tenantId: newId(), size: latest.size });
    await serveDesk(log.sequencer, keys);
    const [key] = await knownKeys();
    const trusted = readVkey(key!.vkey)!;
    const notes = { head: (await read(head))!, made: (await read(made))! };
    const [row] = await log.sql<{ hash: Buffer }>('select hash from audit_log where seq = 2');
    expect(readTenantHead(openNote(notes.head)!.text)).toEqual({
      origin: latest.origin,
      size: 3,
      root: latest.root.toString('base64'),
      tenantId,
      tenantSeq: 2,
      tenantHash: row!.hash.toString('base64'),
    });
    expect(readExport(openNote(notes.made)!.text)).toMatchObject({ size: 3, count: 2, digest });
    expect(checkNote(openNote(notes.head)!, renamed(trusted, `${latest.origin}/tenant-head`))).toBe(
      'valid',
    );
    expect(checkNote(openNote(notes.made)!, renamed(trusted, `${latest.origin}/export`))).toBe(
      'valid',
    );
    expect(checkNote(openNote(notes.head)!, trusted)).toBe('absent');
    expect(await read(never)).toBeUndefined();
  });
});
