import type { z } from 'zod';
import type { AuditEntry } from '../src/contracts/audit';
import type { LogEntry } from '../src/domain/audit/log-entries';
import { peopleLabels } from '../src/domain/identity/people';
import type { PersonLabel } from '../src/domain/identity/people';
import { partnerSlugs, tenantLabels } from '../src/domain/tenants/labels';
import type { TenantLabel } from '../src/domain/tenants/labels';
import type { Tx } from '../src/platform/db';

type Answer = z.input<typeof AuditEntry>;

/** What people call those whom entries name; the log itself knows ids only. */
interface Labels {
  readonly tenants: ReadonlyMap<string, TenantLabel>;
  readonly partners: ReadonlyMap<string, string>;
  readonly people: ReadonlyMap<string, PersonLabel>;
}

/**
 * Entries as the API tells them, with the names of tenants, partners and people as they are today.
 * @param reader the tenant that reads its own entries, which learns the names of its own people only; null for staff
 */
export async function toAnswers(
  tx: Tx,
  entries: readonly LogEntry[],
  reader: string | null,
): Promise<Answer[]> {
  const tenants = await tenantLabels(tx, distinct(entries.map(({ core }) => core.tenant_id)));
  const partners = await partnerSlugs(
    tx,
    distinct([
      ...entries.map(({ core }) => core.partner_id),
      ...[...tenants.values()].map(({ partnerId }) => partnerId),
    ]),
  );
  const people = await peopleLabels(tx, distinct(entries.map(userIdOf)), reader);
  return entries.map((entry) => toAnswer(entry, { tenants, partners, people }));
}

const distinct = (values: readonly (string | null | undefined)[]): string[] => [
  ...new Set(values.filter((value) => value !== null && value !== undefined)),
];

// Only an own entry names a person of Usher's for sure; what others tell is told with the name that they gave.
const userIdOf = ({ kind, core }: LogEntry): string | undefined =>
  kind === 'own' ? /^user:([0-9a-f-]{36})$/.exec(core.actor?.id ?? '')?.[1] : undefined;

function toAnswer(entry: LogEntry, labels: Labels): Answer {
  const { core, parts } = entry;
  const free = parts['free'] ?? {};
  const context = { ip: text(parts['context']?.['ip']), ua: text(parts['context']?.['ua']) };
  const tenant = core.tenant_id === undefined ? undefined : labels.tenants.get(core.tenant_id);
  const partnerId = core.partner_id ?? tenant?.partnerId ?? null;
  const outcome = core.outcome as Answer['outcome'];
  const targets = core.targets.map(({ type, id }, index) => ({
    type,
    id,
    name: text(parts[`targets.${String(index)}`]?.['name']),
  }));
  const metadata = { ...core.metadata, ...object(free['metadata']) } as Answer['metadata'];
  return {
    seq: entry.seq,
    id: core.id,
    kind: entry.kind,
    via: core.via,
    action: core.action,
    crud: (core.crud ?? null) as Answer['crud'],
    at: core.at,
    created: core.at,
    received_at: core.received_at,
    sequenced_at: entry.sequencedAt,
    tenant_id: core.tenant_id ?? null,
    tenant_slug: tenant?.slug ?? null,
    tenant_seq: entry.tenantSeq,
    group:
      core.tenant_id === undefined ? null : { id: core.tenant_id, name: text(free['group_name']) },
    partner_id: partnerId,
    partner_slug: partnerId === null ? null : (labels.partners.get(partnerId) ?? null),
    product: core.product ?? null,
    outcome,
    is_failure: outcome !== 'success',
    is_anonymous: core.actor === null || core.actor.id === 'anonymous',
    actor: actorOf(entry, labels),
    actor_id: core.actor?.id ?? null,
    targets,
    target: targets[0] ?? null,
    context,
    source_ip: context.ip,
    description: text(free['description']),
    metadata,
    fields: metadata,
    source: entry.isRestored ? 'archive' : (core.source ?? null),
    event_source: core.source ?? null,
    external_id: core.external_id ?? null,
    request_id: core.request_id ?? null,
    trace_id: core.trace_id ?? null,
    component: core.component ?? null,
    version: core.version ?? null,
    erased: [...entry.erased],
    hash: entry.hash.toString('hex'),
    prev_hash: entry.prevHash,
  };
}

function actorOf(entry: LogEntry, { people }: Labels): Answer['actor'] {
  const { actor } = entry.core;
  if (!actor) return null;
  const person = people.get(userIdOf(entry) ?? '');
  const told = entry.parts['actor'];
  return {
    type: actor.type,
    id: actor.id,
    name: person?.name ?? text(told?.['name']),
    email: person?.email ?? text(told?.['email']),
  };
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const object = (value: unknown): object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
