import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../src/platform/clock';
import type { NamedKey } from '../../src/platform/config-values';
import { hashToken, signValue, verifyValue } from '../../src/platform/crypto/tokens';

/** Hours for which a form may stay open before it is sent. */
const hours = 24;

/** The forms that carry a signed token. */
export type FormName = 'invite' | 'progress' | 'sign-in' | 'sign-out';

/** What a form's token says once it has been checked. */
export interface SentForm {
  /** The same however often the form is sent: the key that makes sending it repeatable. */
  readonly nonce: string;
}

/** Signs and checks the tokens of page forms. */
export interface FormTokens {
  /** A token for one form on one page; `subject` is what the form is about, of which only a digest goes in. */
  issue(form: FormName, subject: string): string;
  /** Undefined when the token is missing, foreign, for something else, or older than a day. */
  check(form: FormName, subject: string, token: string | undefined): SentForm | undefined;
}

const Content = z.object({ for: z.string(), nonce: z.string(), until: z.number() });

/**
 * Builds the form tokens. Nothing is stored for a form that is only looked at: the token proves that the page came
 * from here and for whom.
 * @param options.keys `COOKIE_SECRET`: the first one signs, all are accepted
 */
export function createFormTokens(options: {
  readonly keys: readonly NamedKey[];
  readonly clock: Clock;
}): FormTokens {
  const { keys, clock } = options;
  const [active] = keys;
  if (!active) throw new Error('COOKIE_SECRET is empty');
  const purposeOf = (form: FormName): string => `form:${form}`;
  const now = (): number => clock.now().getTime();

  return {
    issue: (form, subject) =>
      signValue(active.key, purposeOf(form), {
        for: digest(subject),
        nonce: randomBytes(16).toString('base64url'),
        until: now() + hours * 3_600_000,
      }),
    check(form, subject, token) {
      if (token === undefined) return undefined;
      for (const { key } of keys) {
        const content = Content.safeParse(verifyValue(key, purposeOf(form), token));
        if (!content.success || content.data.for !== digest(subject)) continue;
        if (content.data.until <= now()) continue;
        return { nonce: content.data.nonce };
      }
      return undefined;
    },
  };
}

function digest(subject: string): string {
  return hashToken(subject).toString('base64url').slice(0, 22);
}
