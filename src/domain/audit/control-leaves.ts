import type { Tx } from '../../platform/db';

/** An erasure as the log tells it. */
export interface Erasure {
  readonly subject: string;
  readonly seq: number;
}

/** Erasures of subjects, by the control entries that say so. */
export function erasuresOf(tx: Tx, subjects: readonly string[]): Promise<Erasure[]> {
  if (subjects.length === 0) return Promise.resolve([]);
  return tx.rows<Erasure>(
    `select l.leaf::jsonb #>> '{core,metadata,subject}' as subject, l.seq from audit_log as l
     where l.kind = 'control' and l.action = 'audit.erased' and l.leaf::jsonb #>> '{core,metadata,subject}' = any($1)`,
    [subjects],
  );
}

/**
 * Erasures of subjects as `erasuresOf` tells them, and those that are committed but wait for their place in the log,
 * which will be behind every other one: their `seq` is infinite.
 */
export async function erasuresSoFar(tx: Tx, subjects: readonly string[]): Promise<Erasure[]> {
  if (subjects.length === 0) return [];
  // First: one that gets its place in between is told twice, not missed.
  const waiting = await tx.rows<{ subject: string }>(
    'select subject from audit_erasures_waiting($1) as subject',
    [subjects],
  );
  const placed = await erasuresOf(tx, subjects);
  return [...placed, ...waiting.map(({ subject }) => ({ subject, seq: Infinity }))];
}

/** The leaf of a control entry; undefined for any other one. */
export async function controlLeafAt(tx: Tx, seq: number): Promise<string | undefined> {
  const row = await tx.maybe<{ leaf: string }>(
    `select leaf from audit_log where seq = $1 and kind = 'control'`,
    [seq],
  );
  return row?.leaf;
}
