import { DomainError } from '../errors/problems';
import type { Tx } from './db';

/** What a first request left behind, as its row holds it; keys and bodies are there as HMACs only. */
export interface KeptAnswer {
  readonly bodyHmac: Buffer;
  readonly status: number;
  /** Without the members that are shown once. */
  readonly response: Readonly<Record<string, unknown>> | null;
  /** The row that a replay reads and waits for instead of an answer. */
  readonly waitFor: Readonly<Record<string, string>> | null;
  /** Members that are shown once, sealed; null once their time is over. */
  readonly onceSealed: Buffer | null;
}

/** Hours for which answers are kept. */
const keptHours = 24;

/** Minutes for which members that are shown once can be had again. */
const onceMinutes = 10;

/**
 * Takes a key for this transaction, so that two requests with it never run side by side, and returns what the first
 * one left, if there was one.
 * @throws DomainError `request-in-progress` while another transaction holds the key
 */
export async function takeKey(tx: Tx, keyHash: Buffer): Promise<KeptAnswer | undefined> {
  const { locked } = await tx.one<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock($1) as locked',
    [keyHash.readBigInt64BE(0).toString()],
  );
  if (!locked) throw new DomainError('request-in-progress', { retryAfterSeconds: 1 });
  return tx.maybe<KeptAnswer>(
    `select body_hmac as "bodyHmac", status, response, wait_for as "waitFor",
       case when once_expires_at > now() then once_sealed end as "onceSealed"
     from idempotency_keys where key_hash = $1 and expires_at > now()`,
    [keyHash],
  );
}

/** Whether a first request left an answer, looked up without taking the key. */
export async function isKept(tx: Tx, keyHash: Buffer): Promise<boolean> {
  const kept = await tx.maybe(
    'select 1 from idempotency_keys where key_hash = $1 and expires_at > now()',
    [keyHash],
  );
  return kept !== undefined;
}

/** Keeps an answer in the transaction of its effect, in the place of one whose time is over. */
export async function keepAnswer(tx: Tx, keyHash: Buffer, kept: KeptAnswer): Promise<void> {
  await tx.run(
    `insert into idempotency_keys
       (key_hash, body_hmac, status, response, wait_for, once_sealed, once_expires_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 minute', now() + $8 * interval '1 hour')
     on conflict (key_hash) do update set body_hmac = excluded.body_hmac, status = excluded.status,
       response = excluded.response, wait_for = excluded.wait_for, once_sealed = excluded.once_sealed,
       once_expires_at = excluded.once_expires_at, expires_at = excluded.expires_at, created_at = now()`,
    [
      keyHash,
      kept.bodyHmac,
      kept.status,
      kept.response && JSON.stringify(kept.response),
      kept.waitFor && JSON.stringify(kept.waitFor),
      kept.onceSealed,
      onceMinutes,
      keptHours,
    ],
  );
}

/** Removes answers whose time is over, and seals that nobody can open any more; returns how many rows. */
export async function sweepAnswers(tx: Tx, limit: number): Promise<number> {
  await tx.run(
    `update idempotency_keys set once_sealed = null where key_hash in (
       select key_hash from idempotency_keys where once_sealed is not null and once_expires_at < now()
       limit $1 for update skip locked)`,
    [limit],
  );
  return tx.run(
    `delete from idempotency_keys where key_hash in (
       select key_hash from idempotency_keys where expires_at < now() limit $1 for update skip locked)`,
    [limit],
  );
}
