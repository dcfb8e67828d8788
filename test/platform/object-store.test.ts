import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStore, ObjectStoreSettings } from '../../src/platform/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';
import { startEmbeddedStore } from '../support/embedded-store';
import type { EmbeddedStore } from '../support/embedded-store';
import { anObject, contentOf, describeStore } from './object-store-contract';

let embedded: EmbeddedStore;
let server: ObjectStoreServer;
const settings = (): ObjectStoreSettings => embedded.settings;

beforeAll(async () => {
  embedded = await startEmbeddedStore();
  ({ server } = embedded);
});
afterEach(() => server.faults.set([]));
afterAll(() => embedded.stop());

describe('the embedded object store', () => {
  describeStore(settings);
});

describe('a store that fails', () => {
  let store: ObjectStore;
  const unreachable = expect.objectContaining({ code: 'store-unreachable' }) as unknown;
  const refused = expect.objectContaining({ code: 'store-refused' }) as unknown;

  beforeAll(() => {
    store = createObjectStore(settings());
  });
  afterAll(() => store.close());

  it('for a moment is asked again, and stores the object once', async () => {
    const object = anObject('moment');
    server.faults.set([{ mode: 'status', status: 503, times: 1 }]);
    expect(await store.put(object)).toBe('stored');
    expect(await contentOf(store, 'moment')).toEqual(object.body);
  });

  it('after it stored an object says at the second try that it is there', async () => {
    const object = anObject('after');
    server.faults.set([{ mode: 'reset', after: true, method: 'PUT', times: 1 }]);
    expect(await store.put(object)).toBe('exists');
    expect(await contentOf(store, 'after')).toEqual(object.body);
  });

  it.each([
    { mode: 'status' as const, status: 503 },
    { mode: 'status' as const, status: 500, code: 'InternalError' },
    { mode: 'reset' as const },
  ])('with %o is told apart from one that refuses', async (fault) => {
    server.faults.set([fault]);
    await expect(store.put(anObject('never'))).rejects.toEqual(unreachable);
    await expect(store.head('never')).rejects.toEqual(unreachable);
    await expect(store.get('never')).rejects.toEqual(unreachable);
    await expect(store.check()).rejects.toEqual(unreachable);
  });

  it('by saying nothing is given up', async () => {
    server.faults.set([{ mode: 'slow', delay_ms: 60_000 }]);
    const hasty = createObjectStore({ ...settings(), idleMs: 100 });
    try {
      await expect(hasty.head('slow')).rejects.toEqual(unreachable);
    } finally {
      hasty.close();
    }
  });

  it('in the middle of a body gives no object that looks whole', async () => {
    await store.put(anObject('cut', Buffer.alloc(100_000, 7)));
    server.faults.set([{ mode: 'cut-body' }]);
    await expect(contentOf(store, 'cut')).rejects.toEqual(unreachable);
  });

  it('tells of refusals what S3 calls them, and neither key nor address', async () => {
    server.faults.set([{ mode: 'status', status: 403, code: 'AccessDenied' }]);
    const told = await store.put(anObject('secret-key-name')).catch((error: unknown) => error);
    expect(told).toEqual(refused);
    expect((told as Error).message).toBe('PUT was answered 403 (AccessDenied).');
  });

  it('is not dialled at an address that is closed to outgoing calls', async () => {
    expect(() => createObjectStore({ ...settings(), allowCidrs: [] })).toThrow('private address');
    const named = server.url.replace('127.0.0.1', 'localhost');
    const closed = createObjectStore({ ...settings(), endpoint: named, allowCidrs: [] });
    try {
      const before = server.requests().length;
      await expect(closed.check()).rejects.toEqual(unreachable);
      expect(server.requests()).toHaveLength(before);
    } finally {
      closed.close();
    }
  });

  it('does not say which checksum an object has: then there is none', async () => {
    const object = anObject('no-checksum');
    await store.put(object);
    server.faults.set([{ mode: 'no-checksum' }]);
    expect(await store.head(object.key)).toMatchObject({ bytes: 1_000, sha256: null });
  });
});
