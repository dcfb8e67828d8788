import type { GateFigureName, GateVerdict, RolloutStage } from '../../contracts/rollout';
import type { ProblemCode } from '../../errors/problems';

/** The stages in their order. */
export const stages = [
  'internal',
  'pilot',
  '25',
  '50',
  '100',
] as const satisfies readonly RolloutStage[];

/** Longest look back of a gate in days, so that a last stage is judged by how it does now. */
export const judgedDays = 30;

/** Hours after which a parked onboarding counts as failed. */
export const parkedHours = 24;

/** The stage after this one, or null after the last. */
export function nextStage(stage: RolloutStage): RolloutStage | null {
  return stages[stages.indexOf(stage) + 1] ?? null;
}

/** Whom a stage lets in: tenants of these kinds, and those whose bucket is below the number. */
export interface Admission {
  readonly kinds: readonly string[];
  /** 0 to 100. */
  readonly buckets: number;
}

/** Whom a stage lets in. Each stage lets in everybody whom the ones before let in. */
export function admissionOf(stage: RolloutStage): Admission {
  if (stage === 'internal') return { kinds: ['internal'], buckets: 0 };
  const kinds = ['internal', 'pilot'];
  return { kinds, buckets: stage === 'pilot' ? 0 : Number(stage) };
}

/** Whether a tenant may be invited at a stage; `bucket` is the stored sha256(tenant id) mod 100. */
export function admits(
  stage: RolloutStage,
  tenant: { readonly kind: string; readonly bucket: number },
): boolean {
  const { kinds, buckets } = admissionOf(stage);
  return kinds.includes(tenant.kind) || tenant.bucket < buckets;
}

/** Fewest samples that decide at a stage. */
export function minimumSample(stage: RolloutStage): number {
  return stage === 'internal' || stage === 'pilot' ? 5 : 50;
}

/** Both ends of an interval. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Wilson score interval of a share (E. B. Wilson 1927) at 95 %, or null without a sample.
 * @param hits 0 to `sample`
 */
export function wilson(hits: number, sample: number): Interval | null {
  if (sample <= 0) return null;
  const z = 1.959964;
  const share = hits / sample;
  const scale = 1 + z ** 2 / sample;
  const centre = (share + z ** 2 / (2 * sample)) / scale;
  const half = (z * Math.sqrt((share * (1 - share)) / sample + (z / (2 * sample)) ** 2)) / scale;
  // At its own end the interval closes exactly; floating point would miss it by a hair.
  return {
    lower: hits === 0 ? 0 : Math.max(0, centre - half),
    upper: hits === sample ? 1 : Math.min(1, centre + half),
  };
}

/** What a gate counts. */
export interface GateCounts {
  /** Onboardings of kind `provision` that became active, were rolled back, or are parked longer than 24 h. */
  readonly active: number;
  readonly rolledBack: number;
  readonly parkedLong: number;
  /** Of those three, the ones that needed an operator's order or need one now. */
  readonly withOrders: number;
  /** Invites that were decided: accepted, against declined and expired. */
  readonly accepted: number;
  readonly notAccepted: number;
  /** Seconds from accept to active less the waits for the customer; null without an active one. */
  readonly p95Seconds: number | null;
  /** The same with the waits. */
  readonly p95WallSeconds: number | null;
  readonly openCriticalIncidents: number;
}

/** One figure of a gate. */
export interface Figure {
  readonly name: GateFigureName;
  readonly value: number | null;
  readonly threshold: number;
  readonly comparison: 'at_least' | 'at_most';
  readonly sample: number | null;
  readonly minimumSample: number | null;
  readonly interval: Interval | null;
  readonly wallValue: number | null;
  readonly verdict: GateVerdict;
}

/** What a gate says of its stage. */
export interface Judgement {
  readonly verdict: GateVerdict;
  readonly figures: readonly Figure[];
}

interface Measure {
  readonly name: GateFigureName;
  readonly value: number | null;
  readonly threshold: number;
  readonly comparison: 'at_least' | 'at_most';
  readonly sample: number;
  readonly interval?: Interval | null;
  readonly wallValue?: number | null;
}

function passes({ value, threshold, comparison }: Measure): boolean {
  if (value === null) return false;
  return comparison === 'at_least' ? value >= threshold : value <= threshold;
}

function judged(measure: Measure, minimum: number): Figure {
  const enough = measure.value !== null && measure.sample >= minimum;
  return {
    name: measure.name,
    value: measure.value,
    threshold: measure.threshold,
    comparison: measure.comparison,
    sample: measure.sample,
    minimumSample: minimum,
    interval: measure.interval ?? null,
    wallValue: measure.wallValue ?? null,
    verdict: !enough ? 'insufficient_data' : passes(measure) ? 'pass' : 'fail',
  };
}

const share = (hits: number, sample: number): number | null => (sample > 0 ? hits / sample : null);

/** Judges a stage by its figures. The point value decides; the Wilson interval is shown beside it. */
export function judge(stage: RolloutStage, counts: GateCounts): Judgement {
  const minimum = minimumSample(stage);
  const provisioned = counts.active + counts.rolledBack + counts.parkedLong;
  const decided = counts.accepted + counts.notAccepted;
  const figures: Figure[] = [
    judged(
      {
        name: 'provision_success_rate',
        value: share(counts.active, provisioned),
        threshold: 0.98,
        comparison: 'at_least',
        sample: provisioned,
        interval: wilson(counts.active, provisioned),
      },
      minimum,
    ),
    judged(
      {
        name: 'time_to_active_p95_seconds',
        value: counts.p95Seconds,
        threshold: 1200,
        comparison: 'at_most',
        sample: counts.active,
        wallValue: counts.p95WallSeconds,
      },
      minimum,
    ),
    judged(
      {
        name: 'manual_intervention_rate',
        value: share(counts.withOrders, provisioned),
        threshold: 0.1,
        comparison: 'at_most',
        sample: provisioned,
        interval: wilson(counts.withOrders, provisioned),
      },
      minimum,
    ),
    judged(
      {
        name: 'accept_rate',
        value: share(counts.accepted, decided),
        threshold: 0.6,
        comparison: 'at_least',
        sample: decided,
        interval: wilson(counts.accepted, decided),
      },
      minimum,
    ),
    {
      name: 'open_critical_incidents',
      value: counts.openCriticalIncidents,
      threshold: 0,
      comparison: 'at_most',
      sample: null,
      minimumSample: null,
      interval: null,
      wallValue: null,
      verdict: counts.openCriticalIncidents > 0 ? 'fail' : 'pass',
    },
  ];
  return { verdict: overall(figures), figures };
}

function overall(figures: readonly Figure[]): GateVerdict {
  if (figures.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return figures.every(({ verdict }) => verdict === 'pass') ? 'pass' : 'insufficient_data';
}

/** The names of the figures that fail. */
export function failing(judgement: Judgement): readonly GateFigureName[] {
  return judgement.figures.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
}

/** Says in sentences what keeps a gate from passing; numbers and figure names only. */
export function explain(judgement: Judgement): string {
  const sentences = judgement.figures
    .filter(({ verdict }) => verdict !== 'pass')
    .map((figure) => {
      if (figure.verdict === 'insufficient_data') {
        return `${figure.name} has ${String(figure.sample)} of ${String(figure.minimumSample)} samples.`;
      }
      const bound = figure.comparison === 'at_least' ? 'at least' : 'at most';
      return `${figure.name} is ${rounded(figure.value)}, ${bound} ${rounded(figure.threshold)} is needed.`;
    });
  return sentences.join(' ');
}

const rounded = (value: number | null): string =>
  value === null ? 'unknown' : String(Math.round(value * 1000) / 1000);

/** Who froze a stage: its gate, or a person. */
export type FrozenBy = 'gate' | 'person' | null;

/**
 * Why a stage cannot be promoted now, or null when it can. A gate's own freeze ends with the gate passing; a
 * person's freeze is lifted by an override only.
 */
export function whyNotPromote(
  stage: RolloutStage,
  judgement: Judgement,
  frozenBy: FrozenBy,
): ProblemCode | null {
  if (nextStage(stage) === null) return 'stage-final';
  return frozenBy === 'person' || judgement.verdict !== 'pass' ? 'gate-not-passed' : null;
}

/**
 * Whether a failing gate freezes its stage: not while it is frozen, and not for figures that an owner has accepted
 * by lifting the freeze at this very stage.
 */
export function freezes(
  judgement: Judgement,
  frozen: boolean,
  accepted: readonly string[],
): boolean {
  return !frozen && failing(judgement).some((name) => !accepted.includes(name));
}
