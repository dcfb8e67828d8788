import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash, needsRehash, verify } from 'argon2';
import { DomainError } from '../../errors/problems';
import { passwordFlaw, passwordMaxLength } from './password-strength';
import type { PasswordFlaw } from './password-strength';

/** How a check ended. */
export interface PasswordCheck {
  readonly ok: boolean;
  /** The same password hashed with today's parameters, when the stored hash has older ones. */
  readonly upgrade: string | null;
}

/** Hashes, checks and judges passwords. */
export interface Passwords {
  readonly minLength: number;
  /** Why a password may not be chosen, or undefined. `personal`: address, name, tenant names. */
  flawOf(password: string, personal: readonly string[]): PasswordFlaw | undefined;
  /** @throws DomainError `password-too-weak` pointing at the field, when the password has a flaw */
  requireStrong(password: string, personal: readonly string[], pointer: string): void;
  /** @throws DomainError `unavailable` when too many hashes wait already */
  hash(password: string): Promise<string>;
  /**
   * Checks a password. Without a stored hash it does the same work and fails, so that an unknown account cannot be
   * told from a wrong password by the clock.
   * @throws DomainError `unavailable` when too many hashes wait already
   */
  check(password: string, stored: string | null): Promise<PasswordCheck>;
}

// OWASP's floor is 19 MiB; these take about 0.2 s on a small server.
const parameters = { memoryCost: 65_536, timeCost: 3, parallelism: 1 } as const;

const told: Readonly<Record<PasswordFlaw, string>> = {
  'password-too-short': 'is too short',
  'password-too-long': 'is too long',
  'password-common': 'is made of words or runs that are tried first',
  'password-personal': 'must not contain the name, the address or the company',
};

/**
 * Builds the password functions.
 * @param options `running` hashes at a time (64 MiB each; default one per core, at most 4), `waiting` in line behind
 *   them (default 100)
 */
export function createPasswords(options: {
  readonly minLength: number;
  readonly running?: number;
  readonly waiting?: number;
}): Passwords {
  const { minLength } = options;
  const inLine = createLine(
    options.running ?? Math.min(4, availableParallelism()),
    options.waiting ?? 100,
  );
  const nobody = unmatchable();
  const flawOf = (password: string, personal: readonly string[]): PasswordFlaw | undefined =>
    passwordFlaw(password, { minLength, personal });

  return {
    minLength,
    flawOf,

    requireStrong(password, personal, pointer) {
      const flaw = flawOf(password, personal);
      if (!flaw) return;
      const message =
        flaw === 'password-too-short'
          ? `must have at least ${String(minLength)} characters`
          : told[flaw];
      throw new DomainError('password-too-weak', {
        errors: [{ pointer, message }],
        extra: { reason: flaw },
      });
    },

    hash: (password) => inLine(() => hash(password.normalize('NFC'), parameters)),

    async check(password, stored) {
      const fits = password.length <= passwordMaxLength;
      const text = fits ? password.normalize('NFC') : '';
      // A hash that cannot be read is no account's failure to explain: it matches nothing.
      const matches = await inLine(() => verify(stored ?? nobody, text).catch(() => false));
      const ok = matches && fits && stored !== null;
      if (!ok || !needsRehash(stored, parameters)) return { ok, upgrade: null };
      return { ok, upgrade: await inLine(() => hash(text, parameters)) };
    },
  };
}

/** A hash of nothing with today's parameters: no password is known to match it, and none can be found. */
function unmatchable(): string {
  const part = (bytes: number): string => randomBytes(bytes).toString('base64').replaceAll('=', '');
  const { memoryCost, timeCost, parallelism } = parameters;
  const cost = `m=${String(memoryCost)},t=${String(timeCost)},p=${String(parallelism)}`;
  return `$argon2id$v=19$${cost}$${part(16)}$${part(32)}`;
}

/** Lets `running` jobs run and `waiting` more wait, first come first served; refuses the others. */
function createLine(running: number, waiting: number): <T>(job: () => Promise<T>) => Promise<T> {
  const line: (() => void)[] = [];
  let free = running;
  return async (job) => {
    if (free > 0) free -= 1;
    else if (line.length >= waiting) {
      throw new DomainError('unavailable', {
        detail: 'Too many people are signing in at this moment.',
        retryAfterSeconds: 2,
      });
    } else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await job();
    } finally {
      const next = line.shift();
      if (next) next();
      else free += 1;
    }
  };
}
