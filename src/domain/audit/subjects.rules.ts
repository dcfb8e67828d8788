/** Somebody or something that an entry names: who acted, or what it is about. */
export interface Reference {
  readonly type: string;
  /** Opaque; never an address or a name of a person. */
  readonly id: string;
}

const known = /^(?:([a-z_]+):)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const nobody = /^(anonymous|system(:|$))/;

/**
 * The subject whose personal data an entry may hold, as erasures name it: `user:<uuid>` for what has an id that is
 * unique by itself, else `<tenant id or ->/<type>:<id>`, because `42` of one tenant is somebody else in another.
 * Null for what is no person: the system, and callers nobody knows.
 */
export function subjectOf(tenantId: string | null, { type, id }: Reference): string | null {
  if (nobody.test(id)) return null;
  const match = known.exec(id);
  if (match) return `${match[1] ?? type}:${(match[2] ?? '').toLowerCase()}`;
  return `${tenantId ?? '-'}/${type}:${id}`;
}

/** The parts that personal data of an entry is kept in; each has a commitment of its own in the leaf. */
export type PartName = 'actor' | 'context' | 'free' | `targets.${number}`;

/** Whom an entry names, as its leaf tells. */
export interface Named {
  readonly tenantId: string | null;
  readonly actor: Reference | null;
  readonly targets: readonly Reference[];
}

/** Every subject of an entry, each once. */
export function subjectsOf({ tenantId, actor, targets }: Named): string[] {
  const all = [actor, ...targets].flatMap((one) => (one ? (subjectOf(tenantId, one) ?? []) : []));
  return [...new Set(all)];
}

/**
 * Whose erasure deletes a part: that of whoever it describes. Free text may speak of anybody, so that the erasure of
 * any subject deletes it, and so may the address of somebody who was not known.
 */
export function subjectsOfPart(named: Named, part: PartName): string[] {
  const actor = named.actor && subjectOf(named.tenantId, named.actor);
  if (part === 'actor' || (part === 'context' && actor)) return actor ? [actor] : [];
  if (part.startsWith('targets.')) {
    const target = named.targets[Number(part.slice('targets.'.length))];
    const subject = target && subjectOf(named.tenantId, target);
    return subject ? [subject] : [];
  }
  return subjectsOf(named);
}
