import type { Tx } from '../../platform/db';
import { append } from './audit-entries';

/** Somebody who reads the log, and what they ask for. */
export interface Reading {
  readonly actorId: string;
  readonly tenantId: string | null;
  /** What they ask for; the page does not matter. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly source: { readonly ip: string | null; readonly userAgent: string | null };
}

/** Notes who reads the log. */
export interface ReadNotes {
  /** Appends an entry to the reader's own transaction, unless the same reading was noted within the last minute. */
  note(tx: Tx, reading: Reading): Promise<void>;
}

const quietMs = 60_000;
const mostRemembered = 5_000;

/** Builds the notes of one process: whoever polls with one question is noted once a minute, not once a page. */
export function createReadNotes(): ReadNotes {
  const noted = new Map<string, number>();
  return {
    async note(tx, { actorId, tenantId, query, source }) {
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      const key = JSON.stringify([actorId, tenantId, given.sort()]);
      const now = Date.now();
      if (now - (noted.get(key) ?? -Infinity) < quietMs) return;
      if (noted.size >= mostRemembered) noted.clear();
      await append(tx, {
        action: 'audit.read',
        crud: 'r',
        actorId,
        tenantId,
        metadata: { by: given.map(([name]) => name).join(' ') },
        sourceIp: source.ip,
        userAgent: source.userAgent,
      });
      tx.afterCommit(() => noted.set(key, now));
    },
  };
}
