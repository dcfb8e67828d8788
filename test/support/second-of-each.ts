import { createApiServer } from '../../src/main/api';
import { createDeps } from '../../src/main/deps';
import { startWorker } from '../../src/main/worker';
import { callerOf, listening } from './test-app';
import type { TestApp } from './test-app';

/** A second API and a second worker on the servers of an app, with connections of their own. */
export interface SecondOfEach {
  readonly url: string;
  readonly call: TestApp['call'];
  /** Stops both; comes before the app's own stop. */
  stop(): Promise<void>;
}

/** Starts them. */
export async function startSecondOfEach(app: TestApp): Promise<SecondOfEach> {
  const { env, log } = app.deps;
  const [apiDeps, workerDeps] = [
    createDeps(env, { process: 'api', log }),
    createDeps(env, { process: 'worker', log }),
  ];
  const api = createApiServer(apiDeps);
  const url = await listening(api.server);
  const worker = await startWorker(workerDeps, await app.workerOptions());
  return {
    url,
    call: callerOf(url, await app.keyFor('owner')),
    async stop() {
      await worker.stop();
      const closed = new Promise((resolve) => api.server.close(resolve));
      api.server.closeAllConnections();
      await closed;
      await api.close();
      await Promise.all([apiDeps.close(), workerDeps.close()]);
    },
  };
}
