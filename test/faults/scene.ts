import type { Cluster } from './cluster';
import type { Gate } from './gate';
import type { Probe } from './probe';

/** An answer of the API with a problem in it, or one that should have been one. */
export interface Refusal {
  readonly request: string;
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** The case brought it about by means that nobody can foresee. */
  readonly provoked: boolean;
}

/** What cases are played with. */
export interface Scene {
  readonly cluster: Cluster;
  readonly gate: Gate;
  readonly probe: Probe;
  /** Every answer of the APIs from 400 on. */
  readonly refusals: Refusal[];
  /** Every secret that a customer or a browser was given: tokens, cookies. */
  readonly tokens: Set<string>;
}
