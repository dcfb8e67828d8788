/**
 * A process that archives a site's log until there is nothing left to do, in place of a worker: what the workflows do,
 * without Temporal, so that it can be killed at any step and begun again. Its site is in the environment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { driveBatch, viewBatch } from '../../src/domain/archive/drive-batch';
import { batchesAfter } from '../../src/domain/archive/batches';
import type { ArchiveDeps } from '../../src/domain/archive/deps';
import { planArchive } from '../../src/domain/archive/plan';
import { withSystem } from '../../src/platform/db';
import { openSite } from './site';
import type { Site } from './site';

/** The name under which the database knows the driver. */
export const driverName = 'archive-driver';

async function driveAll(deps: ArchiveDeps): Promise<boolean> {
  let moved = false;
  const batches = await withSystem(deps.sequencer, 'archive', (tx) => batchesAfter(tx, 0, 100));
  for (const { id } of batches) {
    let view = await viewBatch(deps, id);
    while (view.step !== null && view.waitMs === 0) {
      view = await driveBatch(deps, id, view.step);
    }
    moved ||= view.step !== null;
  }
  return moved;
}

async function main(): Promise<void> {
  const site = JSON.parse(process.env['ARCHIVE_SITE'] ?? '') as Site;
  const { deps, close } = openSite(site, driverName);
  await planArchive(deps, 'user:operator');
  while (await driveAll(deps)) await sleep(50);
  await close();
  process.stdout.write('done\n');
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
    process.exit(1);
  });
}
