import type { Envelope } from './leaf.rules';
import type { Core } from './log-entries';

/** The columns beside a leaf that queries look at; times as RFC 3339 text, as the leaf has them. */
export interface LeafColumns {
  readonly id: string;
  readonly kind: string;
  readonly tenant_id: string | null;
  readonly tenant_seq: number | null;
  readonly partner_id: string | null;
  readonly action: string;
  readonly outcome: string;
  readonly actor_id: string | null;
  readonly product: string | null;
  readonly source: string | null;
  readonly request_id: string | null;
  readonly target_ids: readonly string[];
  readonly at: string;
  readonly sequenced_at: string;
}

/** What the columns have to say, by the leaf alone: a restore writes them, a verification compares them. */
export function columnsOf(envelope: Envelope, core: Core): LeafColumns {
  return {
    id: core.id,
    kind: envelope.kind,
    tenant_id: envelope.tenant?.id ?? null,
    tenant_seq: envelope.tenant?.seq ?? null,
    partner_id: core.partner_id ?? null,
    action: core.action,
    outcome: core.outcome,
    actor_id: core.actor?.id ?? null,
    product: core.product ?? null,
    source: core.source ?? null,
    request_id: core.request_id ?? null,
    target_ids: core.targets.map(({ id }) => id),
    at: core.at,
    sequenced_at: envelope.sequencedAt,
  };
}
