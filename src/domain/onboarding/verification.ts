import { withInviteOf } from './holder';
import type { OnboardingDeps } from './deps';

/** Tells people from programs; a captcha provider is one of these. */
export interface CaptchaProvider {
  /** Whether the answer that a browser sent is that of a person. */
  verify(answer: string, remoteIp: string): Promise<boolean>;
}

/** The check that self-serve invites pass before they are accepted. */
export interface Verification {
  /** Whether a person answered; asks the provider for self-serve invites only, since no other one needs it. */
  isPerson(token: string, answer: string | undefined, remoteIp: string): Promise<boolean>;
}

/** Builds the check; while no provider is set nobody passes it. */
export function createVerification(
  deps: Pick<OnboardingDeps, 'db'>,
  provider: CaptchaProvider | undefined,
): Verification {
  return {
    async isPerson(token, answer, remoteIp) {
      if (!provider || answer === undefined) return false;
      const selfServe = await withInviteOf(deps.db, token, (_tx, held) =>
        Promise.resolve(held.invite.self_serve),
      );
      return selfServe && provider.verify(answer, remoteIp);
    },
  };
}
