import { withSystem } from '../../src/platform/db';
import { wakeKeyRotation } from '../../src/domain/api-keys/wake';
import { statusOfPlaintext, tenant } from '../api/api-keys/key-world';
import { firstUse, order, passHours, rotated, shown, use } from '../api/api-keys/rotation-world';
import type { Rotated } from '../api/api-keys/rotation-world';
import { sql } from '../api/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

let app: TestApp;
let acme: string;
beforeEach(async () => {
  app = await startTestApp();
  acme = await tenant(app);
}, 120_000);
afterEach(() => app.stop());

const stateOf = async (rotation: { id: string }): Promise<string | undefined> => {
  const [row] = await sql<{ state: string }>(app, 'select state from key_rotations where id = $1', [
    rotation.id,
  ]);
  return row?.state;
};
const written = (rotation: { id: string }, state: string) =>
  waitFor(
    `The row in state ${state}`,
    () => stateOf(rotation),
    (now) => now === state,
    40,
  );
const wake = (rotation: { id: string }): Promise<void> =>
  withSystem(app.deps.db, 'relay', (tx) => app.deps.outbox.wake(tx, wakeKeyRotation(rotation.id)));
const endOf = async ({ old }: Rotated): Promise<string> =>
  (await app.call('GET', `/v1/api-keys/${old.id}`)).body.ends_at;

describe('while every worker is dead', () => {
  test('old keys end at their time, overlaps begin, and orders are carried out; a new worker catches up', async () => {
    const worker = app.workers[0];
    const ending = await rotated(app, acme, { overlap_hours: 2 });
    const given = await rotated(app, acme, { overlap_hours: 2 });
    const extendable = await rotated(app, acme, { overlap_hours: 2, at_deadline: 'extend' });
    for (const rotation of [ending, given, extendable]) {
      await firstUse(app, rotation.successor.id);
      await wake(rotation);
      await written(rotation, 'overlapping');
    }
    await worker?.stop();

    const begun = await rotated(app, acme, { overlap_hours: 2 });
    await firstUse(app, begun.successor.id);
    expect((await shown(app, begun)).state).toBe('overlapping');
    const back = await order(app, given, 'rollback');
    expect([back.status, back.body.state]).toEqual([200, 'rolled_back']);
    // Still in use at its end, and nobody there to decide: the key ends when it was to.
    await use(app, extendable.old.id);
    for (const rotation of [ending, extendable]) await passHours(app, rotation, 2);
    for (const rotation of [ending, extendable]) {
      expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
      expect((await shown(app, rotation)).state).toBe('draining');
      expect(await stateOf(rotation)).toBe('overlapping');
    }
    const end = await endOf(extendable);

    await app.startWorker();
    for (const rotation of [ending, extendable]) {
      await wake(rotation);
      await written(rotation, 'draining');
      expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    }
    expect(await endOf(extendable)).toBe(end);
    await written(begun, 'overlapping');
    expect(await statusOfPlaintext(app, given.old.plaintext)).toBe('active');
  });
});

describe('while Temporal is not to be reached', () => {
  test('keys are rotated and orders carried out all the same', async () => {
    const lonely = await startTestApp({ worker: false, env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    try {
      const own = await tenant(lonely);
      const rotation = await rotated(lonely, own);
      await firstUse(lonely, rotation.successor.id);
      const { status, body } = await order(lonely, rotation, 'complete');
      expect([status, body.state]).toEqual([200, 'draining']);
      expect(await statusOfPlaintext(lonely, rotation.old.plaintext)).toBe('rotated');
    } finally {
      await lonely.stop();
    }
  });
});

describe('a clock that jumps', () => {
  test('on a machine of ours changes nothing: the database’s clock is the only one that decides', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 2, at_deadline: 'extend' });
    await firstUse(app, rotation.successor.id);
    await wake(rotation);
    await written(rotation, 'overlapping');
    const end = await endOf(rotation);
    const real = Date.now.bind(Date);
    for (const jump of [-400, 400]) {
      jest.spyOn(Date, 'now').mockImplementation(() => real() + jump * 24 * 3_600_000);
      await wake(rotation);
      await wake(rotation);
      expect((await shown(app, rotation)).state).toBe('overlapping');
      jest.restoreAllMocks();
    }
    expect(await endOf(rotation)).toBe(end);
    expect(await stateOf(rotation)).toBe('overlapping');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('active');
  });

  test('of the database forward ends keys early, and back again does not bring one back', async () => {
    const rotation = await rotated(app, acme, { overlap_hours: 2 });
    await firstUse(app, rotation.successor.id);
    await passHours(app, rotation, 3);
    await wake(rotation);
    await written(rotation, 'draining');
    await passHours(app, rotation, -3);
    await wake(rotation);
    expect((await shown(app, rotation)).state).toBe('draining');
    // What the clock gives back the key has as well: nothing is longer than it was when the overlap began.
    const { first_used_at: used, old_key_ends_at: ends } = await shown(app, rotation);
    expect(Date.parse(ends) - Date.parse(used)).toBe(2 * 3_600_000);
  });
});
