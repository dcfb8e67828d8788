import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import type { Outbox } from '../../platform/outbox';
import * as audit from '../audit/audit-entries';
import { emitEvent } from '../tenants/events';
import { lastUsedAt } from './counters';
import type { Counter } from './counters';

/** What is done when a key is used for the first time; on a successor it starts the overlap of a rotation. */
export interface FirstUses {
  /** Notes keys that were used and that nobody has marked as used. */
  note(counters: readonly Pick<Counter, 'id' | 'lastUse'>[]): void;
  /** Waits for what is being written and leaves the rest to the next use of those keys. */
  stop(): Promise<void>;
}

/** Keys of one transaction: it holds their rows. */
const most = 50;

/**
 * Marks first uses behind the flush, so that a crowd of new keys does not hold it up. What is lost with the process is
 * found again by the next flush of the key, since its row still says that it was never used.
 */
export function createFirstUses(options: {
  readonly db: Database;
  readonly outbox: Pick<Outbox, 'wake'>;
  readonly onError: (error: unknown) => void;
}): FirstUses {
  const noted = new Map<string, number>();
  let settling: Promise<void> | undefined;

  const settleAll = async (): Promise<void> => {
    while (noted.size > 0) {
      const some = [...noted].slice(0, most);
      for (const [id] of some) noted.delete(id);
      await withSystem(options.db, 'usage', (tx) => mark(tx, options.outbox, some));
    }
  };
  return {
    note(counters) {
      for (const counter of counters) noted.set(counter.id, lastUsedAt(counter));
      if (noted.size === 0) return;
      settling ??= settleAll()
        .catch(options.onError)
        .finally(() => {
          settling = undefined;
        });
    },
    async stop() {
      noted.clear();
      await settling;
    },
  };
}

async function mark(
  tx: Tx,
  outbox: Pick<Outbox, 'wake'>,
  uses: readonly (readonly [id: string, usedAt: number])[],
): Promise<void> {
  const marked = await tx.rows<{ key_id: string; tenant_id: string; rotation_id: string | null }>(
    `select key_id, tenant_id, rotation_id from mark_first_use($1,
       (select array_agg(least(to_timestamp(ms / 1000), now()) order by n)
        from unnest($2::float8[]) with ordinality as given (ms, n)))`,
    [uses.map(([id]) => id), uses.map(([, at]) => at)],
  );
  for (const { key_id: keyId, tenant_id: tenantId, rotation_id: rotationId } of marked) {
    await audit.append(tx, {
      action: 'apikey.first_used',
      crud: 'u',
      actorId: 'system:usage',
      tenantId,
      targets: [{ type: 'api_key', id: keyId }],
    });
    await emitEvent(tx, { type: 'apikey.first_used.v1', tenantId, data: { key_id: keyId } });
    if (rotationId === null) continue;
    await outbox.wake(tx, {
      workflowType: 'rotateApiKey',
      workflowId: `api-key-rotation/${rotationId}`,
      input: { rotationId },
    });
  }
}
