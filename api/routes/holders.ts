import type { onboardingEndpoints } from '../../src/contracts/onboarding';
import { DomainError } from '../../src/errors/problems';
import { acceptInvite } from '../../src/domain/onboarding/accept';
import type { AcceptedInvite, Guesses } from '../../src/domain/onboarding/accept';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { requireOpen, withInviteOf } from '../../src/domain/onboarding/holder';
import { declineInvite } from '../../src/domain/onboarding/invites';
import { previewOf } from '../../src/domain/onboarding/preview';
import { requestNewLink } from '../../src/domain/onboarding/request-new-link';
import type { Verification } from '../../src/domain/onboarding/verification';
import type { Passwords } from '../../src/platform/crypto/passwords';
import { withSystem } from '../../src/platform/db';
import type { RateLimits } from '../../src/platform/rate-limits';
import type { Call, Handlers } from '../endpoint';
import type { OnboardingCookies } from '../onboarding-cookie';

type HolderHandlers = Pick<
  Handlers<typeof onboardingEndpoints>,
  'previewInvite' | 'acceptInvite' | 'declineInvite' | 'requestNewLink'
>;

type Deps = OnboardingDeps & {
  readonly limits: RateLimits;
  readonly passwords: Passwords;
  readonly cookies: OnboardingCookies;
  readonly verification: Verification;
};

// What somebody who guesses tokens or passwords would meet; hits do not count.
const guesses = new Set(['invite-not-found', 'credentials-invalid']);

/** Runs what the holder of a token asked for; unknown tokens and wrong passwords count against the address. */
export async function asHolder<T>(
  limits: RateLimits,
  ip: string,
  work: () => Promise<T>,
): Promise<T> {
  const key = `ip:${ip}`;
  await limits.check('accept', key);
  try {
    return await work();
  } catch (error) {
    if (error instanceof DomainError && guesses.has(error.code)) {
      await limits.penalise('accept', key);
    }
    throw error;
  }
}

/** Everything that the holder of an invite's link can do. */
export function createHolderRoutes(deps: Deps): HolderHandlers {
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
        const stored =
          idempotency && (await withSystem(db, 'idempotency', (tx) => idempotency.begin(tx)));
        if (stored) return { status: 200, body: stored.body as never, replayed: true };
        await deps.verification.check(call.params.token, call.body.captcha, call.ip);
        const accepted = await accept(deps, call);
        return {
          status: 200,
          body: bodyOf(accepted),
          cookies: [deps.cookies.issue(accepted)],
        };
      }),

    declineInvite: ({ params: { token }, body, ip }) =>
      asHolder(limits, ip, async () =>
        withInviteOf(db, token, async (tx, held) => {
          requireOpen(held);
          await declineInvite(tx, deps, held.invite, { reason: body.reason, sourceIp: ip });
          return {
            status: 200,
            body: { success: true, invite_id: held.invite.id, status: 'declined' },
          };
        }),
      ),

    requestNewLink: async ({ params: { token }, ip }) => {
      await limits.consume('accept', `new-link:${ip}`);
      await requestNewLink(deps, token);
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

async function accept(
  deps: Deps,
  call: Pick<Call, 'caller' | 'ip' | 'userAgent' | 'idempotency'> & {
    readonly params: { readonly token: string };
    readonly body: Parameters<typeof acceptInvite>[1]['body'];
  },
): Promise<AcceptedInvite> {
  try {
    const accepted = await acceptInvite(
      { ...deps, guesses: guessesOf(deps.limits) },
      {
        token: call.params.token,
        body: call.body,
        signedInAs: call.caller.kind === 'user' ? call.caller.userId : null,
        sourceIp: call.ip,
        userAgent: call.userAgent,
      },
      async (tx, accepted) => {
        await call.idempotency?.begin(tx);
        await call.idempotency?.store(tx, { status: 200, body: bodyOf(accepted) });
      },
    );
    deps.metrics.accepts.inc({ status: 'accepted' });
    return accepted;
  } catch (error) {
    deps.metrics.accepts.inc({ status: 'rejected' });
    throw error;
  }
}

/** Wrong passwords of accepts, counted by e-mail address. */
function guessesOf(limits: RateLimits): Guesses {
  return {
    check: (email) => limits.check('accept', `email:${email}`),
    count: (email) => limits.penalise('accept', `email:${email}`),
  };
}

function bodyOf(accepted: AcceptedInvite) {
  return {
    success: true,
    user_id: accepted.userId,
    client_id: accepted.tenantId,
    job_id: accepted.onboardingId,
    status: accepted.state,
  } as const;
}
