import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { offerServers } from './server-desk';
import type { ServerDesk } from './server-desk';

declare global {
  /** The desk of this run, for global-teardown.ts. */
  var serverDesk: ServerDesk | undefined;
}

const prefix = 'usher-test-';

/** Prepares a run; the servers themselves start when the first test file asks for them. */
export default async function globalSetup(): Promise<void> {
  removeLeftovers();
  const stateDir = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  // As root, Postgres runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  globalThis.serverDesk = await offerServers(stateDir);
  process.env['USHER_TEST_SERVERS'] = globalThis.serverDesk.url;
}

/** A run that was killed leaves its folder behind; its servers ended with it. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
