import type { Answered } from '../../platform/batched-query';
import type { VerificationCode } from '../../contracts/verification';
import type { Charge, Charged } from './charges';
import {
  addTo,
  decide,
  inWindow,
  isLimited,
  laterWindow,
  nothingCounted,
  takeFrom,
  windowStart,
} from './limits.rules';
import type { Count, WindowCount } from './limits.rules';
import type { KeyFacts } from './verification.rules';

/** What was granted here to a rotation family and is not handed in. */
interface Family {
  readonly id: string;
  own: Count;
  /** Keys of it that are being counted. */
  keys: number;
}

/** What was counted of one key since the last flush. */
export interface KeyUse {
  readonly facts: KeyFacts;
  readonly family: Family;
  requests: number;
  /** Units of all accepted requests. */
  cost: number;
  /** Those of them that Postgres has not counted already, in all and in the present window. */
  charge: number;
  window: WindowCount | null;
  /** Milliseconds since 1970 on the database's clock. */
  lastUsedAt: number;
  lastAddress: string | undefined;
  /** It is on its way to Postgres: what comes now belongs to the next one. */
  taken: boolean;
}

/** Refusals of one key by one code. */
export interface Refusal {
  readonly keyId: string;
  readonly tenantId: string;
  readonly code: VerificationCode;
  count: number;
}

/** What a request is charged by. */
export interface Chargeable {
  readonly cost: number;
  /** The database's clock, milliseconds since 1970. */
  readonly now: number;
  /** What all processes have handed in, and whether that was read lately. */
  readonly known: Count;
  readonly fresh: boolean;
  /** On the monotonic clock. */
  readonly deadline: number;
}

/** What charging a request came to. */
export interface ChargeOutcome {
  readonly code: 'VALID' | 'RATE_LIMITED' | 'USAGE_EXCEEDED';
  /** Of the rate limit's window; null without one. */
  readonly remaining: number | null;
  readonly resetAt: number | null;
  /** Where the request is counted once it is accepted. */
  readonly use: KeyUse;
}

/** What one process has counted and not yet handed in. */
export interface Usage {
  /**
   * Charges a request to the limits of its key: here where that is safe, in Postgres near a limit and when this
   * process could not hand in its counts for 2 s.
   * @throws DatabaseUnavailable by the deadline
   */
  charge(facts: KeyFacts, request: Chargeable): ChargeOutcome | Promise<ChargeOutcome>;
  /** Counts an accepted request. */
  accept(use: KeyUse, cost: number, now: number, address: string | undefined): void;
  /** Counts a refused one. */
  refuse(facts: KeyFacts, code: VerificationCode): void;
  /** Takes out what is to be handed in; it counts as granted here until `flushed`. */
  take(): { readonly uses: readonly KeyUse[]; readonly refusals: readonly Refusal[] };
  /** Some uses are handed in. */
  flushed(uses: readonly KeyUse[]): void;
  /** All that was counted up to that time, on the monotonic clock, is handed in. */
  flushedUpTo(time: number): void;
}

/** Milliseconds for which counts are relied on. */
export const freshMs = 2_000;

/** Begins to count. */
export function createUsage(
  makeCharge: (charge: Charge, deadline: number) => Promise<Answered<Charged>>,
): Usage {
  const families = new Map<string, Family>();
  let uses = new Map<string, KeyUse>();
  let refusals = new Map<string, Refusal>();
  let lastFlush = -Infinity;

  const familyOf = (id: string): Family => {
    let family = families.get(id);
    if (!family) {
      family = { id, own: nothingCounted, keys: 0 };
      families.set(id, family);
    }
    return family;
  };
  const useOf = (facts: KeyFacts): KeyUse => {
    let use = uses.get(facts.id);
    if (!use) {
      const family = familyOf(facts.familyId);
      family.keys += 1;
      use = newUse(facts, family);
      uses.set(facts.id, use);
    }
    return use;
  };
  const forgetIdle = (family: Family): void => {
    if (family.keys === 0 && family.own.cost === 0) families.delete(family.id);
  };

  return {
    charge(facts, request) {
      const use = useOf(facts);
      if (!isLimited(facts)) return { code: 'VALID', remaining: null, resetAt: null, use };
      const { cost, now, known } = request;
      const { family } = use;
      const fresh = request.fresh && performance.now() - lastFlush <= freshMs;
      const decision = decide(facts, { known, fresh, own: family.own }, cost, now);
      if (decision === 'ask')
        return makeCharge({ facts, cost }, request.deadline).then(({ value }) =>
          outcome(use, value.verdict, value.count, now),
        );
      if (decision !== 'grant') return outcome(use, decision, known, now);
      grant(use, cost, now);
      return outcome(use, 'VALID', known, now);
    },
    accept(given, cost, now, address) {
      const use = given.taken ? useOf(given.facts) : given;
      use.requests += 1;
      use.cost += cost;
      if (now > use.lastUsedAt) use.lastUsedAt = now;
      if (address !== undefined) use.lastAddress = address;
    },
    refuse(facts, code) {
      const name = `${facts.id} ${code}`;
      const refusal = refusals.get(name);
      if (refusal) refusal.count += 1;
      else refusals.set(name, { keyId: facts.id, tenantId: facts.tenantId, code, count: 1 });
    },
    take() {
      const taken = { uses: [...uses.values()], refusals: [...refusals.values()] };
      uses = new Map();
      refusals = new Map();
      for (const use of taken.uses) {
        use.taken = true;
        use.family.keys -= 1;
        forgetIdle(use.family);
      }
      return taken;
    },
    flushed(handedIn) {
      for (const { family, charge, window } of handedIn) {
        family.own = takeFrom(family.own, charge, window);
        forgetIdle(family);
      }
    },
    flushedUpTo(time) {
      lastFlush = Math.max(lastFlush, time);
    },
  };
}

const newUse = (facts: KeyFacts, family: Family): KeyUse => ({
  facts,
  family,
  requests: 0,
  cost: 0,
  charge: 0,
  window: null,
  lastUsedAt: 0,
  lastAddress: undefined,
  taken: false,
});

function grant(use: KeyUse, cost: number, now: number): void {
  const { rateLimit } = use.facts;
  const window = rateLimit && {
    start: windowStart(now, rateLimit.seconds),
    seconds: rateLimit.seconds,
    cost,
  };
  use.family.own = addTo(use.family.own, cost, window);
  use.charge += cost;
  if (window) use.window = laterWindow(use.window, window);
}

function outcome(
  use: KeyUse,
  code: ChargeOutcome['code'],
  known: Count,
  now: number,
): ChargeOutcome {
  const { rateLimit } = use.facts;
  if (!rateLimit) return { code, remaining: null, resetAt: null, use };
  const { limit, seconds } = rateLimit;
  const start = windowStart(now, seconds);
  const counted = inWindow(known, start, seconds) + inWindow(use.family.own, start, seconds);
  return { code, remaining: Math.max(0, limit - counted), resetAt: start + seconds * 1000, use };
}
