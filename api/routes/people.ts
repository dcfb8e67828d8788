import type { z } from 'zod';
import type { User as Answer, userEndpoints } from '../../src/contracts/users';
import { DomainError } from '../../src/errors/problems';
import type { Caller, ServiceCaller, UserCaller } from '../../src/domain/identity/callers';
import { inviteUser, temporaryPassword } from '../../src/domain/identity/invite-user';
import { isPlatformRole, rankOf } from '../../src/domain/identity/roles.rules';
import { countUsers, findUser, listUsers } from '../../src/domain/identity/user-list';
import type { ListedUser } from '../../src/domain/identity/user-list';
import { changeUserStatus } from '../../src/domain/identity/user-status';
import type { UserStatusChange } from '../../src/domain/identity/user-status';
import { openBarrier } from '../../src/platform/barriers';
import type { Passwords } from '../../src/platform/crypto/passwords';
import type { KeyRing } from '../../src/platform/crypto/sealing';
import type { Cursors } from '../../src/platform/cursors';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';

/** What looking after people uses. */
export interface PeopleRouteDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly passwords: Passwords;
  readonly cursors: Cursors;
  readonly publicUrl: string;
}

const readOnly = { readOnly: true } as const;

/** A request that lets somebody in or out. */
interface StatusCall {
  readonly caller: Caller;
  readonly params: { readonly id: string };
  readonly body: { readonly reason?: string | undefined };
  readonly ip: string;
  readonly userAgent: string | null;
  readonly ifMatch: number | undefined;
}

/** People, as operators look after them. */
export function createPeopleRoutes(deps: PeopleRouteDeps): Handlers<typeof userEndpoints> {
  const { db, cursors } = deps;
  const change = async (call: StatusCall, to: UserStatusChange['to']) => {
    const by = permitted(call.caller);
    const { user, barrier } = await withOperator(db, by.actorId, async (tx) => {
      const opened = to === 'deactivated' ? await openBarrier(tx) : undefined;
      const changed = await changeUserStatus(
        tx,
        by,
        { userId: call.params.id, to, reason: call.body.reason, version: call.ifMatch },
        requestSource(call),
      );
      return { user: changed, barrier: opened };
    });
    await barrier?.passed();
    return { status: 200 as const, body: toUser(user), version: user.version };
  };
  return {
    async listUsers({ caller, query }) {
      const { limit, cursor, ...filter } = query;
      const body = await withOperator(
        db,
        caller.actorId,
        async (tx) => {
          const keyset = cursors.open('users', filter, { limit, cursor });
          const page = await listUsers(tx, filter, keyset);
          const counts = await countUsers(tx, filter);
          return { ...cursors.answer('users', filter, page, toUser), counts };
        },
        readOnly,
      );
      return { status: 200, body };
    },

    async getUser({ caller, params }) {
      const user = await withOperator(
        db,
        caller.actorId,
        (tx) => findUser(tx, params.id),
        readOnly,
      );
      if (!user) throw new DomainError('user-not-found');
      return { status: 200, body: toUser(user), version: user.version };
    },

    async inviteUser(call) {
      const by = permitted(call.caller);
      const { email, name, role, handoff } = call.body;
      const password = handoff === 'temp-password' ? temporaryPassword() : null;
      // Hashed before the transaction begins: it takes its time.
      const passwordHash = password === null ? null : await deps.passwords.hash(password);
      return withOperator(db, by.actorId, (tx) =>
        once(call.idempotency, tx, async () => {
          const invite = { email, name, role, passwordHash };
          const invited = await inviteUser(tx, deps, by, invite, requestSource(call));
          return {
            status: 201 as const,
            body: {
              subject: `user:${invited.userId}`,
              user_id: invited.userId,
              ...(password === null
                ? { link: `${deps.publicUrl}/login/${invited.linkToken ?? ''}` }
                : { temp_password: password }),
            },
          };
        }),
      );
    },

    deactivateUser: (call) => change(call, 'deactivated'),
    activateUser: (call) => change(call, 'active'),
  };
}

// The router lets nobody else through; the types do not know.
function permitted(caller: Caller): UserCaller | ServiceCaller {
  if (caller.kind === 'user' || caller.kind === 'service') return caller;
  throw new DomainError('unauthenticated');
}

function toUser(user: ListedUser): z.input<typeof Answer> {
  const roles = user.memberships.flatMap(({ scope, role }) =>
    scope === 'platform' && isPlatformRole(role) ? [role] : [],
  );
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    locale: user.locale,
    status: user.status,
    roles: [...new Set(roles)].sort((a, b) => rankOf('platform', b) - rankOf('platform', a)),
    memberships: user.memberships.flatMap(({ scope, tenantId, tenantSlug, partnerId, role }) =>
      scope === 'platform'
        ? []
        : [{ scope, tenant_id: tenantId, tenant_slug: tenantSlug, partner_id: partnerId, role }],
    ),
    must_change_password: user.mustChangePassword,
    activated_at: user.activatedAt?.toISOString() ?? null,
    deactivated_at: user.deactivatedAt?.toISOString() ?? null,
    last_seen_at: user.lastSeenAt?.toISOString() ?? null,
    created_at: user.createdAt.toISOString(),
    version: user.version,
  };
}
