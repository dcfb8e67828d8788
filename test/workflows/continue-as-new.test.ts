import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { installRuntime } from '../../src/main/temporal-part';
import { newId } from '../../src/platform/ids';
import { createLog } from '../../src/platform/log';
import { temporalServer, workflowBundle } from '../support/test-servers';

/** Four of these make a history so long that the server suggests a new run; workflows look past it. */
const ballast = 'x'.repeat(1_200_000);

let views: number;
let drives: number;
let native: NativeConnection;
let client: Client;
let worker: Worker;
let running: Promise<void>;

/** Work that is never done in the first run, and at the first look of the second. */
const look = () => {
  views += 1;
  return views === 1
    ? { state: 'going on', step: 'store', waitMs: 0 }
    : { state: 'done', step: null, waitMs: 0 };
};
const drive = async () => {
  drives += 1;
  // A server that suggests nothing shall not be filled.
  if (drives > 12) return { state: 'no new run', step: null, waitMs: 0 };
  await pause(10);
  return { state: 'going on', step: 'store', waitMs: 0, ballast };
};

beforeAll(async () => {
  const [{ address, namespace }, { codePath }] = await Promise.all([
    temporalServer(),
    workflowBundle(),
  ]);
  installRuntime(createLog({ level: 'silent', process: 'test' }));
  native = await NativeConnection.connect({ address });
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue: `continue-as-new-${newId()}`,
    workflowBundle: { codePath },
    activities: { viewBatch: look, driveBatch: drive, viewRestore: look, driveRestore: drive },
  });
  running = worker.run();
}, 120_000);
beforeEach(() => {
  [views, drives] = [0, 0];
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await native.close();
  await client.connection.close();
});

describe('a run whose history has grown long', () => {
  test.each([
    ['archiveAudit', { batchId: 'b' }],
    ['restoreArchive', { restoreId: 'r' }],
  ])('of %s goes on in a new one, which ends', async (type, input) => {
    const { taskQueue } = worker.options;
    const handle = await client.workflow.start(type, {
      taskQueue,
      workflowId: `${type}/${newId()}`,
      args: [input],
    });
    expect(await handle.result()).toBe('done');
    const first = client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
    expect((await first.describe()).status.name).toBe('CONTINUED_AS_NEW');
    expect(views).toBe(2);
  });
});
