import type { z } from 'zod';
import type { TenantDetail, tenantAdminEndpoints } from '../../src/contracts/tenant-admin';
import type { ReadNotes } from '../../src/domain/audit/reads';
import { holds } from '../../src/domain/identity/callers';
import type { Caller } from '../../src/domain/identity/callers';
import { partnersWith } from '../../src/domain/identity/permits.rules';
import { editTenant } from '../../src/domain/tenants/edit-tenant';
import { purgeProgress } from '../../src/domain/tenants/lifecycle-rows';
import type { PurgeProgress } from '../../src/domain/tenants/lifecycle-rows';
import { listMembers } from '../../src/domain/tenants/members';
import { findPartner } from '../../src/domain/tenants/partners';
import { countTenants, findListed, listTenants } from '../../src/domain/tenants/tenant-list';
import type { ListedTenant } from '../../src/domain/tenants/tenant-list';
import { wakeLifecycle } from '../../src/domain/tenants/wake';
import { DomainError, problems } from '../../src/errors/problems';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator, withPartner, withSystem } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import type { Outbox } from '../../src/platform/outbox';
import { listAuditPage } from '../audit-lists';
import { auditScopes, onlyScope } from '../audit-scopes';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { toTenant } from '../tenant-answer';
import { inTenantScope, namedFor } from '../tenant-scope';

/** What the operators' pages of tenants use. */
export interface TenantRouteDeps {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly cursors: Cursors;
  readonly readNotes: ReadNotes;
}

type TenantEndpoint = Extract<
  (typeof tenantAdminEndpoints)[number],
  {
    operationId:
      'listTenants' | 'showTenant' | 'editTenant' | 'listTenantUsers' | 'listTenantAudit';
  }
>;

const readOnly = { readOnly: true } as const;

/** Tenants as operators look at them, and partners at theirs. */
export function createTenantRoutes(deps: TenantRouteDeps): Handlers<readonly TenantEndpoint[]> {
  const { db, cursors, readNotes } = deps;
  return {
    async listTenants({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const body = await inListScope(db, caller, query.partner, async (tx, scope) => {
        const filters = { ...filter, scope };
        const keyset = cursors.open('tenants', filters, { limit, cursor });
        const page = await listTenants(tx, filter, keyset);
        return {
          ...cursors.answer('tenants', filters, page, toListed),
          counts: await countTenants(tx, filter),
        };
      });
      return { status: 200, body };
    },

    async showTenant({ caller, params }) {
      const named = await namedFor(db, caller, 'tenants:read', params.slug);
      const act = { caller, permission: 'tenants:read', tenantId: named.id };
      const body = await inTenantScope(db, act, (tx) => detailOf(tx, named.id), readOnly);
      if (params.slug !== named.slug && params.slug.toLowerCase() !== named.id) {
        return { status: 301, body: null, headers: { Location: `/tenants/${named.slug}` } };
      }
      return { status: 200, body, version: body.version };
    },

    async editTenant(call) {
      const { caller, params, body } = call;
      const { id } = await namedFor(db, caller, 'tenants:write', params.slug);
      const tenant = await withOperator(db, caller.actorId, async (tx) => {
        const edited = await editTenant(tx, {
          tenantId: id,
          changes: body,
          version: call.ifMatch,
          actorId: caller.actorId,
          source: requestSource(call),
        });
        if (body.trial_ends_at !== undefined) await deps.outbox.wake(tx, wakeLifecycle(id));
        return edited;
      });
      return { status: 200, body: toTenant(tenant), version: tenant.version };
    },

    async listTenantUsers({ caller, params, query }) {
      const { id } = await namedFor(db, caller, 'users:read', params.slug);
      const act = { caller, permission: 'users:read', tenantId: id };
      const scope = { tenant: id };
      const body = await inTenantScope(
        db,
        act,
        async (tx) => {
          const page = await listMembers(tx, id, cursors.open('tenant-users', scope, query));
          return cursors.answer('tenant-users', scope, page, (member) => ({
            user_id: member.userId,
            email: member.email,
            name: member.name,
            status: member.status,
            role: member.role,
            since: member.since.toISOString(),
            last_seen_at: member.lastSeenAt?.toISOString() ?? null,
          }));
        },
        readOnly,
      );
      return { status: 200, body };
    },

    async listTenantAudit(call) {
      const { id } = await namedFor(db, call.caller, 'audit:read', call.params.slug);
      const scope = onlyScope(auditScopes(db, call.caller), id);
      return listAuditPage(
        readNotes,
        call,
        scope,
        { ...call.query, tenant_id: id },
        { order: 'desc' },
      );
    },
  };
}

/** Runs a read over the tenants that a caller may list: all of them, or those of a partner of theirs. */
async function inListScope<T>(
  db: Database,
  caller: Caller,
  wanted: string | undefined,
  fn: (tx: Tx, scope: string) => Promise<T>,
): Promise<T> {
  if (holds(caller, 'tenants:read')) {
    return withOperator(db, caller.actorId, (tx) => fn(tx, 'all'), readOnly);
  }
  // Sorted, since memberships come in no order and the first one must be the same on every page.
  const partners = partnersWith(caller, 'tenants:read').sort();
  const named = partners.length > 1 && wanted !== undefined && (await partnerNamed(db, wanted));
  const partner = partners.find((id) => id === named) ?? partners[0];
  if (partner === undefined) {
    throw new DomainError('forbidden', { detail: 'This needs the permission tenants:read.' });
  }
  return withPartner(db, partner, (tx) => fn(tx, partner), readOnly);
}

// Looked up before the scope is chosen, and used only to choose among the caller's own partners.
function partnerNamed(db: Database, idOrSlug: string): Promise<string | undefined> {
  return withSystem(db, 'identity', async (tx) => (await findPartner(tx, idOrSlug))?.id, readOnly);
}

/** @throws DomainError `tenant-not-found` */
async function detailOf(tx: Tx, tenantId: string): Promise<z.input<typeof TenantDetail>> {
  const tenant = await findListed(tx, tenantId);
  if (!tenant) throw new DomainError('tenant-not-found');
  const progress = tenant.status === 'purging' ? await purgeProgress(tx, tenantId) : undefined;
  return {
    ...toListed(tenant),
    purge: tenant.status === 'purging' ? toPurge(progress, tenant.purgedAt !== null) : null,
  };
}

function toListed(tenant: ListedTenant) {
  return {
    ...toTenant(tenant),
    partner_slug: tenant.partnerSlug,
    provisioning: tenant.provisioning,
    users: tenant.users,
  };
}

function toPurge(
  progress: PurgeProgress | undefined,
  done: boolean,
): NonNullable<z.input<typeof TenantDetail>['purge']> {
  const problem = progress?.exportProblem ?? null;
  const exported = progress?.exportedAt ?? null;
  const underWay = problem === null ? ('exporting' as const) : ('blocked' as const);
  return {
    state: done ? 'done' : exported ? 'deleting' : underWay,
    problem:
      problem === null
        ? null
        : { code: problem, title: problems[problem].title, next: problems[problem].next },
    next_try_at: progress?.exportNextAt?.toISOString() ?? null,
    export: exported && {
      at: exported.toISOString(),
      location: progress?.exportLocation ?? '',
      sha256: progress?.exportSha256 ?? '',
      rows: progress?.exportRows ?? 0,
    },
    rows_deleted: progress?.rowsPurged ?? 0,
  };
}
