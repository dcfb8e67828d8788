import { Writable } from 'node:stream';
import { onceReachable } from '../../src/main/await-database';
import { createDatabase, withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { startCuttableProxy } from '../api/cuttable-proxy';
import type { CuttableProxy } from '../api/cuttable-proxy';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { waitFor } from '../support/wait-for';

let home: TestDatabase;
let proxy: CuttableProxy;
let db: Database;
let logged: string[];

const log = createLog(
  { level: 'info', process: 'test' },
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push(chunk.toString());
      done();
    },
  }),
);
const waits = () => logged.filter((line) => line.includes('the start waits for it')).length;
const boot = () => onceReachable(log, () => withSystem(db, 'boot', (tx) => tx.one('select 1')));

beforeEach(async () => {
  logged = [];
  home = await createTestDatabase();
  proxy = await startCuttableProxy();
  db = createDatabase({ url: proxy.through(home.appUrl), applicationName: 'boot-test' });
});

afterEach(async () => {
  await db.close();
  await proxy.stop();
  await home.drop();
});

describe('a process that starts', () => {
  it('waits for a database that is away, says so once, and goes on', async () => {
    await proxy.cut();
    let tries = 0;
    const booting = onceReachable(log, () => {
      tries += 1;
      return withSystem(db, 'boot', (tx) => tx.one('select 1'));
    });
    await waitFor(
      'A third try',
      () => tries,
      (count) => count >= 3,
    );
    await proxy.restore();
    await booting;
    expect(waits()).toBe(1);
  });

  it('goes on after a database that is lost in the middle', async () => {
    let lost = false;
    await onceReachable(log, () =>
      withSystem(db, 'boot', async (tx) => {
        if (!lost) {
          lost = true;
          await proxy.cut();
          setTimeout(() => void proxy.restore(), 100);
        }
        return tx.one('select 1');
      }),
    );
    expect(waits()).toBe(1);
  });

  it('ends at once when the database is there and refuses it', async () => {
    await db.close();
    const wrong = new URL(proxy.through(home.appUrl));
    wrong.password = 'wrong';
    db = createDatabase({ url: wrong.href, applicationName: 'boot-test' });
    await expect(boot()).rejects.toMatchObject({ code: '28P01' });
    expect(waits()).toBe(0);
  });
});
