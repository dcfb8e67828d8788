import { wakeKeyRotation } from '../../src/domain/api-keys/wake';
import { requestDueRotations } from '../../src/domain/api-keys/request-rotation';
import { withSystem } from '../../src/platform/db';
import { issued, tenant } from '../api/api-keys/key-world';
import { firstUse, order, passHours, rotated, use } from '../api/api-keys/rotation-world';
import { sql } from '../api/rows';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

/** Takes a course that the rotation of an API key can take, and names the workflow whose history shows it. */
type KeyCourse = (app: TestApp) => Promise<string>;

interface RotationId {
  readonly id: string;
}

const workflowOf = ({ id }: RotationId): string => `api-key-rotation/${id}`;

/** Lets time go by, has the driver look, and waits for what it writes down. */
async function later(
  app: TestApp,
  rotation: RotationId,
  hours: number,
  written: string,
): Promise<void> {
  await passHours(app, rotation, hours);
  await withSystem(app.deps.db, 'relay', (tx) =>
    app.deps.outbox.wake(tx, wakeKeyRotation(rotation.id)),
  );
  await waitFor(
    written,
    () =>
      sql<{ state: string; told: string[] }>(
        app,
        `select state, (select array_agg(type) from key_rotation_events where rotation_id = r.id) as told
         from key_rotations as r where id = $1`,
        [rotation.id],
      ),
    ([row]) => row?.state === written || row?.told.includes(written) === true,
  );
}

/** The courses of `rotateApiKey`, by the names of their files. */
export const keyCourses: Readonly<Record<string, KeyCourse>> = {
  'key-rotated': async (app) => {
    const rotation = await rotated(app, await tenant(app), { overlap_hours: 48 });
    await firstUse(app, rotation.successor.id);
    await later(app, rotation, 0, 'overlapping');
    await later(app, rotation, 24, 'reminded');
    await later(app, rotation, 24, 'draining');
    await later(app, rotation, 72, 'completed');
    return workflowOf(rotation);
  },

  'key-never-used': async (app) => {
    const rotation = await rotated(app, await tenant(app), { deadline_hours: 10 });
    await later(app, rotation, 5, 'reminded');
    await later(app, rotation, 5, 'draining');
    await later(app, rotation, 72, 'completed');
    return workflowOf(rotation);
  },

  'key-extended': async (app) => {
    const clocks = { overlap_hours: 10, at_deadline: 'extend', max_extensions: 1 };
    const rotation = await rotated(app, await tenant(app), clocks);
    await firstUse(app, rotation.successor.id);
    await later(app, rotation, 0, 'overlapping');
    await passHours(app, rotation, 9.5);
    await use(app, rotation.old.id);
    await later(app, rotation, 0, 'extended');
    await later(app, rotation, 24.6, 'draining');
    await later(app, rotation, 72, 'completed');
    return workflowOf(rotation);
  },

  'key-left-to-expire': async (app) => {
    const clocks = { overlap_hours: 10, at_deadline: 'extend' };
    const rotation = await rotated(app, await tenant(app), clocks);
    await firstUse(app, rotation.successor.id);
    await later(app, rotation, 9.5, 'left_to_expire');
    await later(app, rotation, 0.5, 'draining');
    await later(app, rotation, 72, 'completed');
    return workflowOf(rotation);
  },

  'key-finished-early': async (app) => {
    const clocks = { overlap_hours: 100, finish_early_after_hours: 1 };
    const rotation = await rotated(app, await tenant(app), clocks);
    await firstUse(app, rotation.successor.id);
    await later(app, rotation, 1, 'draining');
    await later(app, rotation, 72, 'completed');
    return workflowOf(rotation);
  },

  'key-rolled-back': async (app) => {
    const rotation = await rotated(app, await tenant(app));
    await firstUse(app, rotation.successor.id);
    await later(app, rotation, 0, 'overlapping');
    await order(app, rotation, 'rollback');
    return workflowOf(rotation);
  },

  'key-cancelled': async (app) => {
    const rotation = await rotated(app, await tenant(app));
    await order(app, rotation, 'cancel');
    return workflowOf(rotation);
  },

  'key-compromised': async (app) => {
    const rotation = await rotated(app, await tenant(app), { reason: 'compromised' });
    await later(app, rotation, 1, 'reminded');
    return workflowOf(rotation);
  },

  'key-requested': async (app) => {
    const own = await tenant(app);
    const body = { tenant_id: own, rotate_after_days: 1 };
    await app.call('PUT', '/v1/api-keys/policy', { body });
    const key = await issued(app, own);
    await sql(app, `update api_keys set created_at = now() - interval '2 days' where id = $1`, [
      key.id,
    ]);
    await requestDueRotations(app.deps);
    const { rotation } = (await app.call('GET', `/v1/api-keys/${key.id}`)).body;
    await later(app, rotation, 168, 'reminded');
    await app.call('DELETE', `/v1/api-keys/${key.id}`);
    return workflowOf(rotation);
  },
};
