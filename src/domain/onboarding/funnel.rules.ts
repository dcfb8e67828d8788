import type { OnboardingState } from '../../contracts/onboardings';
import type { FunnelState } from '../../contracts/rollout';
import { isFinal } from './onboarding.rules';

/** The stations of the funnel, in order. */
export const stations = [
  'invited',
  'email_confirmed',
  'workspace_registered',
  'token_added',
  'validated',
  'active',
] as const satisfies readonly FunnelState[];

/** Onboardings that stand at the same place for the same reason. */
export interface FunnelRow {
  readonly state: OnboardingState;
  readonly stoodAt: OnboardingState | null;
  /** States that they have been in, as far as `state` and `stoodAt` do not tell. */
  readonly passed: readonly string[];
  readonly waitingFor: 'customer' | 'order' | null;
  readonly accepted: boolean;
  readonly count: number;
}

/** One station and what became of those who came that far. */
export interface Station {
  readonly state: FunnelState;
  readonly reached: number;
  readonly share: number | null;
  readonly wentOn: number;
  readonly here: number;
  readonly waitingForCustomer: number;
  readonly parked: number;
  readonly dropped: number;
  readonly dropOff: number | null;
}

/** The furthest station that an onboarding has reached, as an index into `stations`. */
export function furthest(row: Omit<FunnelRow, 'count'>): number {
  const order: readonly string[] = stations;
  const known = [row.state, row.stoodAt ?? 'invited', ...row.passed];
  const least = row.accepted ? 1 : 0;
  return Math.max(least, ...known.map((state) => order.indexOf(state)));
}

type Standing = 'here' | 'parked' | 'dropped';

function standingOf(state: OnboardingState): Standing {
  if (state === 'failed') return 'parked';
  return state !== 'active' && (isFinal(state) || state === 'expired') ? 'dropped' : 'here';
}

/** Draws the funnel: every onboarding counts at each station up to the furthest it reached. */
export function drawFunnel(rows: readonly FunnelRow[]): {
  readonly stations: readonly Station[];
  readonly endings: Readonly<Record<string, number>>;
} {
  const places = rows.map((row) => ({
    ...row,
    at: furthest(row),
    standing: standingOf(row.state),
  }));
  const total = (which: (place: (typeof places)[number]) => boolean): number =>
    places.filter(which).reduce((sum, { count }) => sum + count, 0);
  const all = total(() => true);

  const drawn = stations.map((state, index): Station => {
    const reached = total(({ at }) => at >= index);
    const stand = (standing: Standing) =>
      total((place) => place.at === index && place.standing === standing);
    const dropped = stand('dropped');
    return {
      state,
      reached,
      share: all > 0 ? reached / all : null,
      wentOn: total(({ at }) => at > index),
      here: stand('here'),
      waitingForCustomer: total(
        (place) =>
          place.at === index && place.standing === 'here' && place.waitingFor === 'customer',
      ),
      parked: stand('parked'),
      dropped,
      dropOff: reached > 0 ? dropped / reached : null,
    };
  });

  const endings: Record<string, number> = {};
  for (const { state, standing, count } of places) {
    if (standing === 'dropped') endings[state] = (endings[state] ?? 0) + count;
  }
  return { stations: drawn, endings };
}
