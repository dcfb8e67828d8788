import { createBatchedQuery } from '../../platform/batched-query';
import type { Answered } from '../../platform/batched-query';
import type { Count } from './limits.rules';
import type { KeyFacts } from './verification.rules';

/** One charge that Postgres decides. */
export interface Charge {
  readonly facts: KeyFacts;
  readonly cost: number;
  /** What this process has granted the family and not handed in: it is counted before the charge is judged. */
  readonly granted: Count;
}

/** What it came to, and what all processes have counted after it. */
export interface Charged {
  readonly verdict: 'VALID' | 'RATE_LIMITED' | 'USAGE_EXCEEDED';
  readonly count: Count;
}

/** Charges near a limit, made where no other process can overrun it. */
export interface Charges {
  /** @throws DatabaseUnavailable by the deadline, on the monotonic clock */
  make(charge: Charge, deadline: number): Promise<Answered<Charged>>;
  close(): Promise<void>;
}

const makeCharges = `select verdict, cost, window_start_ms, window_cost
  from charge_api_keys($1, $2, $3, $4, $5, $6, $7, $8, $9) order by n`;

/** Opens the charges on a connection of their own, so that no look-up waits behind them. */
export function createCharges(options: {
  readonly url: string;
  readonly timeoutMs: number;
}): Charges {
  const query = createBatchedQuery<Charge, Charged>({
    url: options.url,
    applicationName: 'usher-charge',
    connections: 1,
    most: 256,
    timeoutMs: options.timeoutMs,
    open: (statements) => async (charges) => {
      const sorted = inOrder(charges).map((index) => charges[index] as Charge);
      const column = (value: (charge: Charge) => string | number | null): string =>
        `{${sorted.map((charge) => value(charge) ?? 'null').join(',')}}`;
      const rows = await statements.askForTexts(makeCharges, [
        column(({ facts }) => facts.familyId),
        column(({ facts }) => facts.tenantId),
        column(({ cost }) => cost),
        column(({ facts }) => facts.rateLimit?.limit ?? null),
        column(({ facts }) => facts.rateLimit?.seconds ?? null),
        column(({ facts }) => facts.usageLimit),
        column(({ granted }) => granted.cost),
        column(({ granted }) => granted.windowStart * 1000),
        column(({ granted }) => granted.windowCost),
      ]);
      const answers: Charged[] = [];
      inOrder(charges).forEach((index, at) => {
        const [verdict, cost, start, windowCost] = rows[at] ?? [];
        answers[index] = {
          verdict: verdict as Charged['verdict'],
          count: {
            cost: Number(cost),
            windowStart: Number(start) / 1000,
            windowSeconds: charges[index]?.facts.rateLimit?.seconds ?? 0,
            windowCost: Number(windowCost),
          },
        };
      });
      return answers;
    },
  });
  return { make: (charge, deadline) => query.ask(charge, deadline), close: () => query.close() };
}

// Families in the order of their ids, as everybody locks them; within one the order of arrival.
function inOrder(charges: readonly Charge[]): number[] {
  const family = (index: number): string => charges[index]?.facts.familyId ?? '';
  return charges
    .map((_, index) => index)
    .sort((a, b) => (family(a) === family(b) ? a - b : family(a) < family(b) ? -1 : 1));
}
