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
  readonly component?: string | null | undefined;
  readonly externalId?: string | null | undefined;
  readonly traceId?: string | null | undefined;
  readonly version?: string | null | undefined;
  /** Opaque ids, codes and numbers. */
  readonly metadata?: { readonly [name: string]: JsonValue } | undefined;
  readonly parts: readonly DraftPart[];
}

/**
 * Seals a draft: personal data goes into parts of its own, each committed to under a fresh salt, and everything else
 * into the core, whose bytes are final from here on.
 */
export function sealEntry(draft: Draft): PendingEntry {
  const parts = draft.parts.flatMap((part) => sealPart(draft, part));
  // In the order that they are written in, so that nothing needs to be sorted: this runs with every change of state.
  const core = canonical({
    action: draft.action,
    actor: referenceOf(draft.actor),
    at: draft.at,
    component: draft.component ?? undefined,
    crud: draft.crud ?? undefined,
    external_id: draft.externalId ?? undefined,
    id: draft.id,
    metadata: draft.metadata,
    outcome: draft.outcome,
    partner_id: draft.partnerId ?? undefined,
    pii: parts.map(({ part, salt, body }) => ({
      c: commitmentOf(salt, draft.id, part, body),
      part,
    })),
    product: draft.product ?? undefined,
    received_at: draft.receivedAt,
    request_id: draft.requestId ?? undefined,
    source: draft.source ?? undefined,
    targets: draft.targets.map(referenceOf),
    tenant_id: draft.tenantId ?? undefined,
    trace_id: draft.traceId ?? undefined,
    version: draft.version ?? undefined,
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
  const given: Record<string, JsonValue> = {};
  let isEmpty = true;
  for (const name of Object.keys(body)) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    given[name] = value;
    isEmpty = false;
  }
  if (isEmpty) return [];
  return [
    {
      part,
      subjects: subjectsOfPart(draft, part),
      salt: randomSalt(),
      body: canonical(given),
      search: search?.toLowerCase() ?? null,
    },
  ];
}
