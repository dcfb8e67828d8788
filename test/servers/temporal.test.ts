import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import {
  removeTemporalDatabase,
  startTemporal,
  type TemporalServer,
} from '../../src/servers/temporal';
import { findTemporal, temporalVersion } from '../../src/servers/temporal-binary';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from './state-folder';

let stateDir: string;
let server: TemporalServer | undefined;
const environment = { ...process.env };

beforeAll(buildSources);
beforeEach(() => {
  stateDir = newStateFolder();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  for (const name of ['PATH', 'XDG_CACHE_HOME', 'TEMPORAL_ADDRESS']) {
    const before = environment[name];
    if (before === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before;
  }
  removeStateFolder(stateDir);
});

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server?.address ?? '' });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const startWorkflow = () =>
  withClient((client) =>
    client.workflow.start('anything', { workflowId: 'kept', taskQueue: 'nobody' }),
  );
const statusOfWorkflow = () =>
  withClient(async (client) => (await client.workflow.getHandle('kept').describe()).status.name);

const database = () => join(stateDir, 'temporal.db');

async function restart(): Promise<void> {
  await server?.stop();
  server = await startTemporal({ stateDir });
}

describe('Temporal', () => {
  it('keeps address and workflows over a restart, also after a kill -9', async () => {
    server = await startTemporal({ stateDir });
    const { address, pid } = server;
    await startWorkflow();
    process.kill(pid ?? 0, 'SIGKILL');
    await server.exited;
    await restart();
    expect(server.address).toBe(address);
    expect(await statusOfWorkflow()).toBe('RUNNING');
  });

  it('starts empty once its database is removed with all its side files', async () => {
    server = await startTemporal({ stateDir });
    await startWorkflow();
    await server.stop();
    removeTemporalDatabase(database());
    for (const suffix of ['', '-wal', '-shm'])
      expect(existsSync(`${database()}${suffix}`)).toBe(false);
    await restart();
    await expect(statusOfWorkflow()).rejects.toThrow('workflow not found');
  });

  it('drops a database that another version made, because the server would not migrate it', async () => {
    server = await startTemporal({ stateDir });
    await startWorkflow();
    await server.stop();
    writeFileSync(`${database()}.version`, '1.0.0\n');
    await restart();
    await expect(statusOfWorkflow()).rejects.toThrow('workflow not found');
    expect(readFileSync(`${database()}.version`, 'utf8').trim()).toBe(server.version);
  });

  it('keeps nothing when it runs in memory', async () => {
    server = await startTemporal({ stateDir, dbFile: null });
    expect(server.uiUrl).toBeNull();
    expect(existsSync(database())).toBe(false);
  });

  it('serves its UI where that is asked for', async () => {
    server = await startTemporal({ stateDir, dbFile: null, ui: true });
    expect((await fetch(server.uiUrl ?? '')).status).toBe(200);
  });

  it('is the configured one where TEMPORAL_ADDRESS is set, which is neither started nor stopped', async () => {
    process.env['TEMPORAL_ADDRESS'] = 'temporal.example:7233';
    server = await startTemporal({ stateDir });
    expect(server).toMatchObject({ address: 'temporal.example:7233', pid: null, uiUrl: null });
  });
});

describe('the Temporal program', () => {
  /** A folder of programs that print the given text, and node itself. */
  function programs(texts: Readonly<Record<string, string>>): string {
    const folder = join(stateDir, 'bin');
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, 'node'));
    for (const [name, text] of Object.entries(texts)) {
      writeFileSync(join(folder, name), `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 });
    }
    process.env['XDG_CACHE_HOME'] = join(stateDir, 'cache');
    process.env['PATH'] = folder;
    return folder;
  }

  it('is the one on the PATH where that is new enough', async () => {
    const folder = programs({ temporal: 'temporal version 1.6.0 (Server 1.30.2, UI 2.45.3)' });
    expect(await findTemporal()).toEqual({
      file: join(folder, 'temporal'),
      version: '1.6.0',
      source: 'path',
    });
  });

  it("is the user's cached one where that on the PATH is too old", async () => {
    programs({ temporal: 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)' });
    const folder = join(stateDir, 'cache', 'usher', `temporal-${temporalVersion}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'temporal'),
      `#!/bin/sh\necho 'temporal version ${temporalVersion} (x)'\n`,
      {
        mode: 0o755,
      },
    );
    expect(await findTemporal()).toEqual({
      file: join(folder, 'temporal'),
      version: temporalVersion,
      source: 'cache',
    });
  });
});
