import type { Tx } from '../../platform/db';

/** A public key of the log, and of which checkpoints it is the key. */
export interface KnownKey {
  readonly vkey: string;
  readonly origin: string;
  /** Its place in the succession, from 1. */
  readonly n: number;
  /** The control entry that announced it; null for the first one, which nobody vouches for but its holder. */
  readonly announcedBy: string | null;
  /** It signs checkpoints of this size and above; null while it waits for its endorsement. */
  readonly sinceSize: number | null;
  /** It signs none above this size; null for the one in use. */
  readonly untilSize: number | null;
  /** The checkpoint that it and the key before it both signed. */
  readonly endorsement: string | null;
  readonly addedAt: Date;
}

const columns = `vkey, origin, n, announced_by as "announcedBy", since_size as "sinceSize",
  until_size as "untilSize", endorsement, added_at as "addedAt"`;

/** The keys of a log in their succession. */
export function keysOf(tx: Tx, origin: string): Promise<KnownKey[]> {
  return tx.rows<KnownKey>(`select ${columns} from audit_keys where origin = $1 order by n`, [
    origin,
  ]);
}

/** Every key there was, of this log and of those it was forked from, oldest first. */
export function allKeys(tx: Tx): Promise<KnownKey[]> {
  return tx.rows<KnownKey>(`select ${columns} from audit_keys order by added_at, n`);
}

/** Notes the first key of a log, or one that a control entry announces. */
export async function addKey(
  tx: Tx,
  key: Pick<KnownKey, 'vkey' | 'origin' | 'n' | 'announcedBy' | 'sinceSize'>,
): Promise<void> {
  await tx.run(
    'insert into audit_keys (vkey, origin, n, announced_by, since_size) values ($1, $2, $3, $4, $5)',
    [key.vkey, key.origin, key.n, key.announcedBy, key.sinceSize],
  );
}

/** Notes the checkpoint by which one key takes over from another. */
export async function handOver(
  tx: Tx,
  from: KnownKey,
  to: KnownKey,
  checkpoint: { readonly size: number; readonly note: string },
): Promise<void> {
  await tx.run('update audit_keys set since_size = $2, endorsement = $3 where vkey = $1', [
    to.vkey,
    checkpoint.size,
    checkpoint.note,
  ]);
  await tx.run('update audit_keys set until_size = $2 where vkey = $1', [
    from.vkey,
    checkpoint.size,
  ]);
}
