import type { VerificationCode } from '../../contracts/verification';
import { inTime, TooLate } from '../../platform/in-time';
import { readKey } from '../../platform/crypto/key-formats';
import type { ReadKey } from '../../platform/crypto/key-formats';
import type { KeyHasher } from '../../platform/crypto/keys';
import { TooManyHashes } from '../../platform/crypto/slow-hashes';
import { isOutage } from '../../platform/outage';
import { DatabaseUnavailable } from '../../platform/own-connection';
import type { Failures } from './failures';
import type { ForeignHashes } from './foreign-hashes';
import type { Look } from './change-log';
import type { Lease } from './lease';
import type { Looks } from './looks';
import type { Lookups } from './lookups';
import type { PepperUpgrades } from './pepper-upgrades';
import type { Moment, Recall } from './recall';
import { createTurns } from './turns';
import type { Found } from './turns';
import type { ChargeOutcome, KnownKey, Usage } from './usage';
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
   * still holds at the moment at which it is written. Never throws nor rejects.
   */
  verify(question: Question, write: (verdict: Verdict) => void): void;
}

/** Every question is answered within so many milliseconds, if need be with UNAVAILABLE. */
export const answerWithinMs = 900;
/** Milliseconds of it that a look into the log may take; then the key itself is read. */
const lookWithinMs = 300;
/** A good answer is written only while the query that it rests on left less than so many milliseconds ago. */
export const readHoldsMs = 500;

/** A question that memory does not answer. */
interface Asking {
  readonly question: Question;
  readonly read: ReadKey;
  /** As `Recall` has it. */
  readonly name: string;
  /** Those of the key, as hex, one under each pepper. */
  readonly digests: readonly string[];
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly write: (verdict: Verdict) => void;
}

/** What a verifier works with. */
export interface VerifierParts {
  /** `USHER_KEY_PREFIX` */
  readonly prefix: string;
  readonly hasher: KeyHasher;
  readonly lookups: Pick<Lookups, 'find' | 'findInTurn'>;
  readonly looks: Pick<Looks, 'next'>;
  readonly usage: Pick<Usage, 'charge' | 'accept' | 'refuse'>;
  readonly failures: Failures;
  readonly foreign: Pick<ForeignHashes, 'candidates' | 'adopt'>;
  readonly upgrades: Pick<PepperUpgrades, 'consider'>;
  readonly recall: Recall;
  /** Cached mode's; without it every question is answered by what Postgres said after it came. */
  readonly lease?: Pick<Lease, 'holds' | 'databaseTime'> | undefined;
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

const limited = (wait: number): Verdict => ({ ...bare('RATE_LIMITED'), retryAfterMs: wait });

// Answers that come of one query are all decided before the first is written: whoever waits for them is woken once.
let settling: Promise<void> | undefined;
const together = (): Promise<void> =>
  (settling ??= new Promise((resolve) => {
    process.nextTick(() => {
      settling = undefined;
      resolve();
    });
  }));

/** Builds the verifier of a process. */
export function createVerifier(parts: VerifierParts): Verifier {
  const { hasher, lookups, looks, usage, failures, foreign, recall, lease } = parts;

  const turns = createTurns(lookups, () => recall.generation());

  const find = async (digests: readonly string[], deadline: number): Promise<Found> => {
    const since = recall.generation();
    const { value, sentAt } = await lookups.find(digests, deadline);
    return { value, sentAt, since };
  };

  const decide = async (asking: Asking, first: Found | undefined): Promise<void> => {
    const { question, write, digests, deadline } = asking;
    let next = first;
    let charged: ChargeOutcome | undefined;
    let mayAdopt = true;
    for (;;) {
      const { value: found, sentAt, since } = next ?? (await find(digests, deadline));
      next = undefined;
      if (!found) {
        const adopted = mayAdopt && (await adoptForeign(asking));
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
        const request = { cost, now, known: found.count, knownAt: sentAt, deadline };
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
      write(good(facts, charged));
      usage.accept(charged.counter, question.cost, now, question.address);
      if (parts.upgrades.consider(found, question.key))
        recall.keep(asking.name, { facts, counter: charged.counter }, since);
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
  const adoptForeign = async ({ question, read, deadline }: Asking): Promise<boolean | Verdict> => {
    const wait = failures.waitOf(question.address);
    if (wait > 0) return limited(wait);
    // Before any hash is computed, so that nobody computes for free.
    failures.count(question.address);
    const digest = hasher.digest(question.key);
    const candidates = await foreign.candidates({ prefix: read.prefix, digest }, deadline);
    if (candidates.length === 0) return false;
    const source = question.address ?? '';
    const presented = { key: question.key, prefix: read.prefix, digest, source };
    const rest = deadline - performance.now();
    try {
      const adopted = await inTime(foreign.adopt(presented, candidates), rest);
      if (adopted) failures.forgive(question.address);
      return adopted;
    } catch (error) {
      // Nobody knows whether it failed: the key may be good, and is tried again.
      if (error instanceof TooManyHashes) failures.forgive(question.address);
      throw error;
    }
  };

  /** Answers by what Postgres says of the key, or that nobody can know. */
  const lookUp = (
    question: Question,
    name: string,
    now: number,
    write: (verdict: Verdict) => void,
  ): void => {
    const state = { answered: false };
    const counting = (verdict: Verdict): void => {
      state.answered = true;
      parts.counted(verdict.code);
      write(verdict);
    };
    const failed = (error: unknown): void => {
      if (!isTransient(error)) parts.onError(error);
      if (!state.answered) counting(bare('UNAVAILABLE'));
    };
    try {
      const read = readKey(parts.prefix, question.key);
      if (!read) {
        failures.count(question.address);
        counting(bare('MALFORMED'));
        return;
      }
      const digests = hasher.hexCandidates(question.key);
      const deadline = now + answerWithinMs;
      const asking: Asking = { question, read, name, digests, deadline, write: counting };
      if (failures.failsOften(question.address)) askInTurn(asking, failed);
      else decide(asking, undefined).catch(failed);
    } catch (error) {
      failed(error);
    }
  };

  /** Answers a source that fails often. One that may not fail any more is asked about, too: its key may be good. */
  const askInTurn = (asking: Asking, failed: (error: unknown) => void): void => {
    const { digests, deadline } = asking;
    const found = (first: Found): void => {
      const wait = first.value ? 0 : failures.waitOf(asking.question.address);
      if (wait > 0) asking.write(limited(wait));
      else decide(asking, first).catch(failed);
    };
    turns.join({ digests, deadline, found, failed });
  };

  /** Answers from memory, of which what it rests on is so at that moment; false when it is not enough. */
  const answer = (
    known: KnownKey,
    question: Question,
    moment: Moment,
    write: (verdict: Verdict) => void,
  ): boolean => {
    const recalled = recall.answer(known, question, moment);
    if (!recalled) return false;
    parts.counted('VALID');
    write(good(recalled.facts, recalled.charged));
    usage.accept(recalled.charged.counter, question.cost, recalled.at, question.address);
    return true;
  };

  /** Answers a known key once the log was looked into, after the question came. */
  const answerAfterLook = (
    known: KnownKey,
    question: Question,
    name: string,
    now: number,
    write: (verdict: Verdict) => void,
  ): void => {
    const since = recall.generation();
    const settle = (look: Look): boolean => {
      const then = performance.now();
      const age = then - look.sentAt;
      if (age >= readHoldsMs) return false;
      // The look removed what is not so any more.
      const still = recall.generation() === since ? known : recall.find(name, question);
      const moment = { now: then, at: look.databaseMs + age };
      return still !== undefined && answer(still, question, moment, write);
    };
    looks.next(now + lookWithinMs, (look) => {
      try {
        if (!look || !settle(look)) lookUp(question, name, now, write);
      } catch (error) {
        // Others wait for the same look.
        parts.onError(error);
      }
    });
  };

  return {
    verify(question, write) {
      const now = performance.now();
      const name = recall.nameOf(question.key);
      const known = recall.find(name, question);
      if (!known) lookUp(question, name, now, write);
      else if (!lease?.holds(now)) answerAfterLook(known, question, name, now, write);
      else if (!answer(known, question, { now, at: lease.databaseTime(now) }, write))
        lookUp(question, name, now, write);
    },
  };
}

const good = (facts: KeyFacts, { remaining, resetAt }: ChargeOutcome): Verdict => ({
  code: 'VALID',
  key: facts,
  remaining,
  resetAt,
  retryAfterMs: null,
});

// What only means that nobody knows at present.
const isTransient = (error: unknown): boolean =>
  error instanceof DatabaseUnavailable ||
  error instanceof TooManyHashes ||
  error instanceof TooLate ||
  isOutage(error);
