import { wakeRestore } from '../../src/domain/archive/wake';
import { withSystem } from '../../src/platform/db';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, onboard } from '../workflows/courses';
import type { Rows } from '../workflows/rows';

/** Takes a course of the audit log or of a tenant's comparison, and names the workflow whose history shows it. */
type AuditCourse = (app: TestApp, rows: Rows) => Promise<string>;

/** Entries of the first partition of the log, and some more. */
const archivable = 8_192 + 300;

/** Fills the log until its first partition can be archived, and has it archived; once in each system. */
async function archived(app: TestApp, rows: Rows): Promise<string> {
  const [{ size }] = await rows.query('select size::int from audit_head');
  for (let sent = Number(size); sent < archivable; sent += 500) {
    const events = Array.from({ length: 500 }, () => ({ action: 'order.shipped' }));
    await app.call('POST', '/v1/audit', { body: { events } });
  }
  await waitFor(
    'A published checkpoint of them all',
    () => rows.query('select max(size)::int as size from audit_checkpoints where published_at is not null'),
    ([row]) => Number(row?.size) >= archivable,
    60,
  );
  await app.call('POST', '/audit/archive/run');
  const [batch] = await waitFor(
    'The end of the first batch',
    () => rows.query(`select id from audit_batches where n = 1 and state = 'pruned'`),
    ({ length }) => length === 1,
    60,
  );
  return String(batch?.id);
}

/** The courses of the workflows about the audit log and of `reconcileTenant`, by the names of their files. */
export const auditCourses: Readonly<Record<string, AuditCourse>> = {
  'audit-verified': async (app) => {
    const workflowId = 'verify-audit/recorded';
    await app.deps.temporal.client.workflow.execute('verifyAudit', {
      taskQueue: app.deps.env.TASK_QUEUE,
      workflowId,
      args: [],
    });
    return workflowId;
  },

  'audit-archived': async (app, rows) => `audit-archive/${await archived(app, rows)}`,

  'audit-archive-asked': async (app, rows) => {
    await archived(app, rows);
    const [run] = await rows.query('select id from audit_archive_runs order by requested_at limit 1');
    return `audit-archive-run/${String(run?.id)}`;
  },

  'audit-restored': async (app, rows) => {
    const batchId = await archived(app, rows);
    await app.call('POST', `/audit/archives/${batchId}/restore`);
    const [restore] = await waitFor(
      'The restore',
      () => rows.query(`select id from audit_restores where state = 'restored'`),
      ({ length }) => length === 1,
      60,
    );
    const id = String(restore?.id);
    await rows.query(`update audit_restores set expires_at = now() - interval '1 second'`);
    await withSystem(app.deps.db, 'relay', (tx) => wakeRestore(tx, app.deps.outbox, id));
    return `audit-restore/${id}`;
  },

  reconciled: async (app, rows) => {
    const invited = await onboard(app);
    await active(app, invited);
    const { slug } = await rows.one('select slug from tenants where id = $1', [invited.clientId]);
    await app.call('POST', `/tenants/${String(slug)}/reconcile`);
    const workflowId = `reconcile-tenant/${invited.clientId}`;
    await waitFor(
      'The comparison',
      () => app.deps.temporal.client.workflow.getHandle(workflowId).describe().catch(() => undefined),
      (found) => found?.status.name === 'COMPLETED',
    );
    return workflowId;
  },
};
