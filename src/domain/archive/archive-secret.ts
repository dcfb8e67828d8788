import { randomBytes } from 'node:crypto';
import type { KeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { readState, writeState } from '../../platform/system-state';
import { reveal, seal } from '../secrets/secrets';

const stateKey = 'audit-archive-secret';

/**
 * The secret that all keys of the archive's personal data hang on, made at the first call and sealed by the key ring.
 * Each look at it is in the access log.
 */
export async function archiveSecret(db: Database, ring: KeyRing, why: string): Promise<Buffer> {
  const known = (await readState(db, stateKey)) as string | undefined;
  const id = known ?? (await withSystem(db, 'archive', (tx) => make(tx, ring)));
  return Buffer.from(await reveal(db, ring, id, { who: 'system:archive', why }), 'base64');
}

async function make(tx: Tx, ring: KeyRing): Promise<string> {
  await tx.run(`select pg_advisory_xact_lock(hashtext('usher/audit/archive/secret'))`);
  const made = await tx.maybe<{ value: string }>('select value from system_state where key = $1', [
    stateKey,
  ]);
  if (made) return made.value;
  const id = await seal(tx, ring, {
    ownerTable: 'audit_archive',
    ownerId: newId(),
    field: 'secret',
    tenantId: null,
    plaintext: randomBytes(32).toString('base64'),
  });
  await writeState(tx, stateKey, id);
  return id;
}
