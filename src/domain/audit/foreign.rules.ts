import type { AuditEventGiven, AuditOutcome } from '../../contracts/audit';
import type { JsonValue } from './canonical.rules';
import type { DraftPart } from './entry';
import type { Reference } from './subjects.rules';

/** An event that somebody else tells, in one spelling. */
export interface ForeignEvent {
  readonly action: string;
  readonly crud: string | null;
  /** RFC 3339 in UTC with milliseconds; null for the time of its arrival. */
  readonly at: string | null;
  readonly tenantId: string | null;
  readonly product: string | null;
  readonly outcome: AuditOutcome;
  readonly actor: Reference | null;
  readonly targets: readonly Reference[];
  readonly source: string | null;
  readonly externalId: string | null;
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly component: string | null;
  readonly version: string | null;
  /** Whatever may be personal: names, addresses, free text, and metadata, of which Usher knows nothing. */
  readonly parts: readonly DraftPart[];
}

/** Milliseconds that an event may lie in the future, for clocks that differ. */
export const mostAheadMs = 5 * 60_000;

/** Brings an event into one spelling. */
export function readForeign(given: AuditEventGiven): ForeignEvent {
  const at = given.at ?? given.created;
  const actor = actorOf(given);
  const targets = given.targets ?? (given.target ? [given.target] : []);
  const metadata = (given.metadata ?? given.fields) as { [name: string]: JsonValue } | null;
  const parts: DraftPart[] = [
    {
      part: 'actor',
      body: { email: given.actor?.email, name: given.actor?.name },
      search: given.actor?.email,
    },
    { part: 'context', body: { ip: given.context?.ip ?? given.source_ip, ua: given.context?.ua } },
    ...targets.map(({ name }, index): DraftPart => ({
      part: `targets.${index}`,
      body: { name },
      search: name,
    })),
    {
      part: 'free',
      body: {
        description: given.description,
        group_name: given.group?.name,
        metadata: metadata && Object.keys(metadata).length > 0 ? metadata : undefined,
      },
      search: given.description,
    },
  ];
  return {
    action: given.action,
    crud: given.crud ?? null,
    at: at ? new Date(at).toISOString() : null,
    tenantId: given.tenant_id ?? given.group?.id ?? null,
    product: given.product ?? null,
    outcome: given.outcome ?? (given.is_failure ? 'failure' : 'success'),
    actor,
    targets: targets.map(({ type, id }) => ({ type: type ?? 'object', id })),
    source: given.source ?? null,
    externalId: given.external_id ?? given.id ?? null,
    requestId: given.request_id ?? null,
    traceId: given.trace_id ?? null,
    component: given.component ?? null,
    version: given.version ?? null,
    parts,
  };
}

function actorOf({ actor, actor_id: actorId }: AuditEventGiven): Reference | null {
  const id = actor?.id ?? actorId;
  if (!id) return null;
  // Usher's own ids say what they are: `user:<uuid>`.
  const prefix = /^([a-z_]+):[0-9a-f-]{36}$/i.exec(id)?.[1];
  return { type: actor?.type ?? prefix ?? 'user', id };
}

/** Everything that a sender said of an event, in one form: what tells a repeated delivery from another event. */
export function contentOf(event: ForeignEvent): JsonValue {
  const { parts, actor, targets, ...rest } = event;
  return {
    ...rest,
    actor: actor && { ...actor },
    targets: targets.map((target) => ({ ...target })),
    parts: parts.map(({ part, body }) => ({ part, body })),
  };
}
