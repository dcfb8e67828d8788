import { gunzipSync } from 'node:zlib';
import { planArchive } from '../../../src/domain/archive/plan';
import { readManifest } from '../../../src/domain/archive/manifest.rules';
import { driveBatch } from '../../../src/domain/archive/drive-batch';
import { openNote } from '../../../src/domain/audit/notes';
import { readObject } from '../../../src/platform/object-store-bytes';
import { openArchiveLog } from './archive-log';
import type { ArchiveLog } from './archive-log';

jest.setTimeout(240_000);

let log: ArchiveLog;

beforeAll(async () => {
  log = await openArchiveLog();
  await log.fill(8_192 + 700);
});
afterAll(() => log.close());

const keysBelow = async (folder: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of log.deps.store?.objects.list('audit/') ?? []) {
    if (key.includes(`/${folder}/`)) keys.push(key);
  }
  return keys;
};
const object = async (key = ''): Promise<Buffer> => {
  const store = log.deps.store?.objects;
  const bytes = store && (await readObject(store, key, 64 * 1024 * 1024));
  if (!bytes) throw new Error(`There is no ${key}`);
  return bytes;
};

describe('a plan', () => {
  it('takes nothing that no published checkpoint covers', async () => {
    expect(await log.plan()).toEqual([]);
  });

  it('takes whole tiles of what is covered, none across partitions, each entry once', async () => {
    await log.attest();
    const ids = await log.plan();
    const rows = await log.sql<{ from: number; to: number }>(
      'select from_seq as from, to_seq as to from audit_batches order by n',
    );
    expect(ids).toHaveLength(2);
    expect(rows).toEqual([
      { from: 1, to: 8_192 },
      { from: 8_193, to: 8_192 + 512 },
    ]);
    expect(await planArchive(log.deps, 'user:operator')).toEqual({ planned: 0 });
  });
});

describe('a batch', () => {
  it('waits for the manifest of the one before it', async () => {
    const [, second = ''] = await log.plan();
    expect(await log.drive(second)).toMatchObject({ state: 'planned', step: 'store' });
    const view = await driveBatch(log.deps, second, 'store');
    expect(view.state).toBe('planned');
    expect(await log.sql('select problem from audit_batches where n = 2')).toEqual([
      { problem: 'unavailable' },
    ]);
  });

  it('is stored as exact leaves, sealed personal data and a signed manifest, and confirmed', async () => {
    const [first = ''] = await log.plan();
    expect(await log.drive(first)).toMatchObject({ state: 'confirmed', step: 'prune' });

    const [leavesKey] = await keysBelow('leaves');
    const lines = gunzipSync(await object(leavesKey))
      .toString('utf8')
      .split('\n');
    const rows = await log.sql<{ leaf: string }>(
      'select leaf from audit_log where seq <= 8192 order by seq',
    );
    expect(lines.pop()).toBe('');
    expect(lines).toEqual(rows.map(({ leaf }) => leaf));

    const [personalKey] = await keysBelow('personal');
    const sealed = gunzipSync(await object(personalKey)).toString('utf8');
    expect(sealed).not.toMatch(/Parcel|192\.0\.2/);
    expect(sealed.trim().split('\n').length).toBeGreaterThan(10);

    const [manifestKey] = await keysBelow('manifests');
    const note = openNote((await object(manifestKey)).toString('utf8'));
    const manifest = note && readManifest(note.text);
    expect(manifest).toMatchObject({
      n: 1,
      attempt: 1,
      prev_manifest_sha256: null,
      from_seq: 1,
      to_seq: 8_192,
      count: 8_192,
      leaves: { key: leavesKey },
      personal: { key: personalKey },
    });
  });

  it('drops nothing before its grace period is over', async () => {
    const [first = ''] = await log.plan();
    const view = await log.drive(first);
    expect(view.waitMs).toBeGreaterThan(3_500_000);
    expect((await driveBatch(log.deps, first, 'prune')).state).toBe('confirmed');
    expect(await log.sql('select problem from audit_batches where n = 1')).toEqual([
      { problem: 'prune-refused' },
    ]);
  });

  it('drops its entries then, once, and the log says so itself', async () => {
    const [first = ''] = await log.plan();
    await log.age();
    expect(await log.drive(first)).toMatchObject({ state: 'pruned', step: null });
    expect(await log.drive(first)).toMatchObject({ state: 'pruned', step: null });
    expect(await log.sql('select min(seq) as seq from audit_log')).toEqual([{ seq: 8_193 }]);
    expect(await log.sql('select min(seq) as seq from audit_pii')).toEqual([{ seq: 8_193 }]);
    await log.sequence();
    const told = await log.sql<{ metadata: object }>(
      `select leaf::jsonb #> '{core,metadata}' as metadata from audit_log
       where action = 'audit.pruned' and kind = 'control'`,
    );
    expect(told).toEqual([{ metadata: expect.objectContaining({ from_seq: 1, to_seq: 8_192 }) }]);
  });

  it('ends confirmed where its partition goes on', async () => {
    const [, second = ''] = await log.plan();
    await log.age();
    expect(await log.drive(second)).toMatchObject({ state: 'confirmed', step: null });
  });
});
