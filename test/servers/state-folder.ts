import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removePostgresData } from '../../src/servers/postgres-data';

/** A state folder of a test's own. */
export function newStateFolder(): string {
  return mkdtempSync(join(tmpdir(), 'usher-servers-'));
}

/** Deletes a state folder, also what of it lies elsewhere. */
export function removeStateFolder(stateDir: string): void {
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}
