import { setTimeout as sleep } from 'node:timers/promises';
import type { InviteAccepted } from '../src/contracts/holders';
import type { z } from 'zod';
import { DomainError } from '../src/errors/problems';
import { acceptInvite } from '../src/domain/onboarding/accept';
import type { Acceptance, AcceptedInvite, Guesses } from '../src/domain/onboarding/accept';
import type { OnboardingDeps } from '../src/domain/onboarding/deps';
import { requireOpen, withInviteOf } from '../src/domain/onboarding/holder';
import { declineInvite } from '../src/domain/onboarding/close-invite';
import { markOpened } from '../src/domain/onboarding/invites';
import { requestNewLink } from '../src/domain/onboarding/request-new-link';
import type { Verification } from '../src/domain/onboarding/verification';
import { sourceOf } from '../src/platform/client-addresses';
import type { Passwords } from '../src/platform/crypto/passwords';
import type { RateLimits } from '../src/platform/rate-limits';
import { once } from './middleware/idempotency';
import type { Idempotency } from './middleware/idempotency';

/** What the holder of a link can do uses, whether it is asked for as JSON or by a form. */
export type HolderDeps = OnboardingDeps & {
  readonly limits: RateLimits;
  readonly passwords: Passwords;
  readonly verification: Verification;
};

/** What an accept came to, as it is answered and kept for a repetition. */
export type Accepted = z.output<typeof InviteAccepted>;

// What somebody who guesses tokens or passwords would meet; hits do not count.
const guesses = new Set(['invite-not-found', 'credentials-invalid']);

/**
 * Runs what the holder of a token asked for; unknown tokens and wrong passwords count against the source.
 * @throws DomainError `rate-limited`
 */
export async function asHolder<T>(
  limits: RateLimits,
  ip: string,
  work: () => Promise<T>,
): Promise<T> {
  const key = `ip:${sourceOf(ip)}`;
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

/** What an earlier accept with this key came to; undefined when there was none. */
export async function acceptedBefore(
  deps: Pick<HolderDeps, 'db'>,
  token: string,
  idempotency: Idempotency | undefined,
): Promise<Accepted | undefined> {
  if (!idempotency) return undefined;
  const stored = await patiently(() =>
    // Under the invite's lock, which an accept holds as well: it is never looked for while one is about to commit.
    withInviteOf(deps.db, token, (tx) => idempotency.begin(tx)),
  );
  return stored?.body as Accepted | undefined;
}

/**
 * Accepts an invite, once per key: who lost to another request of the same key gets its answer.
 * @throws DomainError what `acceptInvite` throws
 */
export async function acceptOnce(
  deps: HolderDeps,
  acceptance: Omit<Acceptance, 'isPerson'>,
  idempotency: Idempotency | undefined,
): Promise<Accepted & { readonly replayed?: true }> {
  const { token, body, sourceIp } = acceptance;
  try {
    const isPerson = await deps.verification.isPerson(token, body.captcha, sourceIp);
    const verified = { ...acceptance, isPerson };
    const accepted = await patiently(() => acceptNow(deps, verified, idempotency));
    deps.metrics.accepts.inc({ status: 'accepted' });
    return accepted;
  } catch (error) {
    const used = error instanceof DomainError && error.code === 'invite-already-used';
    const made = used ? await acceptedBefore(deps, token, idempotency) : undefined;
    if (made) return { ...made, replayed: true };
    deps.metrics.accepts.inc({ status: 'rejected' });
    throw error;
  }
}

async function acceptNow(
  deps: HolderDeps,
  acceptance: Acceptance,
  idempotency: Idempotency | undefined,
): Promise<Accepted> {
  const accepted = await acceptInvite(
    { ...deps, guesses: guessesOf(deps.limits) },
    acceptance,
    async (tx, made) => {
      await markOpened(tx, made.inviteId);
      await idempotency?.begin(tx);
      await idempotency?.store(tx, { status: 200, body: bodyOf(made) });
    },
  );
  return bodyOf(accepted);
}

/**
 * Declines an invite, once per key.
 * @throws DomainError a code for each way in which an invite is closed
 */
export function declineOnce(
  deps: HolderDeps,
  holder: { readonly token: string; readonly reason: string | undefined; readonly ip: string },
  idempotency?: Idempotency,
): Promise<{ inviteId: string; tenantName: string; locale: string }> {
  const { token, reason, ip } = holder;
  return patiently(() =>
    withInviteOf(deps.db, token, async (tx, held) => {
      const { invite } = held;
      await once(idempotency, tx, async () => {
        requireOpen(held);
        await markOpened(tx, invite.id);
        await declineInvite(tx, deps, invite, { reason, sourceIp: ip });
        return { status: 200, body: null };
      });
      return { inviteId: invite.id, tenantName: invite.tenant_name, locale: invite.locale };
    }),
  );
}

/**
 * Passes on that the holder of an old link asks for a new one; says nothing of whether that is possible.
 * @throws DomainError `rate-limited`
 */
export async function askForNewLink(deps: HolderDeps, token: string, ip: string): Promise<void> {
  await deps.limits.consume('accept', `new-link:${sourceOf(ip)}`);
  await requestNewLink(deps, token);
}

/** Passwords tried at accepts, counted by e-mail address. */
function guessesOf(limits: RateLimits): Guesses {
  return {
    take: (email) => limits.consume('accept', `email:${email}`),
    giveBack: (email) => limits.reward('accept', `email:${email}`),
  };
}

function bodyOf(accepted: AcceptedInvite): Accepted {
  return {
    success: true,
    user_id: accepted.userId,
    client_id: accepted.tenantId,
    job_id: accepted.onboardingId,
    status: accepted.state,
  };
}

// A key is free again microseconds after the lock of the invite, so a second look always finds it.
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const busy = error instanceof DomainError && error.code === 'request-in-progress';
      if (!busy || tries === 20) throw error;
      await sleep(25);
    }
  }
}
