import { boundaries } from './boundaries';
import { targets } from './cluster';
import { crowd } from './crowd';
import type { Customer } from './customers';
import { injections } from './injections';
import type { Injection } from './injections';
import { emptiedTemporal, killAnything, killAt, takeOver } from './kills';
import type { Scene } from './scene';

/** What a case has done. */
export interface Played {
  readonly customers: readonly Customer[];
  /** Faults besides the calls that the gate meddled with. */
  readonly faults: number;
  /** What it saw go wrong itself. */
  readonly wrong?: readonly string[];
}

/** One kind of fault, and customers who meet it. */
export interface Case {
  readonly name: string;
  /** Plays it; resolves when its part runs again, long before its customers have come to rest. */
  play(scene: Scene): Promise<Played>;
}

/** The two lengths of a run. */
export type Form = 'short' | 'long';

function inject(injection: Injection): Case {
  return {
    name: injection.name,
    async play(scene) {
      const customers = await injection.send(scene, injection.name);
      return { customers, faults: injection.mails ?? 0 };
    },
  };
}

/**
 * Each kind of part once at the boundary where its loss is most dangerous. A mail whose worker was lost is silent for
 * half a minute, so that its case comes first.
 */
const dangerous: readonly Case[] = [
  killAt('worker', boundaries.duringWelcomeMail),
  killAt('worker', boundaries.afterAct),
  killAt('api', boundaries.beforeAcceptCommits),
  killAt('postgres', boundaries.beforeOutcomesCommit),
  killAt('temporal', boundaries.beforeWakeUp),
  killAt('backend', boundaries.afterAct),
  killAt('worker', boundaries.duringRollback),
];

const every: readonly Case[] = Object.values(boundaries).flatMap((boundary) =>
  targets.map((target) => killAt(target, boundary)),
);

/** The cases of a form, in the order in which they are played. */
export function casesOf(form: Form, seed: number): readonly Case[] {
  const havoc =
    form === 'short'
      ? { customers: 16, everyMs: 500, pauseMs: 1_500, seed }
      : { customers: 240, everyMs: 500, pauseMs: 4_000, seed };
  return [
    ...injections.map(inject),
    crowd,
    ...(form === 'short' ? dangerous : every),
    takeOver,
    killAnything(havoc),
    emptiedTemporal,
  ];
}
