import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { requestContext } from '../../platform/request-context';
import { metadataOf } from './actions.rules';
import type { OwnAction } from './actions.rules';
import { sealEntry } from './entry';
import type { DraftPart } from './entry';
import { insertPending } from './pending';
import type { PartName, Reference } from './subjects.rules';

/** What an audit entry is about: an opaque id, never an address or a name of a person. */
export interface AuditTarget {
  readonly type: string;
  readonly id: string;
  /** For people who read the log; kept where it can be erased. */
  readonly name?: string;
}

export type { OwnAction };

/** One event of the audit log, in the shape of the audit specification. */
export interface AuditEvent {
  /** Listed in actions.rules.ts with what its metadata may hold. */
  readonly action: OwnAction;
  readonly crud: 'c' | 'r' | 'u' | 'd';
  /** `user:<id>`, `service:<id>`, `system:<purpose>` or `anonymous`. */
  readonly actorId: string;
  readonly outcome?: 'success' | 'failure' | 'denied';
  readonly tenantId?: string | null;
  readonly partnerId?: string | null;
  readonly targets?: readonly AuditTarget[];
  /** Free text, such as the reason of an order; kept where it can be erased. */
  readonly description?: string;
  /** Ids, codes and numbers only; never secrets or personal data. */
  readonly metadata?: Readonly<Record<string, string | number | boolean | null>>;
  readonly sourceIp?: string | null;
  readonly userAgent?: string | null;
  readonly component?: 'api' | 'worker' | 'cli';
}

/**
 * Appends an entry in the caller's transaction, so that a change and its entry stand or fall together. It waits for
 * nobody: the sequencer gives it its place in the log once the transaction has committed.
 * @returns the entry's id
 */
export async function append(tx: Tx, event: AuditEvent): Promise<string> {
  const id = newId();
  const now = new Date().toISOString();
  const context = requestContext();
  const targets = event.targets ?? [];
  const { listed, rest } = split(event);
  await insertPending(
    tx,
    sealEntry({
      id,
      kind: 'own',
      via: 'usher',
      action: event.action,
      crud: event.crud,
      outcome: event.outcome ?? 'success',
      at: now,
      receivedAt: now,
      tenantId: event.tenantId ?? null,
      partnerId: event.partnerId,
      actor: actorOf(event.actorId),
      targets: targets.map(({ type, id: targetId }) => ({ type, id: targetId })),
      requestId: context?.requestId,
      component: event.component ?? 'api',
      metadata: listed,
      parts: [
        {
          part: 'context',
          body: {
            client_request_id: context?.clientRequestId,
            ip: event.sourceIp,
            ua: event.userAgent,
          },
        },
        ...targets.flatMap(({ name }, index) => nameOf(index, name)),
        {
          part: 'free',
          body: { description: event.description, metadata: rest },
          search: event.description,
        },
      ],
    }),
  );
  return id;
}

type Metadata = NonNullable<AuditEvent['metadata']>;

function split({ action, metadata = {} }: AuditEvent): {
  listed: Metadata | undefined;
  rest: Metadata | undefined;
} {
  const allowed = metadataOf(action) ?? [];
  const pick = (wanted: boolean): Metadata | undefined => {
    const entries = Object.entries(metadata).filter(([name]) => allowed.includes(name) === wanted);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  };
  return { listed: pick(true), rest: pick(false) };
}

const actorOf = (actorId: string): Reference => ({
  type: actorId.split(':')[0] ?? actorId,
  id: actorId,
});

function nameOf(index: number, name: string | undefined): DraftPart[] {
  if (name === undefined) return [];
  return [{ part: `targets.${index}` satisfies PartName, body: { name }, search: name }];
}
