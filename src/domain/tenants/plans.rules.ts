/** What a plan allows and what it sets where nobody says otherwise. */
export interface Plan {
  /** Most live API keys of a tenant. */
  readonly keys: number;
  /** Of a key: most requests in so many seconds. */
  readonly rateLimit: PlanRate;
  /** Of a key: most units in all; null for no bound. */
  readonly usageLimit: number | null;
}

/** A bound and its default. */
export interface PlanRate {
  readonly limit: number;
  readonly windowSeconds: number;
}

const plans: Readonly<Record<string, Plan>> = {
  starter: { keys: 5, rateLimit: { limit: 600, windowSeconds: 60 }, usageLimit: 1_000_000 },
};

const otherPlans: Plan = {
  keys: 100,
  rateLimit: { limit: 6_000, windowSeconds: 60 },
  usageLimit: null,
};

/** The plan of a name; every name but `starter` has the wide one. */
export function planOf(name: string): Plan {
  return Object.hasOwn(plans, name) ? (plans[name] ?? otherPlans) : otherPlans;
}
