import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { latestCheckpoint } from '../src/domain/audit/checkpoints';
import { exportLog } from '../src/domain/audit/export/export-log';
import { verifyLog } from '../src/domain/audit/verify/verify-log';
import { letTheYoungDie } from '../src/main/lean-heap';
import { createDatabase, withSystem } from '../src/platform/db';
import type { Tx } from '../src/platform/db';

// Exports the log, or verifies it where it lies, in a process whose memory is measured.
async function main([what, url = '', file = '']: readonly string[]): Promise<void> {
  letTheYoungDie();
  const db = createDatabase({ url, applicationName: 'bench-audit' });
  const open = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'audit', fn);
  if (what === 'export') {
    const checkpoint = await open(latestCheckpoint);
    if (!checkpoint) throw new Error('The log has no checkpoint');
    const source = await exportLog(
      {
        open,
        openAll: open,
        checkpoint,
        makeCheckpoint: () => Promise.resolve(undefined),
        sign: () => Promise.resolve(undefined),
      },
      { tenantId: null },
    );
    await pipeline(Readable.from(source.lines()), createWriteStream(file));
  } else {
    const verdict = await verifyLog(db);
    if (!verdict.ok) throw new Error(JSON.stringify(verdict.break));
  }
  await db.close();
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
