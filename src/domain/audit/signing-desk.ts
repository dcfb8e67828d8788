import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { checkpointAt, makeCheckpoint } from './checkpoints';
import type { Checkpoint } from './checkpoints';
import { exportText, tenantHeadText } from './heads.rules';
import type { NoteKind } from './heads.rules';
import { keysOf } from './log-keys';
import { signNote } from './notes';
import type { NoteSigner } from './notes';
import { hmacLine, logKeys } from './signing';
import type { SigningKeys } from './signing';

/** What the API asks a worker to sign, since it has no keys itself. */
export type SignatureRequest =
  /** A checkpoint of everything that is in the log. */
  | { readonly kind: 'checkpoint' }
  /** The last entry of a tenant at the size of a checkpoint. */
  | { readonly kind: 'tenant-head'; readonly tenantId: string; readonly size: number }
  /** The bytes of an export, by their number of entries and digest (base64), at the size of a checkpoint. */
  | {
      readonly kind: 'export';
      readonly tenantId: string | null;
      readonly size: number;
      readonly count: number;
      readonly digest: string;
    };

/** Asks for a signature; returns the id of the request. */
export async function askSignature(
  tx: Tx,
  request: SignatureRequest,
  requestedBy: string,
): Promise<string> {
  const id = newId();
  const { kind, ...rest } = request;
  const tenantId = 'tenantId' in rest ? rest.tenantId : null;
  const claim = { ...rest, tenantId: undefined };
  await tx.run(
    'insert into audit_signatures (id, kind, tenant_id, claim, requested_by) values ($1, $2, $3, $4, $5)',
    [id, kind, tenantId, JSON.stringify(claim), requestedBy],
  );
  return id;
}

/** The note that answers a request; undefined while there is none. */
export async function readSignature(tx: Tx, id: string): Promise<string | undefined> {
  const row = await tx.maybe<{ note: string | null }>(
    'select note from audit_signatures where id = $1',
    [id],
  );
  return row?.note ?? undefined;
}

interface Open {
  readonly id: string;
  readonly kind: SignatureRequest['kind'];
  readonly tenantId: string | null;
  readonly claim: { readonly size?: number; readonly count?: number; readonly digest?: string };
}

/** Most requests of one round. */
const mostAtOnce = 20;

/** Signs what is asked for, each in a transaction of its own; returns how many were signed. */
export async function serveDesk(db: Database, keys: SigningKeys): Promise<number> {
  const open = await withSystem(db, 'sequencer', (tx) =>
    tx.rows<Open>(
      `select id, kind, tenant_id as "tenantId", claim from audit_signatures
       where signed_at is null and requested_at > clock_timestamp() - interval '1 minute'
       order by requested_at limit $1`,
      [mostAtOnce],
    ),
  );
  let signed = 0;
  for (const request of open) {
    signed += await withSystem(db, 'sequencer', async (tx) => {
      const note = await answer(tx, keys, request);
      if (note === undefined) return 0;
      return tx.run(
        'update audit_signatures set note = $2, signed_at = clock_timestamp() where id = $1 and signed_at is null',
        [request.id, note],
      );
    });
  }
  return signed;
}

/** Removes requests that are over; returns how many. */
export function sweepDesk(tx: Tx): Promise<number> {
  return tx.run(
    `delete from audit_signatures where requested_at < clock_timestamp() - interval '1 hour'`,
  );
}

async function answer(tx: Tx, keys: SigningKeys, request: Open): Promise<string | undefined> {
  if (request.kind === 'checkpoint') {
    const made = await makeCheckpoint(tx, keys, 'manual');
    return 'checkpoint' in made ? made.checkpoint.note : undefined;
  }
  const { size = 0, count = 0, digest = '' } = request.claim;
  const checkpoint = await checkpointAt(tx, size);
  if (!checkpoint) return undefined;
  const { origin } = checkpoint;
  const head = { origin, size, root: checkpoint.root.toString('base64') };
  if (request.kind === 'export') {
    return sign(tx, keys, checkpoint, 'export', exportText({ ...head, count, digest }));
  }
  const last = await lastOfTenant(tx, request.tenantId, size);
  if (!last || request.tenantId === null) return undefined;
  const text = tenantHeadText({
    ...head,
    tenantId: request.tenantId,
    tenantSeq: last.tenantSeq,
    tenantHash: last.hash.toString('base64'),
  });
  return sign(tx, keys, checkpoint, 'tenant-head', text);
}

/**
 * Who signs a note about the log at a checkpoint: the key of that checkpoint, so that whoever trusts the one trusts the
 * other. Undefined for a process without that key.
 */
export async function signersAt(
  tx: Tx,
  keys: SigningKeys,
  { origin, size }: Pick<Checkpoint, 'origin' | 'size'>,
  kind: NoteKind,
): Promise<NoteSigner[] | undefined> {
  const known = await keysOf(tx, origin);
  const current = known.findLast(({ sinceSize }) => sinceSize !== null && sinceSize <= size);
  const key = logKeys(keys, origin).find(({ vkey }) => vkey === current?.vkey);
  return key && [key.signer(kind), hmacLine(keys, origin, kind)];
}

async function sign(
  tx: Tx,
  keys: SigningKeys,
  checkpoint: Checkpoint,
  kind: NoteKind,
  text: string,
): Promise<string | undefined> {
  const signers = await signersAt(tx, keys, checkpoint, kind);
  return signers && signNote(text, signers);
}

function lastOfTenant(
  tx: Tx,
  tenantId: string | null,
  size: number,
): Promise<{ tenantSeq: number; hash: Buffer } | undefined> {
  return tx.maybe(
    `select tenant_seq as "tenantSeq", hash from audit_log where tenant_id = $1 and seq <= $2
     order by seq desc limit 1`,
    [tenantId, size],
  );
}
