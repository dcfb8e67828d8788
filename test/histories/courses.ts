import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { format } from 'prettier';
import { startEmbeddedStore } from '../support/embedded-store';
import { offerServers } from '../support/server-desk';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { backendControl } from '../workflows/backend-control';
import { openRows } from '../workflows/rows';
import { auditCourses } from './audit-courses';
import { keyCourses } from './key-courses';
import { lifecycleCourses } from './lifecycle-courses';
import { onboardingCourses } from './onboarding-courses';
import type { Course } from './onboarding-courses';

/**
 * Takes courses on a system of their own and writes the histories into a folder, one JSON file each.
 * @param prefix only those whose names begin so
 */
export async function record(folder: string, prefix = ''): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-histories-'));
  // As root, Postgres runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  const desk = await offerServers(stateDir);
  const store = await startEmbeddedStore();
  process.env['USHER_TEST_SERVERS'] = desk.url;
  try {
    const app = await startTestApp({
      env: { RETRY_SECONDS: '0.2,0.2' },
      archive: { store: store.settings },
    });
    const rows = await openRows(app);
    const backend = backendControl(app.backend.url);
    mkdirSync(folder, { recursive: true });
    const all: Readonly<Record<string, Course>> = {
      ...onboardingCourses,
      ...Object.fromEntries(
        Object.entries(keyCourses).map(([name, course]) => [name, ({ app: on }) => course(on)]),
      ),
      ...Object.fromEntries(
        Object.entries({ ...lifecycleCourses, ...auditCourses }).map(([name, course]) => [
          name,
          ({ app: on, rows: behind }) => course(on, behind),
        ]),
      ),
    };
    const wanted = Object.entries(all).filter(([name]) => name.startsWith(prefix));
    for (const [name, course] of wanted) {
      const workflowId = await course({ app, rows, backend });
      await backend.faults();
      writeFileSync(join(folder, `${name}.json`), await historyOf(app, workflowId));
      console.log(`${name}: ${workflowId}`);
    }
    await rows.close();
    await app.stop();
  } catch (error) {
    console.error(error);
    throw error;
  } finally {
    await store.stop();
    await desk.close();
  }
}

async function historyOf(app: TestApp, workflowId: string): Promise<string> {
  const handle = app.deps.temporal.client.workflow.getHandle(workflowId);
  await handle.result();
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()), (key, value) =>
    // Names of machines and processes are nobody's business.
    key === 'identity' ? 'worker' : (value as unknown),
  );
  return format(JSON.stringify(history), { parser: 'json', printWidth: 100 });
}
