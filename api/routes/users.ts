import type { identityEndpoints } from '../../src/contracts/identity';
import { DomainError } from '../../src/errors/problems';
import { setPlatformRoles } from '../../src/domain/identity/platform-roles';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import type { Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';

/** What the users' surface uses. */
export interface UserRoutesDeps {
  readonly db: Database;
}

type UserEndpoint = Extract<(typeof identityEndpoints)[number], { tag: 'users' }>;

/** Handlers of users: their roles on the platform. */
export function createUserRoutes({ db }: UserRoutesDeps): Handlers<readonly UserEndpoint[]> {
  return {
    async putUserRoles(call) {
      const { caller } = call;
      if (caller.kind !== 'user' && caller.kind !== 'service') {
        throw new DomainError('unauthenticated');
      }
      const change = { userId: call.params.id, roles: call.body.roles };
      const roles = await withOperator(db, caller.actorId, (tx) =>
        setPlatformRoles(tx, caller, change, requestSource(call)),
      );
      return { status: 200, body: { user_id: change.userId, roles } };
    },
  };
}
