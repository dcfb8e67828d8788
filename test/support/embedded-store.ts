import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStoreSettings } from '../../src/platform/object-store';
import { startObjectStore } from '../../src/servers/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';

/** An embedded object store of a test's own, and how it is reached. */
export interface EmbeddedStore {
  readonly server: ObjectStoreServer;
  readonly settings: ObjectStoreSettings;
  stop(): Promise<void>;
}

const bucket = 'usher-audit';
const credentials = { accessKey: 'usher', secretKey: 'usher-secret' };

/** Starts one, with a bucket that has object lock. */
export async function startEmbeddedStore(): Promise<EmbeddedStore> {
  const dir = mkdtempSync(join(tmpdir(), 'usher-objects-'));
  const server = await startObjectStore({ ...credentials, port: 0, dir, bucket });
  return {
    server,
    settings: {
      ...credentials,
      endpoint: server.url,
      region: 'us-east-1',
      bucket,
      encrypt: false,
      allowCidrs: ['127.0.0.0/8'],
      idleMs: 2_000,
    },
    async stop() {
      await server.stop();
      rmSync(dir, { recursive: true });
    },
  };
}
