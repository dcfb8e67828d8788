import type { OrderFacts } from './jobs.rules';
import { orderKinds, orderPossible } from './jobs.rules';
import { isFinal } from './onboarding.rules';

/** A sentence on how an onboarding stands and which orders it takes now from somebody with these permissions. */
export function howItStands(facts: OrderFacts, permissions: ReadonlySet<string>): string {
  const taken = orderKinds.filter((kind) => orderPossible(facts, kind, permissions).possible);
  const orders = taken.length === 0 ? 'no order of yours' : taken.join(', ');
  return `${standOf(facts)}; it takes ${orders} now.`;
}

function standOf(facts: OrderFacts): string {
  if (facts.state === 'invited') return 'The onboarding waits for its invite to be accepted';
  if (facts.acceptedAt === null || isFinal(facts.state)) return `The onboarding is ${facts.state}`;
  if (facts.waitingFor === 'order') {
    return facts.undoing
      ? 'The onboarding is parked at an undoing that failed'
      : 'The onboarding is parked';
  }
  return facts.waitingFor === 'customer'
    ? 'The onboarding waits for the customer'
    : 'The onboarding is at work';
}
