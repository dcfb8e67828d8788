import type { ScopeStatus } from '../../contracts/api-keys';
import type { Permission } from '../identity/roles.rules';

/** A scope of the catalogue. */
export interface ScopeEntry {
  readonly status: ScopeStatus;
  readonly description: string;
  /** What whoever gives the scope away must hold in the tenant; null: nothing. */
  readonly needs: Permission | null;
}

/** Every scope that a key can have. Planned ones are named so that clients can prepare; nobody gets them yet. */
export const scopeCatalogue: Readonly<Record<string, ScopeEntry>> = {
  whoami: { status: 'active', description: 'Read what the key itself is', needs: null },
  'products:read': { status: 'active', description: 'Read products', needs: 'catalog:read' },
  'search:read': { status: 'active', description: 'Search products', needs: 'catalog:read' },
  'orders:write': { status: 'planned', description: 'Place orders', needs: 'catalog:request' },
  'credentials:read': {
    status: 'planned',
    description: 'Read which credentials there are',
    needs: 'secrets:reveal',
  },
  'credentials:write': {
    status: 'planned',
    description: 'Store credentials',
    needs: 'secrets:rotate',
  },
};

/** What is wrong with scopes that somebody asks for. */
export interface ScopeMistakes {
  /** Places in the list of scopes that do not exist. */
  readonly unknown: readonly number[];
  readonly planned: readonly string[];
}

/** Scopes without repetitions, in the order of the catalogue; those that it does not know come last. */
export function sortedScopes(scopes: readonly string[]): string[] {
  const order = Object.keys(scopeCatalogue);
  const place = (scope: string): number => {
    const index = order.indexOf(scope);
    return index < 0 ? order.length : index;
  };
  return [...new Set(scopes)].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

const entryOf = (scope: string): ScopeEntry | undefined =>
  Object.hasOwn(scopeCatalogue, scope) ? scopeCatalogue[scope] : undefined;

/** Looks for scopes that cannot be given to anybody. */
export function scopeMistakes(scopes: readonly string[]): ScopeMistakes {
  return {
    unknown: scopes.flatMap((scope, index) => (entryOf(scope) ? [] : [index])),
    planned: scopes.filter((scope) => entryOf(scope)?.status === 'planned'),
  };
}

/** The scopes that somebody with these permissions may not give away. */
export function scopesBeyond(
  scopes: readonly string[],
  held: ReadonlySet<string> | 'all',
): readonly string[] {
  if (held === 'all') return [];
  return scopes.filter((scope) => {
    const needs = entryOf(scope)?.needs ?? null;
    return needs !== null && !held.has(needs);
  });
}
