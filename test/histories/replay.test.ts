import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { workflowBundle } from '../support/test-servers';
import { auditCourses } from './audit-courses';
import { keyCourses } from './key-courses';
import { lifecycleCourses } from './lifecycle-courses';

interface Recorded {
  readonly name: string;
  readonly text: string;
}

/** Every recorded history, of every released version. */
const recorded: readonly Recorded[] = readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name: version }) =>
    readdirSync(join(__dirname, version)).map((file) => ({
      name: `${version}/${file.replace(/\.json$/, '')}`,
      text: readFileSync(join(__dirname, version, file), 'utf8'),
    })),
  );

const idsByType: Readonly<Record<string, string>> = {
  onboardTenant: 'onboarding/x',
  rotateToken: 'token-rotation/x',
  rotateApiKey: 'api-key-rotation/x',
  tenantLifecycle: 'tenant-lifecycle/x',
  productTrial: 'product-trial/x',
  archiveAudit: 'audit-archive/x',
  restoreArchive: 'audit-restore/x',
  runArchive: 'audit-archive-run/x',
  verifyAudit: 'verify-audit/x',
  reconcileTenant: 'reconcile-tenant/x',
};

const workflowIdOf = (text: string): string => {
  const type = /"workflowType":\s*\{\s*"name":\s*"(\w+)"/.exec(text)?.[1] ?? '';
  const id = idsByType[type];
  if (id === undefined) throw new Error(`No id is known for a history of ${type}`);
  return id;
};

async function replay(codePath: string, { text }: Recorded): Promise<void> {
  await Worker.runReplayHistory(
    { workflowBundle: { codePath } },
    historyFromJSON(JSON.parse(text)),
    workflowIdOf(text),
  );
}

describe('a recorded history', () => {
  let codePath: string;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
    ({ codePath } = await workflowBundle());
  }, 120_000);
  afterAll(() => Runtime.instance().shutdown());

  test('is there for every course that an onboarding can take', () => {
    const courses = recorded.filter(({ name }) => name.startsWith('v0.1.0/'));
    expect(courses.map(({ name }) => name.split('/')[1]).sort()).toEqual([
      'cancelled',
      'expired',
      'happy',
      'member',
      'parked-and-retried',
      'parked-at-activation',
      'rolled-back',
      'rotated',
      'waiting',
    ]);
  });

  test('is there for every course that a tenant and the trial of a product can take', () => {
    const files = recorded.filter(({ name }) => /^v0\.2\.0\/(tenant|trial)-/.test(name));
    expect(files.map(({ name }) => name.split('/')[1]).sort()).toEqual(
      Object.keys(lifecycleCourses).sort(),
    );
  });

  test('is there for every course that the rotation of a key can take', () => {
    const files = recorded.filter(({ name }) => name.startsWith('v0.2.0/key-'));
    expect(files.map(({ name }) => name.split('/')[1]).sort()).toEqual(
      Object.keys(keyCourses).sort(),
    );
  });

  test('is there for every course of the audit log, and for the comparison of a tenant', () => {
    const files = recorded.filter(({ name }) => /^v0\.2\.0\/(audit-|reconciled)/.test(name));
    expect(files.map(({ name }) => name.split('/')[1]).sort()).toEqual(
      Object.keys(auditCourses).sort(),
    );
  });

  test.each(recorded)('of $name is replayed by the workflows of today', async (history) => {
    await expect(replay(codePath, history)).resolves.toBeUndefined();
  });

  test.each(recorded)('of $name holds ids only', ({ text }) => {
    const payloads = [...text.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64').toString('utf8'),
    );
    expect(payloads.length).toBeGreaterThan(0);
    expect(payloads.filter((payload) => /@|eyJ|sheet-|Anna|acme/i.test(payload))).toEqual([]);
  });

  test('does not fit workflows that do something else: a change without `patched()` is found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'usher-replay-'));
    try {
      const changed = join(folder, 'workflow-bundle.js');
      const code = readFileSync(codePath, 'utf8');
      const other = code.replaceAll('.runStep(', '.undoStep(').replaceAll('.runRotation(', '.runStep(');
      expect(other).not.toBe(code);
      const changes = other
        .replaceAll('.activateTenant(', '.isCalledOff(')
        .replaceAll('.drainRotation(', '.cancelRequest(');
      writeFileSync(changed, changes);
      for (const history of recorded.filter(({ name }) => /\/(happy|rotated|key-rotated)$/.test(name))) {
        await expect(replay(changed, history)).rejects.toThrow(/[Nn]ondeterminism|determinis/i);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
