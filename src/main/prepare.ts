import { findTemporal } from '../servers/temporal-binary';
import { preparePostgresBinaries } from '../servers/postgres-binaries';
import { createTerminal } from './terminal';

/**
 * Fetches or builds the servers that tests need, with progress shown: `bin/test` runs it before the
 * first check.
 */
export async function prepareServers(): Promise<void> {
  const terminal = createTerminal();
  await terminal.step('PostgreSQL', preparePostgresBinaries, ({ version }) => version);
  if (process.env['TEMPORAL_ADDRESS']) return;
  await terminal.step(
    'Temporal',
    findTemporal,
    ({ version, source }) => `${version}, from ${source}`,
  );
}
