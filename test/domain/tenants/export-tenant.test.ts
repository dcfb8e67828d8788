import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportTenant } from '../../../src/domain/tenants/export-tenant';
import {
  noteExportFailed,
  noteExported,
  purgeProgress,
  touchLifecycle,
} from '../../../src/domain/tenants/lifecycle-rows';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { createDirectoryExports } from '../../../src/platform/export-store';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { insertTenant } from '../onboarding/rows';

let home: TestDatabase;
let db: Database;
let directory: string;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'export-test', max: 4 });
  directory = mkdtempSync(join(tmpdir(), 'exports-'));
});

afterAll(async () => {
  await db.close();
  await home.drop();
  rmSync(directory, { recursive: true });
});

/** A tenant whose purge began at noon of a day, as its workflow finds it. */
const purgingTenant = () =>
  act(async (tx) => {
    const id = await insertTenant(tx, { status: 'purging' });
    await tx.run(`update tenants set purging_at = '2026-05-05T12:00:00.7Z' where id = $1`, [id]);
    await touchLifecycle(tx, id);
    return id;
  });
const store = async (tenantId: string) => {
  const stored = await exportTenant({ db, exports: createDirectoryExports(directory) }, tenantId);
  if (!stored) throw new Error('It was exported already');
  return stored;
};
const filesOf = (tenantId: string) => readdirSync(join(directory, 'exports', tenantId));

describe('an export', () => {
  it('replaces the one that a worker stored and was killed before it noted it', async () => {
    const id = await purgingTenant();
    await store(id);
    await act((tx) => tx.run(`update tenants set name = 'Other' where id = $1`, [id]));
    const second = await store(id);
    expect(filesOf(id)).toEqual(['20260505T120000Z.ndjson.gz']);
    const file = readFileSync(second.location.replace('file:', ''));
    expect(createHash('sha256').update(file).digest('hex')).toBe(second.sha256);
  });

  it('is not written again once it is noted, since rows may be gone', async () => {
    const id = await purgingTenant();
    const stored = await store(id);
    await act((tx) => noteExported(tx, id, stored));
    const exports = { put: () => Promise.reject(new Error('It must not write')) };
    expect(await exportTenant({ db, exports }, id)).toBeUndefined();
  });

  it('is noted as the later of two that ran at once, in whatever order they end', async () => {
    for (const laterEndsFirst of [true, false]) {
      const id = await purgingTenant();
      const [first, second] = [await store(id), await store(id)];
      expect(second.asOf.getTime()).toBeGreaterThan(first.asOf.getTime());
      const marked = { ...second, sha256: 'of the later one' };
      for (const stored of laterEndsFirst ? [marked, first] : [first, marked]) {
        await act((tx) => noteExported(tx, id, stored));
      }
      expect(await act((tx) => purgeProgress(tx, id))).toMatchObject({
        exportSha256: marked.sha256,
      });
    }
  });

  it('that fails beside one that was stored does not block the purge', async () => {
    const id = await purgingTenant();
    expect(await act((tx) => noteExportFailed(tx, id, 'export-failed'))).toBe(1);
    const stored = await store(id);
    await act((tx) => noteExported(tx, id, stored));
    expect(await act((tx) => noteExportFailed(tx, id, 'export-failed'))).toBeUndefined();
    expect(await act((tx) => purgeProgress(tx, id))).toMatchObject({
      exportProblem: null,
      exportFailures: 1,
    });
  });
});
