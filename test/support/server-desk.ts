import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handlesOfTestServers, openHandles } from './leak-check';
import { buildSources, startPostgres, startTemporal, workflowBundle } from './start-servers';
import type { Shared } from './start-servers';

/** Hands out what the test files of a run share; each server starts when it is first asked for. */
export interface ServerDesk {
  readonly url: string;
  /** Stops what was started, Temporal before Postgres, and removes the folder. */
  close(): Promise<void>;
}

/**
 * Opens the desk on the loopback interface: GET `/postgres`, `/temporal`, `/bundle` answer addresses as JSON.
 * @param stateDir an empty folder that the operating system's user postgres can reach
 */
export async function offerServers(stateDir: string): Promise<ServerDesk> {
  let built: Promise<void> | undefined;
  const starters: Record<string, () => Promise<Shared<unknown>>> = {
    '/bundle': workflowBundle,
    '/postgres': () => startPostgres(stateDir),
    '/temporal': () => startTemporal(stateDir),
  };
  const started = new Map<string, Promise<Shared<unknown>>>();
  const start = async (starter: () => Promise<Shared<unknown>>): Promise<Shared<unknown>> => {
    await (built ??= buildSources());
    return ownHandles(starter);
  };

  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const starter = starters[path];
    if (!starter) return void response.writeHead(404).end();
    const shared = started.get(path) ?? start(starter);
    started.set(path, shared);
    shared.then(
      ({ answer }) => response.end(JSON.stringify(answer)),
      (error: unknown) =>
        response.writeHead(500).end(error instanceof Error ? error.stack : String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      for (const path of ['/temporal', '/postgres']) {
        await (await started.get(path)?.catch(() => undefined))?.stop?.();
      }
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** Marks what opens meanwhile as the servers' own: with one file to run, Jest runs it in this very process. */
async function ownHandles<T>(start: () => Promise<T>): Promise<T> {
  const before = new Set(openHandles());
  try {
    return await start();
  } finally {
    for (const handle of openHandles()) if (!before.has(handle)) handlesOfTestServers().add(handle);
  }
}
