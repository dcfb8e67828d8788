import type { catalogueEndpoints } from '../../src/contracts/catalogue';
import { holds } from '../../src/domain/identity/callers';
import type { Caller } from '../../src/domain/identity/callers';
import { mayInTenant } from '../../src/domain/identity/permits.rules';
import { listEntitlements } from '../../src/domain/tenants/entitlements';
import type { Entitlement } from '../../src/domain/tenants/entitlements';
import { putEntitlement } from '../../src/domain/tenants/grant-entitlement';
import {
  declineRequest,
  listRequests,
  requestProduct,
} from '../../src/domain/tenants/product-requests';
import type { ProductRequest } from '../../src/domain/tenants/product-requests';
import { listCatalogue, putProduct } from '../../src/domain/tenants/products';
import { findTenant } from '../../src/domain/tenants/tenants';
import { beginTrial } from '../../src/domain/tenants/trials';
import type { TrialDeps } from '../../src/domain/tenants/trials';
import { DomainError } from '../../src/errors/problems';
import { openBarrier } from '../../src/platform/barriers';
import type { Barrier } from '../../src/platform/barriers';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator, withTenant } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { inTenantScope } from '../tenant-scope';

/** What the routes of the catalogue use. */
export interface CatalogueRouteDeps extends TrialDeps {
  readonly cursors: Cursors;
}

const readOnly = { readOnly: true } as const;

/** The catalogue, what tenants ask for from it, and what they may use. */
export function createCatalogueRoutes(
  deps: CatalogueRouteDeps,
): Handlers<typeof catalogueEndpoints> {
  const { db, cursors } = deps;
  return {
    async listEntitlements({ caller, query }) {
      const { tenant_id: tenantId } = query;
      const act = { caller, permission: 'entitlements:read', tenantId };
      const body = await inTenantScope(
        db,
        act,
        async (tx) => {
          if (!(await findTenant(tx, tenantId))) throw new DomainError('tenant-not-found');
          const scope = { tenant: tenantId };
          const keyset = cursors.open('entitlements', scope, query);
          const page = await listEntitlements(tx, tenantId, keyset);
          return cursors.answer('entitlements', scope, page, toEntitlement);
        },
        readOnly,
      );
      return { status: 200, body };
    },

    async putEntitlement(call) {
      const { caller, body } = call;
      let barrier: Barrier | undefined;
      const entitlement = await withOperator(db, caller.actorId, async (tx) => {
        // What is taken away is gone everywhere once this is answered.
        if (body.status === 'expired') barrier = await openBarrier(tx);
        const by = {
          actorId: caller.actorId,
          source: requestSource(call),
          version: call.ifMatch,
        };
        return putEntitlement(tx, deps, body, by);
      });
      await barrier?.passed();
      return { status: 200, body: toEntitlement(entitlement), version: entitlement.version };
    },

    async listCatalogue({ caller, query }) {
      const body = await inCatalogueScope(db, caller, async (tx) => {
        const page = await listCatalogue(tx, cursors.open('catalogue', {}, query));
        return cursors.answer('catalogue', {}, page, (product) => ({
          product: product.product,
          name: product.name,
          description: product.description,
          trial_days: product.trialDays,
        }));
      });
      return { status: 200, body };
    },

    async putProduct(call) {
      const { caller, params, body } = call;
      const by = { actorId: caller.actorId, version: call.ifMatch, source: requestSource(call) };
      const product = await withOperator(db, caller.actorId, (tx) =>
        putProduct(tx, { product: params.product, ...body }, by),
      );
      return {
        status: 200,
        body: {
          product: product.product,
          name: product.name,
          description: product.description,
          trial_days: product.trialDays,
          requestable: product.requestable,
          version: product.version,
          updated_at: product.updatedAt.toISOString(),
        },
        version: product.version,
      };
    },

    async requestProduct(call) {
      const { caller, body } = call;
      const act = { caller, permission: 'catalog:request', tenantId: body.tenant_id };
      const by = { actorId: caller.actorId, source: requestSource(call) };
      return inTenantScope(db, act, (tx) =>
        once(call.idempotency, tx, async () => {
          const request = await requestProduct(tx, deps, body, by);
          return { status: 201 as const, body: toRequest(request) };
        }),
      );
    },

    async requestTrial(call) {
      const { caller, body } = call;
      const act = { caller, permission: 'catalog:request', tenantId: body.tenant_id };
      const by = { actorId: caller.actorId, source: requestSource(call) };
      return inTenantScope(db, act, (tx) =>
        once(call.idempotency, tx, async () => {
          const trial = await beginTrial(tx, deps, body, by);
          return {
            status: 201 as const,
            body: {
              id: trial.id,
              tenant_id: body.tenant_id,
              product: body.product,
              status: 'trial' as const,
              started_at: trial.startedAt.toISOString(),
              expires_at: trial.expiresAt.toISOString(),
            },
          };
        }),
      );
    },

    async listProductRequests({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const body = await withOperator(
        db,
        caller.actorId,
        async (tx) => {
          const keyset = cursors.open('product-requests', filter, { limit, cursor });
          const page = await listRequests(tx, filter, keyset);
          return cursors.answer('product-requests', filter, page, toRequest);
        },
        readOnly,
      );
      return { status: 200, body };
    },

    async declineProductRequest(call) {
      const { caller, params, body } = call;
      const by = { actorId: caller.actorId, source: requestSource(call) };
      return withOperator(db, caller.actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const request = await declineRequest(tx, params.id, body.reason, by);
          return { status: 200 as const, body: toRequest(request) };
        }),
      );
    },
  };
}

/** Runs a read of the catalogue, which is the same for all, for who may read it anywhere. */
async function inCatalogueScope<T>(
  db: Database,
  caller: Caller,
  fn: (tx: Tx) => Promise<T>,
): Promise<T> {
  if (holds(caller, 'catalog:read')) return withOperator(db, caller.actorId, fn, readOnly);
  const tenants = caller.kind === 'user' ? caller.memberships : [];
  const tenantId = tenants
    .map((held) => held.tenantId)
    .find((id) => id !== null && mayInTenant(caller, id, 'catalog:read'));
  if (tenantId) return withTenant(db, tenantId, fn, readOnly);
  throw new DomainError('forbidden', { detail: 'This needs the permission catalog:read.' });
}

function toEntitlement(entitlement: Entitlement) {
  return {
    tenant_id: entitlement.tenantId,
    product: entitlement.product,
    status: entitlement.status,
    limits: entitlement.limits,
    expires_at: entitlement.expiresAt?.toISOString() ?? null,
    source: entitlement.source,
    version: entitlement.version,
    created_at: entitlement.createdAt.toISOString(),
    updated_at: entitlement.updatedAt.toISOString(),
  };
}

function toRequest(request: ProductRequest) {
  return {
    id: request.id,
    tenant_id: request.tenantId,
    tenant_slug: request.tenantSlug,
    product: request.product,
    note: request.note,
    status: request.status,
    requested_by: request.requestedBy,
    decided_by: request.decidedBy,
    decided_reason: request.decidedReason,
    created_at: request.createdAt.toISOString(),
    decided_at: request.decidedAt?.toISOString() ?? null,
  };
}
