import type { WorkflowHandle } from '@temporalio/client';
import { requestDueRotations } from '../../src/domain/api-keys/request-rotation';
import { wakeAllRotationsFrom } from '../../src/domain/api-keys/reconciler';
import { wakeKeyRotation } from '../../src/domain/api-keys/wake';
import { withSystem } from '../../src/platform/db';
import { issue, issued, oneOf, rotate, statusOfPlaintext, tenant } from '../api/api-keys/key-world';
import { firstUse, order, passHours, rotated, shown, use } from '../api/api-keys/rotation-world';
import type { Rotated } from '../api/api-keys/rotation-world';
import { sql } from '../api/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { mailsTo } from './courses';
import { openRows } from './rows';

let app: TestApp;
let acme: string;
let admin: Awaited<ReturnType<typeof oneOf>>;
beforeAll(async () => {
  app = await startTestApp();
  acme = await tenant(app);
  admin = await oneOf(app, acme, 'admin');
}, 120_000);
afterAll(() => app.stop());

const wake = (rotation: { id: string }): Promise<void> =>
  withSystem(app.deps.db, 'relay', (tx) => app.deps.outbox.wake(tx, wakeKeyRotation(rotation.id)));
const rowOf = async (rotation: { id: string }) => {
  const [row] = await sql<{ state: string; extensions: number; reminders: Record<string, string> }>(
    app,
    'select state, extensions, reminders from key_rotations where id = $1',
    [rotation.id],
  );
  return row;
};
/** Waits for what the driver writes down. */
const written = (rotation: { id: string }, state: string) =>
  waitFor(
    `The row in state ${state}`,
    () => rowOf(rotation),
    (row) => row?.state === state,
  );
const told = (rotation: { id: string }, name: string) =>
  waitFor(
    `The mail ${name}`,
    () => rowOf(rotation),
    (row) => row?.reminders[name] !== undefined,
  );
/** Lets time go by and has the driver look, as its own timer would. */
const later = async (rotation: { id: string }, hours: number): Promise<void> => {
  await passHours(app, rotation, hours);
  await wake(rotation);
};
const subjects = (email = admin.email): string[] =>
  mailsTo(app, email).map(({ subject }) => subject);
const handleOf = (rotation: { id: string }): WorkflowHandle =>
  app.deps.temporal.client.workflow.getHandle(`api-key-rotation/${rotation.id}`);
const mailed = (pattern: RegExp, email = admin.email) =>
  waitFor(
    `A mail ${String(pattern)}`,
    () => Promise.resolve(subjects(email)),
    (all) => all.some((subject) => pattern.test(subject)),
  );

describe('the workflow of a rotation', () => {
  test('goes with it from the first use to the day when nothing can be taken back, and ends', async () => {
    const rotation = await rotated(app, acme, {}, { name: 'whole way' });
    await firstUse(app, rotation.successor.id);
    await wake(rotation);
    await written(rotation, 'overlapping');
    await mailed(/whole way ends on/);
    await later(rotation, 24);
    await written(rotation, 'draining');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    await later(rotation, 72);
    await written(rotation, 'completed');
    expect(await handleOf(rotation).result()).toBe('completed');
    const { events } = await shown(app, rotation);
    expect(events.map(({ type }: { type: string }) => type)).toEqual([
      'started',
      'first_used',
      'reminded',
      'old_key_ended',
      'completed',
    ]);
  });

  test('reminds a week, a day and an hour before the end, each once, whatever wakes it in between', async () => {
    const rotation = await rotated(app, acme, { deadline_hours: 720 }, { name: 'patient' });
    await later(rotation, 552.5);
    await told(rotation, 'T-7d');
    await Promise.all([wake(rotation), wake(rotation), wake(rotation)]);
    await later(rotation, 144);
    await told(rotation, 'T-1d');
    await later(rotation, 23);
    await told(rotation, 'T-1h');
    await wake(rotation);
    await waitFor(
      'Three mails about the end',
      () => Promise.resolve(subjects().filter((subject) => /patient ends on/.test(subject))),
      (mails) => mails.length === 3,
    );
  });

  test('tells that the new key was never used, before the end and once', async () => {
    const rotation = await rotated(app, acme, {}, { name: 'forgotten' });
    await later(rotation, 72);
    await told(rotation, 'never-used');
    await mailed(/forgotten was never used/);
    await later(rotation, 1);
    expect(subjects().filter((subject) => /forgotten was never used/.test(subject))).toHaveLength(
      1,
    );
  });

  test('writes in the language of each reader', async () => {
    const own = await tenant(app);
    const german = await oneOf(app, own, 'owner');
    const russian = await oneOf(app, own, 'admin');
    await sql(app, `update users set locale = 'de' where id = $1`, [german.id]);
    await sql(app, `update users set locale = 'ru' where id = $1`, [russian.id]);
    const rotation = await rotated(app, own, { overlap_hours: 1 }, { name: 'Laden' });
    await firstUse(app, rotation.successor.id);
    await wake(rotation);
    await mailed(/Der API-Schlüssel Laden endet am/, german.email);
    await mailed(/API-ключ Laden перестанет действовать/, russian.email);
  });
});

describe('the policy extend', () => {
  test('gives an old key that is still in use more time, an hour before its end, as often as it allows', async () => {
    const rotation = await rotated(
      app,
      acme,
      { at_deadline: 'extend', extend_hours: 5, max_extensions: 2, overlap_hours: 10 },
      { name: 'busy' },
    );
    await firstUse(app, rotation.successor.id);
    for (const [extensions, hours] of [
      [1, 9.5],
      [2, 5],
    ] as const) {
      await passHours(app, rotation, hours);
      await use(app, rotation.old.id);
      await wake(rotation);
      await waitFor(
        `Extension ${String(extensions)}`,
        () => rowOf(rotation),
        (row) => row?.extensions === extensions,
      );
      expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('active');
    }
    await mailed(/busy got more time/);
    // No third one: it ends where the second put it.
    await use(app, rotation.old.id);
    await later(rotation, 5.6);
    await written(rotation, 'draining');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
  });

  test('lets one that is idle expire, and says so in its history', async () => {
    const rotation = await rotated(app, acme, { at_deadline: 'extend', overlap_hours: 10 });
    await use(app, rotation.old.id, 60);
    await firstUse(app, rotation.successor.id);
    await later(rotation, 9.5);
    await told(rotation, 'decision');
    expect(await rowOf(rotation)).toMatchObject({ extensions: 0 });
    await later(rotation, 0.5);
    await written(rotation, 'draining');
    const types = (await shown(app, rotation)).events.map(({ type }: { type: string }) => type);
    expect(types).toContain('left_to_expire');
  });
});

describe('an early finish', () => {
  test('ends the old key once the new one is used and the old one was idle for as long as was asked', async () => {
    const rotation = await rotated(app, acme, {
      overlap_hours: 100,
      finish_early_after_hours: 6,
    });
    await firstUse(app, rotation.successor.id);
    await use(app, rotation.old.id);
    await later(rotation, 5);
    await written(rotation, 'overlapping');
    await use(app, rotation.old.id);
    await later(rotation, 5);
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('active');
    await later(rotation, 1);
    await written(rotation, 'draining');
    expect(await statusOfPlaintext(app, rotation.old.plaintext)).toBe('rotated');
    const types = (await shown(app, rotation)).events.map(({ type }: { type: string }) => type);
    expect(types).toContain('finished_early');
  });
});

describe('an order', () => {
  test('is seen by the workflow, which goes on from there', async () => {
    const rotation = await rotated(app, acme);
    await firstUse(app, rotation.successor.id);
    await order(app, rotation, 'rollback');
    expect(await handleOf(rotation).result()).toBe('rolled_back');
  });

  test('of a cancel ends it', async () => {
    const rotation = await rotated(app, acme);
    await order(app, rotation, 'cancel');
    expect(await handleOf(rotation).result()).toBe('cancelled');
  });
});

describe('a compromised key', () => {
  test('has a workflow that only watches whether the new one is put to use', async () => {
    const used = await rotated(app, acme, { reason: 'compromised' }, { name: 'burnt' });
    await firstUse(app, used.successor.id);
    await wake(used);
    expect(await handleOf(used).result()).toBe('compromised');
    const unused = await rotated(app, acme, { reason: 'compromised' }, { name: 'burnt twice' });
    await later(unused, 1);
    await mailed(/burnt twice was never used/);
    expect(await handleOf(unused).result()).toBe('compromised');
  });
});

describe('a scheduled rotation', () => {
  test('is requested at the age that the tenant wants, mints nothing, and waits for its owner', async () => {
    const own = await tenant(app);
    const owner = await oneOf(app, own, 'owner');
    await app.call('PUT', '/v1/api-keys/policy', {
      body: { tenant_id: own, rotate_after_days: 90 },
    });
    const { body: old } = await issue(app, own, { name: 'aged' }, owner);
    const young = await issued(app, own, { name: 'young' });
    await sql(app, `update api_keys set created_at = now() - interval '91 days' where id = $1`, [
      old.id,
    ]);
    expect(await requestDueRotations(app.deps)).toBe(1);
    expect(await requestDueRotations(app.deps)).toBe(0);
    const keys = (await app.call('GET', `/v1/api-keys?tenant_id=${own}`)).body.items;
    expect(keys).toHaveLength(2);
    const requested = (await app.call('GET', `/v1/api-keys/${old.id}`)).body.rotation;
    expect(requested).toMatchObject({ state: 'requested', reason: 'scheduled', deadline_at: null });
    expect((await app.call('GET', `/v1/api-keys/${young.id}`)).body.rotation).toBeNull();
    await mailed(/Please rotate the API key aged/, owner.email);
    await passHours(app, requested, 168);
    await wake(requested);
    await told(requested, 'still-requested');

    const { body } = await app.call('POST', `/v1/api-keys/${old.id}/rotate`, owner);
    expect(body.rotation).toMatchObject({
      id: requested.id,
      state: 'pending',
      reason: 'scheduled',
    });
    const rotation: Rotated = { id: requested.id, old, successor: body };
    await firstUse(app, body.id);
    await wake(rotation);
    await written(rotation, 'overlapping');
  });

  test('that its owner dismisses is not requested again for as long', async () => {
    const own = await tenant(app);
    await app.call('PUT', '/v1/api-keys/policy', {
      body: { tenant_id: own, rotate_after_days: 1 },
    });
    const key = await issued(app, own);
    await sql(app, `update api_keys set created_at = now() - interval '2 days' where id = $1`, [
      key.id,
    ]);
    await requestDueRotations(app.deps);
    const { rotation } = (await app.call('GET', `/v1/api-keys/${key.id}`)).body;
    await order(app, { id: rotation.id, old: key, successor: null }, 'cancel');
    expect(await requestDueRotations(app.deps)).toBe(0);
    expect(await statusOfPlaintext(app, key.plaintext)).toBe('active');
  });

  test('is given up when its key is revoked meanwhile', async () => {
    const own = await tenant(app);
    await app.call('PUT', '/v1/api-keys/policy', {
      body: { tenant_id: own, rotate_after_days: 1 },
    });
    const key = await issued(app, own);
    await sql(app, `update api_keys set created_at = now() - interval '2 days' where id = $1`, [
      key.id,
    ]);
    await requestDueRotations(app.deps);
    const { rotation } = (await app.call('GET', `/v1/api-keys/${key.id}`)).body;
    await app.call('DELETE', `/v1/api-keys/${key.id}`);
    await written(rotation, 'cancelled');
    expect(await handleOf(rotation).result()).toBe('cancelled');
  });
});

describe('keys that expire', () => {
  test('are told of once, by an event', async () => {
    const own = await tenant(app);
    const key = await issued(app, own, { expires_at: '2099-01-01T00:00:00Z' });
    await sql(app, 'update api_keys set expires_at = now() where id = $1', [key.id]);
    const start = (id: string) =>
      app.deps.temporal.client.workflow.execute('lookAfterKeys', {
        workflowId: id,
        taskQueue: app.deps.env.TASK_QUEUE,
      });
    await start('look-once');
    await start('look-twice');
    const rows = await sql<{ data: { key_id: string; reason: string } }>(
      app,
      `select data from events where tenant_id = $1 and type = 'apikey.expired.v1'`,
      [own],
    );
    expect(rows.map(({ data }) => [data.key_id, data.reason])).toEqual([[key.id, 'expired']]);
  });
});

describe('a lost run', () => {
  test('is replaced by one that goes on from the rows', async () => {
    const rotation = await rotated(app, acme);
    await firstUse(app, rotation.successor.id);
    await wake(rotation);
    await written(rotation, 'overlapping');
    await handleOf(rotation).terminate('The test takes it away');
    await passHours(app, rotation, 24);
    await withSystem(app.deps.db, 'reconciler', async (tx) => {
      let from: string | null = null;
      do from = await wakeAllRotationsFrom(tx, app.deps, from);
      while (from !== null);
    });
    await written(rotation, 'draining');
  });
});

describe('a tenant that is purged', () => {
  test('takes its rotations along: their workflows end', async () => {
    const own = await tenant(app);
    const rotation = await rotated(app, own);
    await waitFor(
      'The first look',
      () =>
        sql(app, 'select 1 from key_rotations where id = $1 and driven_at is not null', [
          rotation.id,
        ]),
      (rows) => rows.length === 1,
    );
    const superuser = await openRows(app);
    await superuser.query('delete from key_rotation_events where rotation_id = $1', [rotation.id]);
    await superuser.query('delete from key_rotations where id = $1', [rotation.id]);
    await superuser.close();
    await wake(rotation);
    expect(await handleOf(rotation).result()).toBe('cancelled');
  });
});

describe('two rotations at once', () => {
  test('of one key: one begins, one workflow runs, and it goes its way', async () => {
    const old = await issued(app, acme);
    const answers = await Promise.all([rotate(app, old.id), rotate(app, old.id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const { body: successor } = answers.find(({ status }) => status === 201) ?? { body: null };
    const rotation: Rotated = { id: successor.rotation.id, old, successor };
    await firstUse(app, successor.id);
    await wake(rotation);
    await written(rotation, 'overlapping');
    expect(await statusOfPlaintext(app, old.plaintext)).toBe('active');
  });
});
