import type { Drift } from '../../contracts/tenants';
import type { ProblemCode } from '../../errors/problems';

/** What one look-up at a backend came to. */
export interface Sight {
  /** `changed`: something is there, but not what we left; `unknown`: the backend could not be asked. */
  readonly found: 'landed' | 'changed' | 'missing' | 'unknown';
  readonly problem: ProblemCode | null;
}

type Scalars = Readonly<Record<string, string | number | boolean>>;

/** What the judging of a look-up says, as far as it matters here. */
export interface Looked {
  readonly kind:
    'landed' | 'success' | 'absent' | 'permanent' | 'transient' | 'uncertain' | 'rate-limited';
  readonly extract?: Scalars;
  readonly problem?: ProblemCode | null;
}

/**
 * What a look-up saw. Values that differ from those of the step's own answer mean that the object was changed, and
 * so does an absence that the backend tells with a 2xx: it knows the object, but not as we left it.
 */
export function sightOf(looked: Looked, httpStatus: number | null, left: Scalars): Sight {
  switch (looked.kind) {
    case 'landed':
    case 'success': {
      const seen = looked.extract ?? {};
      const differs = Object.entries(left).some(
        ([name, value]) => Object.hasOwn(seen, name) && seen[name] !== value,
      );
      return { found: differs ? 'changed' : 'landed', problem: null };
    }
    case 'absent': {
      const known = httpStatus !== null && httpStatus >= 200 && httpStatus < 300;
      return { found: known ? 'changed' : 'missing', problem: null };
    }
    case 'permanent':
      return looked.problem === 'workspace-not-registered'
        ? { found: 'missing', problem: looked.problem }
        : { found: 'unknown', problem: looked.problem ?? 'backend-refused' };
    case 'transient':
    case 'uncertain':
      return { found: 'unknown', problem: looked.problem ?? 'backend-unavailable' };
    case 'rate-limited':
      return { found: 'unknown', problem: 'backend-rate-limited' };
  }
}

/** What the look-ups of a resource come to together: its drift, or that it is not known. */
export type Conclusion =
  | { readonly known: true; readonly drift: Drift | null; readonly problem: ProblemCode | null }
  | { readonly known: false; readonly problem: ProblemCode };

/** Draws the conclusion from the look-ups of one resource, in the order of its steps. */
export function conclude(sights: readonly Sight[]): Conclusion {
  const at = sights.findIndex(({ found }) => found !== 'landed');
  const sight = sights[at];
  if (!sight) return { known: true, drift: null, problem: null };
  const { found, problem } = sight;
  if (found === 'unknown') return { known: false, problem: problem ?? 'backend-unavailable' };
  // A part that is missing while an earlier one is there is a change of the whole.
  const drift = found === 'missing' && at === 0 ? 'missing' : 'changed';
  return { known: true, drift, problem };
}
