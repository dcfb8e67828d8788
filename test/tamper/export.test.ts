import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { latestCheckpoint } from '../../src/domain/audit/checkpoints';
import { csvLines } from '../../src/domain/audit/export/csv';
import { exportLog } from '../../src/domain/audit/export/export-log';
import type { ExportAccess, ExportPlan } from '../../src/domain/audit/export/export-log';
import { askSignature, readSignature, serveDesk } from '../../src/domain/audit/signing-desk';
import { breakKinds } from '../../src/domain/audit/verify/verdict.rules';
import type { Break } from '../../src/domain/audit/verify/verdict.rules';
import { withSystem } from '../../src/platform/db';
import type { AuditDatabase } from '../domain/audit/audit-database';
import { buildSources } from '../support/start-servers';
import { fileCases } from './file-cases';
import type { ExportName } from './file-cases';
import { noteFinding } from './table';
import { makeTamperWorld } from './world';
import type { TamperWorld } from './world';

const verifier = join(__dirname, '..', '..', 'dist', 'audit-verify.mjs');
let world: TamperWorld;
let log: AuditDatabase;
let folder: string;
const files = new Map<ExportName, string[]>();

beforeAll(async () => {
  await buildSources();
  world = await makeTamperWorld();
  log = await world.copy();
  folder = mkdtempSync(join(tmpdir(), 'usher-exports-'));
  const [tenantId] = world.tenants;
  files.set('log', await written({ tenantId: null }));
  files.set('tenant', await written({ tenantId, fromCheckpoint: 300 }));
  files.set('picked', await written({ tenantId: null, filter: { tenantId }, asked: { tenantId } }));
  const access = await accessOf();
  files.set('csv', await collected(csvLines(access, null, {}, access.checkpoint)));
}, 180_000);
afterAll(async () => {
  await log.close();
  await world.close();
  rmSync(folder, { recursive: true });
});

async function accessOf(): Promise<ExportAccess> {
  const checkpoint = await withSystem(log.app, 'audit', latestCheckpoint);
  if (!checkpoint) throw new Error('No checkpoint');
  const open: ExportAccess['open'] = (fn) => withSystem(log.app, 'audit', fn);
  return {
    open,
    openAll: open,
    checkpoint,
    makeCheckpoint: () => Promise.resolve(undefined),
    async sign(request) {
      const id = await open((tx) => askSignature(tx, request, 'user:test'));
      await serveDesk(log.sequencer, world.keys);
      return open((tx) => readSignature(tx, id));
    },
  };
}

async function collected(source: AsyncIterable<string>): Promise<string[]> {
  let all = '';
  for await (const text of source) all += text;
  return all.trimEnd().split('\n');
}

const written = async (plan: ExportPlan): Promise<string[]> =>
  collected((await exportLog(await accessOf(), plan)).lines());

/** Runs the verifier as an outsider would, with the file and the key alone. */
function verify(
  lines: readonly string[],
  key = world.vkey,
  ...more: string[]
): Promise<{ code: number; verdict: { ok: boolean; break: Break | null; breaks?: Break[] } }> {
  const file = join(folder, 'export');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return new Promise((resolve, reject) => {
    const call = [verifier, file, '--json', '--key', key, ...more];
    execFile(process.execPath, call, { cwd: folder, env: {} }, (error, out, err) => {
      const code = error ? Number(error.code) : 0;
      if (out === '') reject(new Error(err));
      else resolve({ code, verdict: JSON.parse(out) });
    });
  });
}

describe('an honest export', () => {
  test.each(['log', 'tenant', 'picked', 'csv'] as const)(
    'of the form %s is not blamed',
    async (name) => {
      const { code, verdict } = await verify(files.get(name) ?? []);
      expect([code, verdict.ok, verdict.break]).toEqual([0, true, null]);
    },
  );

  test('that speaks of another log than a checkpoint that was kept is inconsistent with it', async () => {
    const kept = join(folder, 'kept');
    const [note] = await log.sql<{ note: string }>(
      'select note from audit_checkpoints where size = 300',
    );
    writeFileSync(kept, note?.note ?? '');
    const lines = files.get('tenant') ?? [];
    expect((await verify(lines, world.vkey, '--from-checkpoint', kept)).code).toBe(0);
    const [header = '', ...rest] = lines;
    const given = JSON.parse(header) as { from_checkpoint: { proof: string[] } };
    given.from_checkpoint.proof.reverse();
    const { verdict } = await verify(
      [JSON.stringify(given), ...rest],
      world.vkey,
      '--from-checkpoint',
      kept,
    );
    expect(verdict.breaks).toContainEqual(
      expect.objectContaining({ seq: 300, kind: 'inconsistent' }),
    );
  });

  test('is not believed under a key that is another log’s', async () => {
    const other = world.vkey.replace(
      /\+[^+]*$/,
      `+${Buffer.concat([Buffer.of(1), Buffer.alloc(32, 7)]).toString('base64')}`,
    );
    const { code, verdict } = await verify(files.get('log') ?? [], other);
    expect([code, verdict.break?.kind]).toEqual([
      breakKinds['checkpoint-signature-mismatch'],
      'checkpoint-signature-mismatch',
    ]);
  });
});

test.each(fileCases.map((one) => [`${one.of}: ${one.name}`, one] as const))(
  'who would, in an export of the form %s, is found out',
  async (name, { kind, at, of, tamper }) => {
    const { code, verdict } = await verify(tamper(files.get(of) ?? []));
    noteFinding({ name, kind, at, found: verdict.break });
    const all = verdict.breaks ?? (verdict.break ? [verdict.break] : []);
    const found = all.find((one) => one.kind === kind && one.seq === at);
    expect([verdict.ok, verdict.break?.seq, found?.kind ?? all]).toEqual([false, at, kind]);
    expect(code).toBe(verdict.break && breakKinds[verdict.break.kind]);
  },
);
