import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { apiKeyEndpoints } from '../../src/contracts/api-key-endpoints';
import type { ApiKeyCreate } from '../../src/contracts/api-keys';
import type { KeyRotate } from '../../src/contracts/key-rotations';
import { getApiKey, listApiKeys } from '../../src/domain/api-keys/api-keys';
import type { ApiKeyDeps } from '../../src/domain/api-keys/deps';
import { editKey } from '../../src/domain/api-keys/edit';
import { blockKey, revokeKey, unblockKey } from '../../src/domain/api-keys/end-key';
import type { KeyDeed, KeyRef } from '../../src/domain/api-keys/end-key';
import { importKey } from '../../src/domain/api-keys/imports';
import { issueKey } from '../../src/domain/api-keys/issue';
import { issuerOf } from '../../src/domain/api-keys/issuers.rules';
import { openRotationsOf } from '../../src/domain/api-keys/key-rotations';
import { reportLeak } from '../../src/domain/api-keys/leaks';
import type { LeakDoors } from '../../src/domain/api-keys/leaks';
import { rotateKey } from '../../src/domain/api-keys/rotate';
import type { WantedRotation } from '../../src/domain/api-keys/rotate';
import { scopeCatalogue } from '../../src/domain/api-keys/scopes.rules';
import { usageOf } from '../../src/domain/api-keys/usage-report';
import type { UsageReport } from '../../src/domain/api-keys/usage-report';
import { findTenant } from '../../src/domain/tenants/tenants';
import { DomainError } from '../../src/errors/problems';
import { openBarrier } from '../../src/platform/barriers';
import type { Cursors } from '../../src/platform/cursors';
import type { Tx } from '../../src/platform/db';
import { errorFields } from '../../src/platform/log';
import type { Call, Handlers } from '../endpoint';
import { inTenantOfKey } from '../key-tenancy';
import type { KeyPermission } from '../key-tenancy';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { inTenantScope } from '../tenant-scope';
import { keyAnswer } from './api-key-answers';

/** What the routes of API keys use. */
export interface ApiKeyRoutesDeps extends ApiKeyDeps {
  readonly cursors: Cursors;
  readonly leakDoors: LeakDoors;
}

/** Milliseconds after which a leak report is answered, whether or not it hit something. */
const leakAnswerMs = 300;

/** Issuing, reading, changing and ending keys. */
export function createApiKeyRoutes(deps: ApiKeyRoutesDeps): Handlers<typeof apiKeyEndpoints> {
  const { db, cursors } = deps;

  const read = <T>(
    call: Pick<Call, 'caller'> & { readonly params: { readonly id: string } },
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> =>
    inTenantOfKey(db, call.caller, call.params.id, 'keys:read', work, { readOnly: true });

  // Answered only when no verifier can hold the key for good any more; a repeat waits as well.
  const end = async (
    call: DeedCall,
    permission: KeyPermission,
    deed: (tx: Tx, ref: KeyRef, deed: KeyDeed) => Promise<unknown>,
  ) => {
    const { body, barrier } = await inTenantOfKey(
      db,
      call.caller,
      call.params.id,
      permission,
      async (tx, tenantId) => {
        const held = await openBarrier(tx);
        await deed(tx, { id: call.params.id, version: call.ifMatch }, deedOf(call, tenantId));
        return { body: await answerOf(tx, call.params.id), barrier: held };
      },
    );
    await barrier.passed();
    return { status: 200 as const, body, version: body.version };
  };

  return {
    createApiKey(call) {
      const { caller, body, idempotency } = call;
      return inTenantScope(db, creating(caller, body.tenant_id), (tx) =>
        once(idempotency, tx, async () => {
          const issuer = issuerOf(caller, body.tenant_id);
          const wanted = { ...wantedOf(body), environment: body.environment };
          const issued = await issueKey(tx, deps, issuer, wanted, requestSource(call));
          const { key, plaintext } = issued;
          const answer = { ...keyAnswer(key, undefined), plaintext };
          return { status: 201 as const, body: answer, version: key.version };
        }),
      );
    },

    async listApiKeys({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const keyset = cursors.open('api-keys', filter, { limit, cursor });
      const listed = await inTenantScope(
        db,
        { caller, permission: 'keys:read', tenantId: filter.tenant_id },
        async (tx) => {
          if (!(await findTenant(tx, filter.tenant_id))) throw new DomainError('tenant-not-found');
          const page = await listApiKeys(tx, { ...filter, tenantId: filter.tenant_id }, keyset);
          const ids = page.items.map(({ id }) => id);
          return { page, rotations: await openRotationsOf(tx, ids) };
        },
        { readOnly: true },
      );
      const body = cursors.answer('api-keys', filter, listed.page, (key) =>
        keyAnswer(key, listed.rotations.get(key.id)),
      );
      return { status: 200, body };
    },

    listScopes: () =>
      Promise.resolve({
        status: 200,
        body: {
          items: Object.entries(scopeCatalogue).map(([scope, { status, description }]) => ({
            scope,
            status,
            description,
          })),
        },
      }),

    importApiKey(call) {
      const { caller, body, idempotency } = call;
      return inTenantScope(db, creating(caller, body.tenant_id), (tx) =>
        once(idempotency, tx, async () => {
          const issuer = issuerOf(caller, body.tenant_id);
          const wanted = { ...wantedOf(body), prefix: body.prefix, hash: body.hash };
          const key = await importKey(tx, deps, issuer, wanted, requestSource(call));
          return { status: 201 as const, body: keyAnswer(key, undefined), version: key.version };
        }),
      );
    },

    async reportLeakedApiKey(call) {
      const report = reportLeak(deps, deps.leakDoors, call.body.key, requestSource(call)).catch(
        (error: unknown) => {
          deps.log.error(errorFields(error), 'A leak report could not be acted on');
        },
      );
      // As long for a key that is known as for one that is not.
      await Promise.all([report, sleep(leakAnswerMs)]);
      return { status: 202, body: null };
    },

    async getApiKey(call) {
      const body = await read(call, (tx) => answerOf(tx, call.params.id));
      return { status: 200, body, version: body.version };
    },

    async patchApiKey(call) {
      const { caller, params, body } = call;
      const changed = await inTenantOfKey(
        db,
        caller,
        params.id,
        'keys:write',
        async (tx, tenantId) => {
          await editKey(
            tx,
            issuerOf(caller, tenantId),
            { id: params.id, version: call.ifMatch },
            {
              name: body.name,
              scopes: body.scopes,
              allowedCidrs: body.allowed_cidrs,
              rate: rateOf(body.rate_limit),
              usageLimit: body.usage_limit,
              usageLimitStrict: body.usage_limit_strict,
            },
            requestSource(call),
          );
          return answerOf(tx, params.id);
        },
      );
      return { status: 200, body: changed, version: changed.version };
    },

    async deleteApiKey(call) {
      await end(withoutBody(call), 'keys:revoke', (tx, ref, deed) =>
        revokeKey(tx, deps, ref, deed, 'deleted'),
      );
      return { status: 204, body: null };
    },

    revokeApiKey: (call) =>
      end(call, 'keys:revoke', (tx, ref, deed) => revokeKey(tx, deps, ref, deed)),
    blockApiKey: (call) => end(call, 'keys:write', blockKey),
    unblockApiKey: (call) => end(call, 'keys:write', unblockKey),

    async rotateApiKey(call) {
      const { caller, params, body, idempotency, ifMatch } = call;
      const { reply, barrier } = await inTenantOfKey(
        db,
        caller,
        params.id,
        'keys:rotate',
        async (tx, tenantId) => {
          // Only a compromised key ends here, but whether a replay was one is not known any more.
          const held = await openBarrier(tx);
          const answered = await once(idempotency, tx, async () => {
            const ref = { id: params.id, version: ifMatch };
            const issuer = issuerOf(caller, tenantId);
            const wanted = rotationOf(body);
            const rotated = await rotateKey(tx, deps, issuer, ref, wanted, requestSource(call));
            const { key, plaintext, rotation } = rotated;
            const answer = { ...keyAnswer(key, rotation), plaintext };
            return { status: 201 as const, body: answer, version: key.version };
          });
          return { reply: answered, barrier: held };
        },
      );
      if (body.reason === 'compromised') await barrier.passed();
      return reply;
    },

    async getApiKeyUsage(call) {
      const usage = await read(call, (tx) => usageOf(tx, call.params.id, call.query.days));
      return { status: 200, body: usageAnswer(usage) };
    },
  };
}

const creating = (caller: Call['caller'], tenantId: string) => ({
  caller,
  permission: 'keys:create',
  tenantId,
});

type DeedCall = Pick<Call, 'caller' | 'ifMatch' | 'ip' | 'userAgent'> & {
  readonly params: { readonly id: string };
  readonly body: { readonly reason?: string | undefined };
};

const withoutBody = (call: Omit<DeedCall, 'body'>): DeedCall => ({ ...call, body: {} });

function deedOf(call: DeedCall, tenantId: string): KeyDeed {
  return {
    by: issuerOf(call.caller, tenantId),
    reason: call.body.reason ?? null,
    source: requestSource(call),
  };
}

async function answerOf(tx: Tx, id: string) {
  const key = await getApiKey(tx, id);
  return keyAnswer(key, (await openRotationsOf(tx, [id])).get(id));
}

type Fields = Omit<z.output<typeof ApiKeyCreate>, 'environment'>;

function wantedOf(body: Fields) {
  return {
    tenantId: body.tenant_id,
    name: body.name,
    product: body.product ?? null,
    scopes: body.scopes,
    role: body.role ?? null,
    expiresAt: body.expires_at,
    allowedCidrs: body.allowed_cidrs,
    rate: rateOf(body.rate_limit) ?? undefined,
    usageLimit: body.usage_limit,
    usageLimitStrict: body.usage_limit_strict,
  };
}

function rateOf(limit: z.output<typeof ApiKeyCreate>['rate_limit'] | null) {
  if (limit === undefined || limit === null) return limit;
  return typeof limit === 'number'
    ? { limit, windowSeconds: 60 }
    : { limit: limit.limit, windowSeconds: limit.window_seconds };
}

const seconds = (hours: number): number => Math.round(hours * 3600);

function rotationOf(body: z.output<typeof KeyRotate>): WantedRotation {
  const early = body.finish_early_after_hours;
  return {
    reason: body.reason,
    note: body.note ?? null,
    policy: body.at_deadline,
    overlapSeconds: seconds(body.overlap_hours),
    deadlineSeconds: seconds(body.deadline_hours),
    extendSeconds: seconds(body.extend_hours),
    maxExtensions: body.max_extensions,
    quietSeconds: early === undefined ? null : seconds(early),
  };
}

function usageAnswer({ key, requests, lastIp, familyCost, days }: UsageReport) {
  return {
    key_id: key.id,
    tenant_id: key.tenantId,
    requests,
    first_used_at: key.firstUsedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    last_ip: lastIp,
    family_cost: familyCost,
    usage_limit: key.usageLimit,
    days: days.map(({ day, requests: n, cost, codes }) => ({
      day,
      requests: n,
      cost,
      codes: { ...codes },
    })),
  };
}
