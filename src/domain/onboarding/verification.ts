import { DomainError } from '../../errors/problems';
import { withInviteOf } from './holder';
import type { OnboardingDeps } from './deps';

/** Tells people from programs; a captcha provider is one of these. */
export interface CaptchaProvider {
  /** Whether the answer that a browser sent is that of a person. */
  verify(answer: string, remoteIp: string): Promise<boolean>;
}

/** The check that self-serve invites pass before they are accepted. */
export interface Verification {
  /** @throws DomainError `verification-failed` when the invite is self-serve and the answer does not hold */
  check(token: string, answer: string | undefined, remoteIp: string): Promise<void>;
}

/** Builds the check. Invites that a person sent pass without it; self-serve ones fail while no provider is set. */
export function createVerification(
  deps: Pick<OnboardingDeps, 'db' | 'config'>,
  provider: CaptchaProvider | undefined,
): Verification {
  return {
    async check(token, answer, remoteIp) {
      if (!provider && !deps.config.SELF_SERVE_INVITES) return;
      const selfServe = await withInviteOf(deps.db, token, (_tx, held) =>
        Promise.resolve(held.invite.self_serve),
      );
      if (!selfServe) return;
      const isPerson = answer !== undefined && (await provider?.verify(answer, remoteIp));
      if (!isPerson) {
        throw new DomainError('verification-failed');
      }
    },
  };
}
