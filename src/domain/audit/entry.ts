import { canonical } from './canonical.rules';
import type { JsonValue } from './canonical.rules';
import { commitmentOf, randomSalt } from './hashes';
import type { EntryKind } from './leaf.rules';
import type { PendingEntry, StoredPart } from './pending';
import { subjectsOf, subjectsOfPart } from './subjects.rules';
import type { PartName, Reference } from './subjects.rules';

/** Most bytes of a core; the database checks it, too. */
export const mostCoreBytes = 32_768;

/** Personal data of one part: its members, and what of it free text finds. */
export interface DraftPart {
  readonly part: PartName;
  readonly body: { readonly [name: string]: JsonValue | undefined };
  readonly search?: string | null | undefined;
}

/** An entry before it is sealed. Absent members are left out of the core. */
export interface Draft {
  readonly id: string;
  readonly kind: EntryKind;
  /** `usher` for Usher's own word, else the authenticated caller who brought the entry. */
  readonly via: string;
  readonly action: string;
  readonly crud: string | null;
  readonly outcome: string;
  /** When it happened, by whoever tells; RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  /** When Usher was told, by the clock of this process. */
  readonly receivedAt: string;
  readonly tenantId: string | null;
  readonly partnerId?: string | null | undefined;
  readonly actor: Reference | null;
  readonly targets: readonly Reference[];
  readonly product?: string | null | undefined;
  readonly source?: string | null | undefined;
  readonly requestId?: string | null | undefined;
  /** Further members of the core: opaque ids, codes and numbers. */
  readonly more?: { readonly [name: string]: JsonValue | undefined };
  readonly parts: readonly DraftPart[];
}

/**
 * Seals a draft: personal data goes into parts of its own, each committed to under a fresh salt, and everything else
 * into the core, whose bytes are final from here on.
 */
export function sealEntry(draft: Draft): PendingEntry {
  const parts = draft.parts.flatMap((part) => sealPart(draft, part));
  const core = canonical({
    ...draft.more,
    action: draft.action,
    actor: referenceOf(draft.actor),
    at: draft.at,
    crud: draft.crud ?? undefined,
    id: draft.id,
    outcome: draft.outcome,
    partner_id: draft.partnerId ?? undefined,
    pii: parts.map(({ part, salt, body }) => ({
      c: commitmentOf(salt, draft.id, part, body).toString('hex'),
      part,
    })),
    product: draft.product ?? undefined,
    received_at: draft.receivedAt,
    request_id: draft.requestId ?? undefined,
    source: draft.source ?? undefined,
    targets: draft.targets.map(referenceOf),
    tenant_id: draft.tenantId ?? undefined,
    via: draft.via,
  });
  return {
    id: draft.id,
    kind: draft.kind,
    tenantId: draft.tenantId,
    partnerId: draft.partnerId ?? null,
    action: draft.action,
    outcome: draft.outcome,
    actorId: draft.actor?.id ?? null,
    product: draft.product ?? null,
    source: draft.source ?? null,
    requestId: draft.requestId ?? null,
    targetIds: draft.targets.map(({ id }) => id),
    subjects: subjectsOf(draft),
    at: draft.at,
    core,
    parts,
  };
}

const referenceOf = (one: Reference | null): JsonValue => one && { id: one.id, type: one.type };

// A part without any member is no part: nothing would be committed to.
function sealPart(draft: Draft, { part, body, search }: DraftPart): StoredPart[] {
  const given = Object.entries(body).filter(([, value]) => value !== undefined && value !== null);
  if (given.length === 0) return [];
  return [
    {
      part,
      subjects: subjectsOfPart(draft, part),
      salt: randomSalt(),
      body: canonical(Object.fromEntries(given)),
      search: search?.toLowerCase() ?? null,
    },
  ];
}
