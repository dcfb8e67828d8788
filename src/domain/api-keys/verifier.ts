import type { VerificationCode } from '../../contracts/verification';
import { DatabaseUnavailable } from '../../platform/batched-query';
import { readKey } from '../../platform/crypto/key-formats';
import type { ReadKey } from '../../platform/crypto/key-formats';
import type { KeyDigest, KeyHasher } from '../../platform/crypto/keys';
import { TooManyHashes } from '../../platform/crypto/slow-hashes';
import type { Failures } from './failures';
import type { ForeignHashes } from './foreign-hashes';
import type { Lookups } from './lookups';
import type { PepperUpgrades } from './pepper-upgrades';
import type { ChargeOutcome, Usage } from './usage';
import { judge, mayName } from './verification.rules';
import type { Asked, KeyFacts } from './verification.rules';

/** One question: is this key good for that? */
export interface Question extends Asked {
  readonly key: string;
  /** Units that a good answer takes from the limits of the key. */
  readonly cost: number;
}

/** The answer to it. */
export interface Verdict {
  readonly code: VerificationCode;
  /** The key, where the answer may name it. */
  readonly key: KeyFacts | undefined;
  /** Of the rate limit's window; null without one. */
  readonly remaining: number | null;
  /** Milliseconds since 1970. */
  readonly resetAt: number | null;
  /** Milliseconds until it is worth while to ask again; with `RATE_LIMITED` only. */
  readonly retryAfterMs: number | null;
}

/** Verifies API keys. */
export interface Verifier {
  /**
   * Answers a question through `write`, which is called once and at once when the answer is settled: a good answer
   * still holds at the moment at which it is written. Never throws.
   */
  verify(question: Question, write: (verdict: Verdict) => void): Promise<void>;
}

/** Every question is answered within so many milliseconds, if need be with UNAVAILABLE. */
export const answerWithinMs = 900;
/** A good answer is written only while the query that it rests on left less than so many milliseconds ago. */
export const readHoldsMs = 500;

/** What a verifier works with. */
export interface VerifierParts {
  /** `USHER_KEY_PREFIX` */
  readonly prefix: string;
  readonly hasher: KeyHasher;
  readonly lookups: Pick<Lookups, 'find'>;
  readonly usage: Pick<Usage, 'charge' | 'accept' | 'refuse'>;
  readonly failures: Failures;
  readonly foreign: Pick<ForeignHashes, 'candidates' | 'adopt'>;
  readonly upgrades: Pick<PepperUpgrades, 'consider'>;
  /** Counts answers by code. */
  readonly counted: (code: VerificationCode) => void;
  /** Told of errors that are none of an outage. */
  readonly onError: (error: unknown) => void;
}

const bare = (code: VerificationCode): Verdict => ({
  code,
  key: undefined,
  remaining: null,
  resetAt: null,
  retryAfterMs: null,
});

let turn: Promise<void> | undefined;

// Answers that come of one query are all decided before the first is written: whoever waits for them is woken once.
function together(): Promise<void> {
  turn ??= new Promise((resolve) => {
    process.nextTick(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}

/** Builds the verifier of strict mode: every question is answered from a query that left after it came. */
export function createVerifier(parts: VerifierParts): Verifier {
  const { hasher, lookups, usage, failures, foreign } = parts;

  const decide = async (question: Question, write: (verdict: Verdict) => void): Promise<void> => {
    const read = readKey(parts.prefix, question.key);
    if (!read) {
      failures.count(question.address);
      write(bare('MALFORMED'));
      return;
    }
    const deadline = performance.now() + answerWithinMs;
    const digests = hasher.candidates(question.key);
    const wanted = digests.map(({ digest }) => digest.toString('hex'));
    let charged: ChargeOutcome | undefined;
    let mayAdopt = true;
    for (;;) {
      const { value: found, sentAt } = await lookups.find(wanted, deadline);
      if (!found) {
        const adopted = mayAdopt && (await adoptForeign(question, read, digests, deadline));
        if (typeof adopted === 'object') {
          write(adopted);
          return;
        }
        mayAdopt = false;
        if (adopted) continue;
        write(bare('NOT_FOUND'));
        return;
      }
      const { facts } = found;
      const code = judge(facts, question);
      if (code !== 'VALID') {
        refuse(facts, code, question, write);
        return;
      }
      const now = found.readAt + performance.now() - sentAt;
      if (!charged) {
        const { cost } = question;
        const request = { cost, now, known: found.count, fresh: true, deadline };
        const outcome = usage.charge(facts, request);
        charged = outcome instanceof Promise ? await outcome : outcome;
        if (charged.code !== 'VALID') {
          refuse(facts, charged.code, question, write, charged, now);
          return;
        }
      }
      await together();
      // Whatever took its time in between, a charge or the event loop: an answer from too far back is no answer.
      if (performance.now() - sentAt >= readHoldsMs) continue;
      write({
        code,
        key: facts,
        remaining: charged.remaining,
        resetAt: charged.resetAt,
        retryAfterMs: null,
      });
      usage.accept(charged.use, question.cost, now, question.address);
      parts.upgrades.consider(found, digests);
      return;
    }
  };

  const refuse = (
    facts: KeyFacts,
    code: VerificationCode,
    question: Question,
    write: (verdict: Verdict) => void,
    charged?: ChargeOutcome,
    now = 0,
  ): void => {
    const resetAt = charged?.resetAt ?? null;
    write({
      code,
      key: mayName(facts, question) ? facts : undefined,
      remaining: charged?.remaining ?? null,
      resetAt,
      retryAfterMs: code === 'RATE_LIMITED' && resetAt !== null ? resetAt - now : null,
    });
    usage.refuse(facts, code);
  };

  /** Whether an imported hash became a digest; or the answer, where that cannot be told or is not tried any more. */
  const adoptForeign = async (
    question: Question,
    read: ReadKey,
    digests: readonly KeyDigest[],
    deadline: number,
  ): Promise<boolean | Verdict> => {
    const wait = failures.waitOf(question.address);
    if (wait > 0) return { ...bare('RATE_LIMITED'), retryAfterMs: wait };
    // Before any hash is computed, so that nobody computes for free.
    failures.count(question.address);
    const [digest] = digests;
    if (!digest) return false;
    const candidates = await foreign.candidates({ prefix: read.prefix, digest }, deadline);
    if (candidates.length === 0) return false;
    const source = question.address ?? '';
    const presented = { key: question.key, prefix: read.prefix, digest, source };
    const adopted = await before(deadline, foreign.adopt(presented, candidates));
    if (adopted) failures.forgive(question.address);
    return adopted;
  };

  return {
    async verify(question, write) {
      const state = { answered: false };
      const counting = (verdict: Verdict): void => {
        state.answered = true;
        parts.counted(verdict.code);
        write(verdict);
      };
      try {
        await decide(question, counting);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable || error instanceof TooManyHashes))
          parts.onError(error);
        if (!state.answered) counting(bare('UNAVAILABLE'));
      }
    },
  };
}

/** The value of a promise that comes in time. @throws DatabaseUnavailable otherwise; the work goes on behind it */
async function before<T>(deadline: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(new DatabaseUnavailable('The hash takes too long'));
      },
      Math.max(0, deadline - performance.now()),
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
