import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStore } from '../../src/platform/object-store';
import {
  fetchDigest,
  firstKey,
  holds,
  putBytes,
  putChecked,
  readObject,
} from '../../src/platform/object-store-bytes';
import type { ObjectStoreServer } from '../../src/servers/object-store';
import { startEmbeddedStore } from '../support/embedded-store';
import type { EmbeddedStore } from '../support/embedded-store';
import { anObject } from './object-store-contract';

let embedded: EmbeddedStore;
let server: ObjectStoreServer;
let store: ObjectStore;

beforeAll(async () => {
  embedded = await startEmbeddedStore();
  ({ server } = embedded);
  store = createObjectStore(embedded.settings);
});
afterEach(() => server.faults.set([]));
afterAll(async () => {
  store.close();
  await embedded.stop();
});

const code = (name: string) => expect.objectContaining({ code: name }) as unknown;

describe('an object that is put and looked at', () => {
  it('is there, a second time as well as the first', async () => {
    const object = anObject('twice');
    await putChecked(store, object);
    await putChecked(store, object);
    expect(await readObject(store, 'twice')).toEqual(object.body);
    expect(await fetchDigest(store, 'twice')).toEqual({ bytes: 1_000, sha256: object.sha256 });
  });

  it.each([{ mode: 'unstored' as const }, { mode: 'cut-upload' as const }])(
    'is missed when the store has %o',
    async (fault) => {
      server.faults.set([fault]);
      const object = anObject(`lied-${fault.mode}`);
      await expect(putChecked(store, object)).rejects.toEqual(code('store-unreachable'));
    },
  );

  it('is not taken for another one that is there', async () => {
    await putBytes(store, 'place', Buffer.from('one'), 'text/plain');
    const other = putBytes(store, 'place', Buffer.from('two'), 'text/plain');
    await expect(other).rejects.toEqual(code('store-content-mismatch'));
  });

  it('is fetched where the store tells no checksum, and found wrong there', async () => {
    const object = anObject('untold');
    const wanted = { ...object, bytes: 1_000 };
    server.faults.set([{ mode: 'no-checksum' }]);
    await putChecked(store, object);
    server.faults.set([{ mode: 'no-checksum' }, { mode: 'changed-byte' }]);
    expect(await holds(store, wanted)).toBe(false);
    server.faults.set([{ mode: 'wrong-checksum' }]);
    expect(await holds(store, wanted)).toBe(false);
  });
});

describe('reading', () => {
  it('ends at an object that is longer than expected', async () => {
    await putChecked(store, anObject('long', Buffer.alloc(2_000)));
    await expect(readObject(store, 'long', 1_999)).rejects.toEqual(code('store-refused'));
    expect((await readObject(store, 'long', 2_000))?.length).toBe(2_000);
    expect(await readObject(store, 'nothing')).toBeNull();
    expect(await fetchDigest(store, 'nothing')).toBeNull();
  });

  it('finds the first key below a prefix', async () => {
    for (const key of ['p/2', 'p/1', 'q/0']) await putChecked(store, anObject(key));
    expect([await firstKey(store, 'p/'), await firstKey(store, 'r/')]).toEqual(['p/1', undefined]);
  });
});
