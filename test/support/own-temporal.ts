import { join } from 'node:path';
import { removeTemporalDatabase, startTemporal } from '../../src/servers/temporal';
import type { TemporalServer } from '../../src/servers/temporal';
import { newStateFolder, removeStateFolder } from '../servers/state-folder';
import { buildSources } from './start-servers';

/** A Temporal server that one test file has for itself, so that it can be taken away and given back. */
export interface OwnTemporal {
  /** Stays the same over every start. */
  readonly address: string;
  /** Ends it with SIGKILL, in the middle of whatever it does. */
  kill(): Promise<void>;
  /** Deletes its database while it is down: the next start knows no workflow and has another namespace id. */
  empty(): void;
  /** Starts it again on the same address and, unless emptied, with everything it knew. */
  start(): Promise<void>;
  /** Stops it for good and removes its folder. */
  stop(): Promise<void>;
}

/** Starts one with a database file. Call it in `beforeAll`, and `stop` in `afterAll`. */
export async function startOwnTemporal(): Promise<OwnTemporal> {
  await buildSources();
  const stateDir = newStateFolder();
  let server: TemporalServer = await launch(stateDir);
  return {
    address: server.address,
    async kill() {
      process.kill(server.pid ?? 0, 'SIGKILL');
      await server.exited;
      await server.stop();
    },
    empty() {
      removeTemporalDatabase(join(stateDir, 'temporal.db'));
    },
    async start() {
      server = await launch(stateDir);
    },
    async stop() {
      await server.stop();
      removeStateFolder(stateDir);
    },
  };
}

// The address that the app under test was given would make it "somebody else's server".
async function launch(stateDir: string): Promise<TemporalServer> {
  const given = process.env['TEMPORAL_ADDRESS'];
  Reflect.deleteProperty(process.env, 'TEMPORAL_ADDRESS');
  try {
    return await startTemporal({ stateDir });
  } finally {
    if (given !== undefined) process.env['TEMPORAL_ADDRESS'] = given;
  }
}
