import { randomUUID } from 'node:crypto';
import { wakeRestore } from '../../src/domain/archive/wake';
import { withSystem } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { sql } from '../api/rows';
import { requestDueRotations } from '../../src/domain/api-keys/request-rotation';
import { issued, tenant } from '../api/api-keys/key-world';
import { keyCourses } from '../histories/key-courses';
import { lifecycleCourses } from '../histories/lifecycle-courses';
import { onboardingCourses } from '../histories/onboarding-courses';
import type { Course, Stage } from '../histories/onboarding-courses';
import { marketplaceToken } from '../support/journey';
import { waitFor } from '../support/wait-for';
import { paths } from '../workflows/backend-control';
import { active, onboard, order, parked } from '../workflows/courses';

/** Takes a course; what came of it is for the audit log to tell. */
type StepCourse = (stage: Stage) => Promise<unknown>;

const ends = ({ app }: Stage, workflowId: string): Promise<unknown> =>
  app.deps.temporal.client.workflow.getHandle(workflowId).result();

const tick = ({ app }: Stage, type: string): Promise<unknown> =>
  app.deps.temporal.client.workflow.execute(type, {
    taskQueue: app.deps.env.TASK_QUEUE,
    workflowId: `${type}/${newId()}`,
  });

const untilSql = (what: string, { app }: Stage, text: string, params: readonly unknown[] = []) =>
  waitFor(
    what,
    () => sql(app, text, params),
    (rows) => rows.length > 0,
    60,
  );

/** Entries of the first partition of the log. */
const partition = 8_192;

const own: Readonly<Record<string, StepCourse>> = {
  'fixed and skipped': async ({ app, backend }) => {
    await backend.faults(
      { path: paths.addToken, mode: 'status', status: 400, times: 1 },
      { path: paths.smoke, mode: 'status', status: 400, times: 1 },
    );
    const invited = await onboard(app);
    await parked(app, invited);
    await order(app, invited, 'fix', { wb_token: marketplaceToken() });
    await waitFor(
      'The second stop',
      async () => (await app.call('GET', `/onboarding/jobs/${invited.jobId}`)).body,
      (job) => job.status === 'failed' && job.failed_step === 'sample.smoke',
    );
    await order(app, invited, 'skip');
    await active(app, invited);
  },

  'a token that is refused': async (stage) => {
    const { app, backend } = stage;
    const invited = await onboard(app);
    await active(app, invited);
    await backend.faults({
      path: paths.addToken,
      mode: 'status',
      status: 500,
      message: 'failed to add token: it has no segments',
    });
    const { body } = await app.call('POST', '/onboarding/wb-tokens/rotate', {
      body: { client_id: invited.clientId, wb_token: marketplaceToken(), reason: 'It is old' },
    });
    await ends(stage, `token-rotation/${String(body.rotation_id)}`);
  },

  'repairs that succeed and fail': async (stage) => {
    const { app, rows, backend } = stage;
    const invited = await onboard(app);
    await active(app, invited);
    const [tenant] = await sql<{ slug: string }>(app, 'select slug from tenants where id = $1', [
      invited.clientId,
    ]);
    const slug = tenant?.slug ?? '';
    for (const status of [undefined, 403]) {
      await backend.faults(
        ...(status === undefined ? [] : [{ path: paths.verify, mode: 'status', status } as const]),
      );
      const { id } = await rows.one(
        `update tenant_resources set drift = 'missing' where tenant_id = $1 returning id`,
        [invited.clientId],
      );
      await app.call('POST', `/tenants/${slug}/resources/${String(id)}/repair`, {
        body: { reason: 'It is gone' },
      });
      await untilSql(
        'The end of the repair',
        stage,
        `select 1 from resource_repairs where resource_id = $1 and state = $2`,
        [id, status === undefined ? 'done' : 'failed'],
      );
    }
  },

  'a comparison that looks at the backend': async (stage) => {
    const { app, rows } = stage;
    const invited = await onboard(app);
    await active(app, invited);
    // What was looked at seconds ago is not looked at again.
    const { id } = await rows.one(
      `update tenant_resources set checked_at = null where tenant_id = $1 returning id`,
      [invited.clientId],
    );
    await app.call('POST', `/tenants/${invited.clientId}/reconcile`);
    await untilSql(
      'The comparison',
      stage,
      `select 1 from tenant_resources where id = $1 and checked_at is not null`,
      [id],
    );
  },

  'a comparison that finds something missing': async (stage) => {
    const { app, rows } = stage;
    const invited = await onboard(app);
    await active(app, invited);
    const { id } = await rows.one(
      `update tenant_resources set status = 'pending', drift = null, created_at = now() - interval '1 day'
       where tenant_id = $1 returning id`,
      [invited.clientId],
    );
    await app.call('POST', `/tenants/${invited.clientId}/reconcile`);
    await untilSql(
      'The comparison',
      stage,
      `select 1 from tenant_resources where id = $1 and drift = 'missing'`,
      [id],
    );
  },

  'a requested rotation whose key expires': async (stage) => {
    const { app, rows } = stage;
    const own = await tenant(app);
    await app.call('PUT', '/v1/api-keys/policy', {
      body: { tenant_id: own, rotate_after_days: 1 },
    });
    const key = await issued(app, own);
    await rows.query(
      `update api_keys set created_at = now() - interval '2 days', expires_at = now() + interval '2 seconds' where id = $1`,
      [key.id],
    );
    await requestDueRotations(app.deps);
    await untilSql(
      'The end of the request',
      stage,
      `select 1 from key_rotations where old_key_id = $1 and state = 'cancelled'`,
      [key.id],
    );
  },

  'ticks of the schedules': async (stage) => {
    const { app, rows } = stage;
    await rows.query(`update rollout set stage = '25', since = now() - interval '1 day'`);
    await app.call('POST', '/onboarding/incidents', {
      body: { title: 'Down', severity: 'critical' },
    });
    for (const type of ['evaluateRollout', 'planReconciliation', 'lookAfterKeys', 'verifyAudit'])
      await tick(stage, type);
    await rows.query(`update rollout set stage = '100', frozen_at = null, frozen_reason = null`);
  },

  'a range that is archived, dropped and restored': async (stage) => {
    const { app, rows } = stage;
    for (let sent = 0; sent < partition + 300; sent += 500) {
      const events = Array.from({ length: 500 }, () => ({
        action: 'order.shipped',
        tenant_id: randomUUID(),
      }));
      await app.call('POST', '/v1/audit', { body: { events } });
    }
    await untilSql(
      'A published checkpoint',
      stage,
      'select 1 from audit_checkpoints where published_at is not null and size > $1',
      [partition],
    );
    await tick(stage, 'planArchive');
    await app.call('POST', '/audit/archive/run');
    await untilSql('The drop', stage, `select 1 from audit_batches where state = 'pruned'`);
    const { body } = await app.call('GET', '/audit/archives');
    const { id } = body.items.at(-1);
    await app.call('POST', `/audit/archives/${String(id)}/restore`);
    await untilSql('The restore', stage, `select 1 from audit_restores where state = 'restored'`);
    // Its time is over, and what is fetched then is not what was archived.
    await rows.query(`update audit_restores set expires_at = now()`);
    const [{ id: restoreId }] = await rows.query('select id from audit_restores');
    await withSystem(app.deps.db, 'relay', (tx) =>
      wakeRestore(tx, app.deps.outbox, String(restoreId)),
    );
    await untilSql('Its end', stage, `select 1 from audit_restores where state = 'ended'`);
    await rows.query(`update audit_batches set leaves_sha256 = sha256('other') where id = $1`, [
      id,
    ]);
    await app.call('POST', `/audit/archives/${String(id)}/restore`);
    await untilSql('The refusal', stage, `select 1 from audit_restores where state = 'refused'`);
  },
};

/** Every course that a workflow is known to take, by what it is called. */
export const stepCourses: Readonly<Record<string, StepCourse>> = {
  ...onboardingCourses,
  ...Object.fromEntries(
    Object.entries(keyCourses).map(([name, course]): [string, Course] => [
      name,
      ({ app }) => course(app),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(lifecycleCourses).map(([name, course]): [string, Course] => [
      name,
      ({ app, rows }) => course(app, rows),
    ]),
  ),
  ...own,
};
