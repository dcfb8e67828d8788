import type { z } from 'zod';
import type { ServiceAccount as Answer, identityEndpoints } from '../../src/contracts/identity';
import { DomainError } from '../../src/errors/problems';
import type { Caller, ServiceCaller, UserCaller } from '../../src/domain/identity/callers';
import {
  createServiceAccount,
  listServiceAccounts,
  revokeServiceAccount,
  rotateServiceAccount,
  shorthand,
} from '../../src/domain/identity/service-accounts';
import type {
  ServiceAccount,
  ServiceAccountWithKey,
  ServiceKeys,
} from '../../src/domain/identity/service-accounts';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';

/** What the service accounts' surface uses. */
export interface ServiceAccountRoutesDeps {
  readonly db: Database;
  readonly serviceKeys: ServiceKeys;
  readonly cursors: Cursors;
}

type ServiceAccountEndpoint = Extract<
  (typeof identityEndpoints)[number],
  { tag: 'service accounts' }
>;

const list = 'service-accounts';

/** Handlers of service accounts; a key is in the one answer that creates it. */
export function createServiceAccountRoutes(
  deps: ServiceAccountRoutesDeps,
): Handlers<readonly ServiceAccountEndpoint[]> {
  const { db, serviceKeys, cursors } = deps;
  return {
    async createServiceAccount(call) {
      const by = permitted(call.caller);
      const { name, permissions = [], role, allowed_cidrs: allowedCidrs } = call.body;
      const account = {
        name,
        permissions: [...permissions, ...(role ? shorthand(role) : [])],
        allowedCidrs,
      };
      return withOperator(db, by.actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const source = requestSource(call);
          const created = await createServiceAccount(tx, serviceKeys, by, account, source);
          return { status: 201 as const, body: withKey(created), version: created.version };
        }),
      );
    },

    async listServiceAccounts(call) {
      const keyset = cursors.open(list, {}, call.query);
      const page = await withOperator(
        db,
        call.caller.actorId,
        (tx) => listServiceAccounts(tx, keyset),
        { readOnly: true },
      );
      return { status: 200, body: cursors.answer(list, {}, page, answerOf) };
    },

    async rotateServiceAccount(call) {
      const by = permitted(call.caller);
      const ref = { id: call.params.id, version: call.ifMatch };
      return withOperator(db, by.actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const source = requestSource(call);
          const rotated = await rotateServiceAccount(tx, serviceKeys, by, ref, source);
          return { status: 200 as const, body: withKey(rotated), version: rotated.version };
        }),
      );
    },

    async revokeServiceAccount(call) {
      const ref = { id: call.params.id, version: call.ifMatch };
      const { actorId } = call.caller;
      await withOperator(db, actorId, (tx) =>
        revokeServiceAccount(tx, actorId, ref, requestSource(call)),
      );
      return { status: 204, body: null };
    },
  };
}

// The router lets nobody else through; the types do not know.
function permitted(caller: Caller): UserCaller | ServiceCaller {
  if (caller.kind === 'user' || caller.kind === 'service') return caller;
  throw new DomainError('unauthenticated');
}

function answerOf(account: ServiceAccount): z.input<typeof Answer> {
  return {
    id: account.id,
    name: account.name,
    prefix: account.prefix,
    permissions: [...account.permissions],
    allowed_cidrs: [...account.allowedCidrs],
    created_by: account.createdBy,
    created_at: account.createdAt.toISOString(),
    last_used_at: account.lastUsedAt?.toISOString() ?? null,
    revoked_at: account.revokedAt?.toISOString() ?? null,
    version: account.version,
  };
}

function withKey(account: ServiceAccountWithKey): z.input<typeof Answer> & { key: string } {
  return { ...answerOf(account), key: account.key };
}
