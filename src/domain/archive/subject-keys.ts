import { createHmac, hkdfSync } from 'node:crypto';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import { randomSalt } from '../audit/hashes';

/** What the key of a subject's archived data is derived from, beside the archive's secret. */
export interface SubjectKey {
  readonly id: string;
  readonly subject: string;
  readonly salt: Buffer;
}

/** Makes keys for those subjects of a range that have none; to be committed before the personal data is read. */
export async function provideKeys(tx: Tx, subjects: readonly string[]): Promise<void> {
  await tx.run(
    `insert into audit_subject_keys (id, subject, salt)
     select id, subject, salt from unnest($1::uuid[], $2::text[], $3::bytea[]) as k(id, subject, salt)
     on conflict (subject) do nothing`,
    [subjects.map(() => newId()), subjects, subjects.map(() => randomSalt())],
  );
}

/** Every subject whose personal data a range of the log holds. */
export async function subjectsIn(tx: Tx, from: number, to: number): Promise<string[]> {
  const rows = await tx.rows<{ subject: string }>(
    `select distinct s.subject from audit_pii as p cross join unnest(p.subjects) as s(subject)
     where p.seq between $1 and $2`,
    [from, to],
  );
  return rows.map(({ subject }) => subject);
}

/** The keys of subjects; those of erased ones are not there. */
export function keysOfSubjects(tx: Tx, subjects: readonly string[]): Promise<SubjectKey[]> {
  return tx.rows<SubjectKey>(
    'select id, subject, salt from audit_subject_keys where subject = any($1)',
    [subjects],
  );
}

/**
 * Keys by their ids; those of erased subjects are not there. The others stay until the transaction ends: an erasure of
 * their subjects waits, and takes along what was written here.
 */
export function keysById(tx: Tx, ids: readonly string[]): Promise<SubjectKey[]> {
  return tx.rows<SubjectKey>('select id, subject, salt from audit_lock_keys($1::uuid[])', [ids]);
}

const nobody = 'usher/audit/archive/nobody/v1';

/**
 * The key that data of some subjects of a batch is sealed under: gone with the salt of any of them, and with the
 * archive's secret.
 */
export function sealingKey(secret: Buffer, salts: readonly Buffer[], batchId: string): Buffer {
  const parts = salts.length === 0 ? [Buffer.from(nobody)] : salts;
  const keys = parts.map((part) => createHmac('sha256', secret).update(part).digest());
  const info = 'usher/audit/archive/personal/v1';
  return Buffer.from(hkdfSync('sha256', Buffer.concat(keys), batchId, info, 32));
}
