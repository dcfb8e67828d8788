import type { keyRotationEndpoints } from '../../src/contracts/key-rotations';
import { getApiKey } from '../../src/domain/api-keys/api-keys';
import type { ApiKeyDeps } from '../../src/domain/api-keys/deps';
import { eventsOf, listRotations } from '../../src/domain/api-keys/key-rotations';
import { getPolicy, putPolicy } from '../../src/domain/api-keys/policies';
import type { KeyPolicy } from '../../src/domain/api-keys/policies';
import { orderRotation } from '../../src/domain/api-keys/rotation-orders';
import type { RotationOrder } from '../../src/domain/api-keys/rotation-orders';
import { rotationOfKey } from '../../src/domain/api-keys/rotation-states';
import { DomainError } from '../../src/errors/problems';
import { openBarrier } from '../../src/platform/barriers';
import type { Cursors } from '../../src/platform/cursors';
import type { Call, Handlers } from '../endpoint';
import { inTenantOfKey } from '../key-tenancy';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { inTenantScope } from '../tenant-scope';
import { rotationAnswer } from './api-key-answers';

/** What the routes of rotations use. */
export type KeyRotationRoutesDeps = Pick<ApiKeyDeps, 'db' | 'outbox'> & {
  readonly cursors: Cursors;
};

type OrderCall = Pick<Call, 'caller' | 'ifMatch' | 'idempotency' | 'ip' | 'userAgent'> & {
  readonly params: { readonly id: string; readonly rotation_id: string };
  readonly body: { readonly reason?: string | undefined };
};

const hour = 3_600_000;

/** What runs, what was, what a person tells a rotation, and what Usher does by itself. */
export function createKeyRotationRoutes(
  deps: KeyRotationRoutesDeps,
): Handlers<typeof keyRotationEndpoints> {
  const { db, cursors } = deps;

  // Carried out at once, without any workflow; who ends a key is answered when it is dead everywhere.
  const order = async (call: OrderCall, told: RotationOrder['order']) => {
    const { caller, params, idempotency, ifMatch } = call;
    const { reply, barrier } = await inTenantOfKey(
      db,
      caller,
      params.id,
      'keys:rotate',
      async (tx) => {
        const held = await openBarrier(tx);
        const answered = await once(idempotency, tx, async () => {
          const rotation = await orderRotation(tx, deps, {
            keyId: params.id,
            rotationId: params.rotation_id,
            version: ifMatch,
            order: told,
            actorId: caller.actorId,
            reason: call.body.reason ?? null,
          });
          const body = rotationAnswer(rotation);
          return { status: 200 as const, body, version: rotation.version };
        });
        return { reply: answered, barrier: held };
      },
    );
    if (told.kind !== 'extend') await barrier.passed();
    return reply;
  };

  return {
    async listKeyRotations({ caller, params, query }) {
      const keyset = cursors.open('key-rotations', { key: params.id }, query);
      const page = await inTenantOfKey(
        db,
        caller,
        params.id,
        'keys:read',
        async (tx) => {
          const { id } = await getApiKey(tx, params.id);
          return listRotations(tx, id, keyset);
        },
        { readOnly: true },
      );
      return {
        status: 200,
        body: cursors.answer('key-rotations', { key: params.id }, page, rotationAnswer),
      };
    },

    async getKeyRotation({ caller, params }) {
      const { rotation, events } = await inTenantOfKey(
        db,
        caller,
        params.id,
        'keys:read',
        async (tx) => {
          const found = await rotationOfKey(tx, params.rotation_id, params.id);
          if (!found) throw new DomainError('key-rotation-not-found');
          return { rotation: found, events: await eventsOf(tx, found.id) };
        },
        { readOnly: true },
      );
      return {
        status: 200,
        body: {
          ...rotationAnswer(rotation),
          events: events.map(({ type, fromState, toState, actor, reason, data, at }) => ({
            type,
            from_state: fromState,
            to_state: toState,
            actor,
            reason,
            data,
            at: at.toISOString(),
          })),
        },
        version: rotation.version,
      };
    },

    completeKeyRotation: (call) =>
      order(call, { kind: 'complete', compromised: call.body.compromised }),
    extendKeyRotation: (call) => order(call, { kind: 'extend', byMs: call.body.hours * hour }),
    cancelKeyRotation: (call) => order(call, { kind: 'cancel' }),
    rollbackKeyRotation: (call) => order(call, { kind: 'rollback' }),

    async getKeyPolicy({ caller, query }) {
      const policy = await inTenantScope(
        db,
        { caller, permission: 'keys:read', tenantId: query.tenant_id },
        (tx) => getPolicy(tx, query.tenant_id),
        { readOnly: true },
      );
      return { status: 200, body: policyAnswer(policy) };
    },

    async putKeyPolicy(call) {
      const { caller, body } = call;
      const writing = { caller, permission: 'keys:write', tenantId: body.tenant_id };
      const policy = await inTenantScope(db, writing, (tx) =>
        putPolicy(
          tx,
          {
            tenantId: body.tenant_id,
            rotateAfterDays: body.rotate_after_days,
            onLeak: body.on_leak,
            leakGraceSeconds: Math.round(body.leak_grace_hours * 3600),
          },
          { actorId: caller.actorId, source: requestSource(call) },
        ),
      );
      return { status: 200, body: policyAnswer(policy) };
    },
  };
}

function policyAnswer(policy: KeyPolicy) {
  return {
    tenant_id: policy.tenantId,
    rotate_after_days: policy.rotateAfterDays,
    on_leak: policy.onLeak,
    leak_grace_hours: policy.leakGraceSeconds / 3600,
    version: policy.version,
  };
}
