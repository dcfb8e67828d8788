import { rmSync, writeFileSync } from 'node:fs';
import { withSystem } from '../../src/platform/db';
import { wakeTrial } from '../../src/domain/tenants/trials';
import { machine } from '../api/people';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { ageTenant, ownedTrial, subjectsTo, tenantIn, wakeTenant } from '../workflows/lifecycle-courses';
import type { Rows } from '../workflows/rows';

/** Takes a course that a tenant or a trial can take, and names the workflow whose history shows it. */
type LifecycleCourse = (app: TestApp, rows: Rows) => Promise<string>;

const ofTenant = ({ id }: { id: string }): string => `tenant-lifecycle/${id}`;

const driven = (rows: Rows, tenantId: string) =>
  waitFor(
    'The first look of its workflow',
    () => rows.query('select 1 from tenant_lifecycles where tenant_id = $1', [tenantId]),
    (found) => found.length === 1,
  );
const purge = async (app: TestApp, slug: string): Promise<void> => {
  const { key } = await machine(app, ['tenants:purge']);
  const { status } = await app.call('POST', `/tenants/${slug}/purge`, {
    key,
    body: { reason: 'The course wants it' },
  });
  if (status !== 202) throw new Error(`The purge was answered ${String(status)}`);
};
const purged = (rows: Rows, tenantId: string) =>
  waitFor(
    'The end of the purge',
    () => rows.one('select purged_at from tenants where id = $1', [tenantId]),
    (row) => row.purged_at !== null,
  );
const ageTrial = async (app: TestApp, rows: Rows, trialId: string, interval: string) => {
  await rows.query(
    `with trial as (update product_trials set started_at = started_at - $2::interval where id = $1
       returning tenant_id, product)
     update entitlements as e set expires_at = e.expires_at - $2::interval
     from trial where e.tenant_id = trial.tenant_id and e.product = trial.product`,
    [trialId, interval],
  );
  await withSystem(app.deps.db, 'relay', (tx) => app.deps.outbox.wake(tx, wakeTrial(trialId)));
};

/** The courses of `tenantLifecycle` and `productTrial`, by the names of their files. */
export const lifecycleCourses: Readonly<Record<string, LifecycleCourse>> = {
  'tenant-trial-ended': async (app, rows) => {
    const tenant = await ownedTrial(app);
    await driven(rows, tenant.id);
    await ageTenant(app, rows, tenant.id, '12 days');
    await subjectsTo(app, tenant.email, 1);
    await ageTenant(app, rows, tenant.id, '2 days');
    await tenantIn(rows, tenant.id, 'frozen');
    return ofTenant(tenant);
  },

  'tenant-restored': async (app, rows) => {
    const tenant = await ownedTrial(app);
    await driven(rows, tenant.id);
    await app.call('POST', `/v1/tenants/${tenant.id}/activate`);
    await app.deps.temporal.client.workflow.getHandle(ofTenant(tenant)).result();
    await subjectsTo(app, tenant.email, 1);
    await app.call('DELETE', `/tenants/${tenant.slug}`);
    await subjectsTo(app, tenant.email, 2);
    await app.call('POST', `/tenants/${tenant.slug}/restore`, { body: {} });
    await subjectsTo(app, tenant.email, 3);
    return ofTenant(tenant);
  },

  'tenant-purged': async (app, rows) => {
    const tenant = await ownedTrial(app);
    await driven(rows, tenant.id);
    await app.call('DELETE', `/tenants/${tenant.slug}`);
    await wakeTenant(app, tenant.id);
    await ageTenant(app, rows, tenant.id, '30 days 1 minute');
    await purged(rows, tenant.id);
    return ofTenant(tenant);
  },

  'tenant-purge-blocked': async (app, rows) => {
    const tenant = await ownedTrial(app);
    await driven(rows, tenant.id);
    const other = await ownedTrial(app);
    await app.call('DELETE', `/tenants/${other.slug}`);
    await purge(app, other.slug);
    await purged(rows, other.id);
    const target = `${String(process.env['TENANT_EXPORT_DIR'])}/exports/${tenant.id}`;
    writeFileSync(target, 'a file where the directory should be');
    await app.call('DELETE', `/tenants/${tenant.slug}`);
    await purge(app, tenant.slug);
    await waitFor(
      'The block',
      () => rows.one('select export_problem from tenant_lifecycles where tenant_id = $1', [tenant.id]),
      (row) => row.export_problem !== null,
    );
    rmSync(target);
    await purge(app, tenant.slug);
    await purged(rows, tenant.id);
    return ofTenant(tenant);
  },

  'trial-ended': async (app, rows) => {
    const tenant = await ownedTrial(app);
    const { body } = await app.call('POST', '/v1/catalog/trial-request', {
      body: { tenant_id: tenant.id, product: 'insights' },
    });
    const trialId = String(body.id);
    await waitFor(
      'The first look of its workflow',
      () => rows.one('select driven_at from product_trials where id = $1', [trialId]),
      (row) => row.driven_at !== null,
    );
    await ageTrial(app, rows, trialId, '12 days');
    await subjectsTo(app, tenant.email, 1);
    await ageTrial(app, rows, trialId, '2 days');
    await subjectsTo(app, tenant.email, 2);
    return `product-trial/${trialId}`;
  },
};
