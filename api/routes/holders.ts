import type { holderEndpoints } from '../../src/contracts/holders';
import { requireOpen, withInviteOf } from '../../src/domain/onboarding/holder';
import { previewOf } from '../../src/domain/onboarding/preview';
import { acceptOnce, acceptedBefore, asHolder, askForNewLink, declineOnce } from '../accepting';
import type { HolderDeps } from '../accepting';
import type { Handlers } from '../endpoint';
import type { OnboardingCookies } from '../onboarding-cookie';

type Deps = HolderDeps & { readonly cookies: OnboardingCookies };

/** Everything that the holder of an invite's link can do. */
export function createHolderRoutes(deps: Deps): Handlers<typeof holderEndpoints> {
  const { db, limits } = deps;
  return {
    previewInvite: ({ params: { token }, ip }) =>
      asHolder(limits, ip, async () =>
        withInviteOf(db, token, async (tx, held) => {
          requireOpen(held);
          return { status: 200, body: await previewOf(tx, deps.config, held.invite) };
        }),
      ),

    acceptInvite: (call) =>
      asHolder(limits, call.ip, async () => {
        const { idempotency } = call;
        const { token } = call.params;
        const before = await acceptedBefore(deps, token, idempotency);
        const { replayed, ...accepted } = before
          ? { ...before, replayed: true as const }
          : await acceptOnce(
              deps,
              {
                token,
                body: call.body,
                signedInAs: call.caller.kind === 'user' ? call.caller.userId : null,
                sourceIp: call.ip,
                userAgent: call.userAgent,
              },
              idempotency,
            );
        return {
          status: 200,
          body: accepted,
          cookies: [
            deps.cookies.issue({
              onboardingId: accepted.job_id,
              tenantId: accepted.client_id,
              userId: accepted.user_id,
            }),
          ],
          ...(replayed ? { replayed } : {}),
        };
      }),

    declineInvite: ({ params: { token }, body, ip }) =>
      asHolder(limits, ip, async () => {
        const { inviteId } = await declineOnce(deps, { token, reason: body.reason, ip });
        return {
          status: 200,
          body: { success: true, invite_id: inviteId, status: 'declined' },
        };
      }),

    requestNewLink: async ({ params: { token }, ip }) => {
      await askForNewLink(deps, token, ip);
      return {
        status: 202,
        body: {
          success: true,
          message: 'If the invite can still be renewed, its sender has been told.',
        },
      };
    },
  };
}
