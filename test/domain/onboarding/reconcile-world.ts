import { join } from 'node:path';
import { runRepair, viewRepair } from '../../../src/domain/onboarding/call-repair';
import { loadConnectors } from '../../../src/domain/onboarding/connectors';
import type { OnboardingDeps } from '../../../src/domain/onboarding/deps';
import { writeInputs } from '../../../src/domain/onboarding/inputs';
import {
  lookUpResource,
  planComparison,
  recordComparison,
} from '../../../src/domain/onboarding/reconcile';
import type { Sight } from '../../../src/domain/onboarding/reconcile.rules';
import { orderRepair } from '../../../src/domain/onboarding/repairs';
import type { OrderedRepair } from '../../../src/domain/onboarding/repairs';
import { currentResources } from '../../../src/domain/tenants/resources';
import type { TenantResource } from '../../../src/domain/tenants/resources';
import { createKeyRing } from '../../../src/platform/crypto/sealing';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createMetrics } from '../../../src/platform/metrics';
import { createOutbound } from '../../../src/platform/outbound';
import type { Outbound } from '../../../src/platform/outbound';
import { createOutbox } from '../../../src/platform/outbox';
import { startSampleBackend } from '../../../src/servers/sample-backend';
import { createTestDatabase } from '../../support/database';
import { marketplaceToken } from '../../support/journey';
import { insertJob, insertSteps, insertTenant } from './rows';

/** An active tenant whose rows say that it was provisioned. */
export interface ActiveTenant {
  readonly id: string;
  readonly tenantId: string;
  readonly sheet: string;
}

/** The steps of the sample connector, all done. */
export const doneSteps = {
  'sample.register': 'done',
  'sample.add-token': 'done',
  'sample.verify': 'done',
  'sample.smoke': 'done',
};

/** Tenants, their backend and what the workflow does with both, without Temporal. */
export type ReconcileWorld = Awaited<ReturnType<typeof openReconcileWorld>>;

/** Opens a database and a sample backend of its own. */
export async function openReconcileWorld() {
  const [home, backend] = await Promise.all([
    createTestDatabase(),
    startSampleBackend({ port: 0, key: 'k' }),
  ]);
  const db = createDatabase({ url: home.appUrl, applicationName: 'reconcile-test', max: 4 });
  const outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  const deps = {
    db,
    outbound,
    connectors: loadConnectors({
      dir: join(__dirname, '../../../connectors'),
      env: { SAMPLE_BACKEND_URL: backend.url, SAMPLE_BACKEND_KEY: 'k' },
    }),
    ring: createKeyRing([{ id: 'k1', key: Buffer.alloc(32, 1) }]),
    metrics: createMetrics(),
    outbox: createOutbox({
      db,
      deliver: async () => ({ ok: true }),
      fastPath: false,
      onError: () => undefined,
    }),
  } as unknown as OnboardingDeps & { readonly outbound: Outbound };

  const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
  const resourceOf = async (tenantId: string): Promise<TenantResource> =>
    (await act((tx) => currentResources(tx, tenantId)))[0]!;

  const activeTenant = (steps: Record<string, string> = doneSteps): Promise<ActiveTenant> =>
    act(async (tx) => {
      const sheet = `sheet-${newId()}`;
      const tenantId = await insertTenant(tx, { status: 'active' });
      const job = await insertJob(tx, {
        tenantId,
        state: 'active',
        acceptedAgo: 60,
        activatedAgo: 50,
      });
      await insertSteps(tx, job, steps);
      await writeInputs(
        tx,
        deps.ring,
        { onboardingId: job.id, tenantId },
        { spreadsheetId: sheet, ownerEmail: 'boss@example.com', wbToken: marketplaceToken() },
      );
      return { id: job.id, tenantId, sheet };
    });

  const compare = async (tenantId: string): Promise<void> => {
    for (const { resourceId, onboardingId, keys } of await planComparison(deps, tenantId)) {
      const sights: Sight[] = [];
      for (const key of keys) {
        const sight = await lookUpResource(deps, { resourceId, onboardingId, key });
        if ('limitedMs' in sight) throw new Error('limited');
        sights.push(sight);
        if (sight.found !== 'landed') break;
      }
      await recordComparison(deps, resourceId, sights);
    }
  };

  const order = (tenantId: string, resourceId: string): Promise<OrderedRepair> =>
    act((tx) =>
      orderRepair(tx, deps, {
        tenantId,
        resourceId,
        reason: 'it is gone',
        actorId: 'user:op',
        source: { ip: null, userAgent: null },
      }),
    );

  /** Runs the repairs of a tenant to their end without waiting between tries; answers how many calls that took. */
  const repair = async (tenantId: string): Promise<number> => {
    let calls = 0;
    for (let view = await viewRepair(deps, tenantId); view.repairId !== null;) {
      const { repairId } = view;
      await act((tx) =>
        tx.run('update resource_repairs set next_attempt_at = null where id = $1', [repairId]),
      );
      const run = await runRepair(deps, repairId);
      if ('limitedMs' in run) throw new Error('limited');
      calls += 1;
      view = run;
    }
    return calls;
  };

  /** Lets the last comparison be an hour ago. */
  const later = (tenantId: string) =>
    act((tx) =>
      tx.run(
        `update tenant_resources set checked_at = now() - interval '1 hour' where tenant_id = $1`,
        [tenantId],
      ),
    );

  /** An active tenant that has everything at the backend. */
  const provisionedTenant = async () => {
    const tenant = await activeTenant();
    await compare(tenant.tenantId);
    await order(tenant.tenantId, (await resourceOf(tenant.tenantId)).id);
    await repair(tenant.tenantId);
    await later(tenant.tenantId);
    return { ...tenant, resource: await resourceOf(tenant.tenantId) };
  };

  return {
    deps,
    act,
    resourceOf,
    activeTenant,
    provisionedTenant,
    compare,
    order,
    repair,
    later,
    /** Sets faults or limits, or resets the backend. */
    control: (path: string, body: unknown = {}) =>
      fetch(`${backend.url}/_test/${path}`, { method: 'POST', body: JSON.stringify(body) }),
    callBackend: (method: string, path: string, body?: unknown) =>
      fetch(`${backend.url}${path}`, {
        method,
        headers: { 'x-api-key': 'k', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    objects: async () => (await fetch(`${backend.url}/_test/objects`)).json(),
    close: async () => {
      outbound.close();
      await backend.stop();
      await db.close();
      await home.drop();
    },
  };
}
