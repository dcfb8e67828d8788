import { recordResource } from '../../src/domain/tenants/resources';
import type { OwnAction } from '../../src/domain/audit/audit-entries';
import { fresh } from './world';
import type { World } from './world';
import { plain } from './stops';
import type { Stop, WalkRequest } from './stops';

const reason = 'The walk wants it';

const move = (action: OwnAction, from: string): Stop => ({
  tells: [action],
  by: async ({ tenant }) => ({ params: { slug: (await tenant(from)).slug }, body: { reason } }),
});
const ofTenant =
  (status?: string) =>
  async ({ tenant }: World): Promise<WalkRequest> => ({
    params: { id: (await tenant(status)).id },
  });
const bySlug = async ({ tenant }: World): Promise<WalkRequest> => ({
  params: { slug: (await tenant()).slug },
});
const wish = async ({ tenant }: World): Promise<{ tenant_id: string; product: string }> => ({
  tenant_id: (await tenant()).id,
  product: 'insights',
});

/** An active tenant whose resource is not what it should be. */
async function drifted(world: World, drift: string): Promise<Record<string, string>> {
  const job = await world.job({ state: 'active', acceptedAgo: 9, activatedAgo: 8 });
  return world.act(async (tx) => {
    await tx.run(`update tenants set status = 'active' where id = $1`, [job.tenantId]);
    await recordResource(tx, {
      tenantId: job.tenantId,
      connector: 'sample',
      externalId: fresh(),
      status: 'ready',
      onboardingId: job.id,
    });
    return tx.one<{ id: string; slug: string }>(
      `update tenant_resources as r set drift = $2 from tenants as t where t.id = r.tenant_id and t.id = $1
       returning r.id, t.slug`,
      [job.tenantId, drift],
    );
  });
}

/** Tenants, products, resources, events. */
export const registryStops: Readonly<Record<string, Stop>> = {
  createTenant: {
    tells: ['tenant.created'],
    by: () => ({ body: { slug: fresh(), name: 'Acme' } }),
  },
  getTenant: { silent: 'one tenant', by: ofTenant() },
  getTenantBySlug: { silent: 'one tenant', by: bySlug },
  updateTenant: {
    tells: ['tenant.updated'],
    by: async ({ tenant }) => ({
      params: { id: (await tenant()).id },
      headers: { 'if-match': '"v1"' },
      body: { name: 'Acme the second' },
    }),
  },
  activateTenant: { tells: ['tenant.activated'], by: ofTenant('trial') },
  cancelTenant: { tells: ['tenant.cancelled'], by: ofTenant() },

  listEntitlements: {
    silent: 'what a tenant may use',
    by: async ({ tenant }) => ({ query: { tenant_id: (await tenant()).id } }),
  },
  putEntitlement: {
    tells: ['entitlement.granted'],
    by: async (world) => ({ body: { ...(await wish(world)), status: 'active' } }),
  },
  'putEntitlement again': {
    tells: ['entitlement.changed'],
    by: async (world) => {
      const wished = { ...(await wish(world)), status: 'active' };
      await world.app.call('PUT', '/v1/entitlements', { body: wished });
      return { body: { ...wished, limits: { rows: 9 } } };
    },
  },
  listCatalogue: { silent: 'what there is', by: plain },
  putProduct: {
    tells: ['product.changed'],
    by: () => ({ params: { product: fresh() }, body: { name: 'Forecasts' } }),
  },
  requestProduct: {
    tells: ['catalog.requested'],
    by: async (world) => ({ body: await wish(world) }),
  },
  requestTrial: {
    tells: ['entitlement.granted', 'catalog.trial_requested'],
    by: async (world) => ({ body: await wish(world) }),
  },
  listProductRequests: { silent: 'a list for staff', by: plain },
  declineProductRequest: {
    tells: ['catalog.request_declined'],
    by: async (world) => {
      const { id } = await world.made('/v1/catalog/request', await wish(world));
      return { params: { id }, body: { reason } };
    },
  },
  listEvents: { silent: 'a poll, every few seconds, of what the log tells as well', by: plain },

  listTenants: { silent: 'a list for staff', by: plain },
  showTenant: { silent: 'one tenant, for staff', by: bySlug },
  editTenant: {
    tells: ['tenant.updated'],
    by: async (world) => ({
      ...(await bySlug(world)),
      headers: { 'if-match': '"v1"' },
      body: { name: 'Acme the third' },
    }),
  },
  deleteTenant: {
    tells: ['tenant.deleted'],
    by: async ({ tenant }) => ({ params: { slug: (await tenant()).slug } }),
  },
  suspendTenant: move('tenant.suspended', 'active'),
  resumeTenant: {
    tells: ['tenant.resumed'],
    by: async ({ tenant, made }) => {
      const { slug } = await tenant();
      await made(`/tenants/${slug}/suspend`, { reason });
      return { params: { slug }, body: { reason } };
    },
  },
  archiveTenant: move('tenant.archived', 'frozen'),
  restoreTenant: move('tenant.restored', 'frozen'),
  purgeTenant: {
    tells: ['tenant.purging'],
    by: async ({ tenant, app, machine }) => {
      const { slug } = await tenant();
      await app.call('DELETE', `/tenants/${slug}`);
      return { key: (await machine('tenants:purge')).key, params: { slug }, body: { reason } };
    },
  },
  listTenantUsers: { silent: 'a list for staff and the tenant itself', by: bySlug },
  listTenantAudit: { tells: ['audit.read'], by: bySlug },
  listTenantResources: { silent: 'a list for staff', by: bySlug },
  reconcileTenant: { tells: ['resource.comparison_ordered'], by: bySlug },
  repairTenantResource: {
    tells: ['resource.repair_ordered'],
    by: async (world) => ({ params: await drifted(world, 'missing'), body: { reason } }),
  },
  'repairTenantResource of what is not wanted': {
    tells: ['resource.left'],
    by: async (world) => ({ params: await drifted(world, 'extra'), body: { reason } }),
  },
};
