/**
 * Downloads the Temporal program by the SDK: `node temporal-download.js FOLDER VERSION` leaves it
 * in FOLDER. A process of its own because the SDK starts a server right after the download, whose
 * failure must not matter.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

async function main([downloadDir = '', version = '']: readonly string[]): Promise<void> {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir, version } },
  });
  await environment.teardown();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
