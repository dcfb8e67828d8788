import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DomainError } from '../../src/errors/problems';
import type { KeyRing } from '../../src/platform/crypto/sealing';
import { hmac } from '../../src/platform/crypto/tokens';
import type { Tx } from '../../src/platform/db';

/** What a first request left behind: its answer, or the row that a replay has to wait for as well. */
export interface Stored {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly waitFor?: Readonly<Record<string, string>> | undefined;
}

/** The idempotency of one request. */
export interface Idempotency {
  /**
   * Takes the key for this transaction and returns what a first request left, if there was one.
   * @throws DomainError `request-in-progress`, `idempotency-key-reused`
   */
  begin(tx: Tx): Promise<Stored | undefined>;
  /** Stores the answer in the transaction of its effect. */
  store(tx: Tx, stored: Stored): Promise<void>;
}

/** Hours for which answers are kept. */
const keptHours = 24;

/** Minutes for which members that are shown once can be had again with the same key. */
const onceMinutes = 10;

/** Builds the idempotency of requests; only HMACs of keys and bodies are stored. */
export function createIdempotencyKeys(options: {
  readonly secret: Buffer;
  readonly ring: KeyRing;
}) {
  const { secret, ring } = options;
  return (request: {
    /** Caller, method and path: a key means nothing outside of them. */
    readonly scope: string;
    readonly key: string;
    readonly body: unknown;
    readonly once: readonly string[];
  }): Idempotency => {
    const keyHash = hmac(secret, `idempotency-key\n${request.scope}\n${request.key}`);
    const bodyHmac = hmac(secret, `idempotency-body\n${canonical(request.body)}`);
    // Derived from the KEK and the client's own key, of which only an HMAC is stored: neither alone opens it.
    const sealKey = (): Buffer =>
      ring.derive('usher/idempotency/once/v1', Buffer.from(`${request.scope}\n${request.key}`));
    return {
      async begin(tx) {
        const { locked } = await tx.one<{ locked: boolean }>(
          'select pg_try_advisory_xact_lock($1) as locked',
          [keyHash.readBigInt64BE(0).toString()],
        );
        if (!locked) throw new DomainError('request-in-progress', { retryAfterSeconds: 1 });
        const row = await tx.maybe<{
          body_hmac: Buffer;
          status: number;
          response: Record<string, unknown> | null;
          wait_for: Record<string, string> | null;
          once_sealed: Buffer | null;
        }>(
          `select body_hmac, status, response, wait_for,
             case when once_expires_at > now() then once_sealed end as once_sealed
           from idempotency_keys where key_hash = $1 and expires_at > now()`,
          [keyHash],
        );
        if (!row) return undefined;
        if (!row.body_hmac.equals(bodyHmac)) throw new DomainError('idempotency-key-reused');
        const shown = row.once_sealed ? unseal(sealKey(), row.once_sealed) : undefined;
        return {
          status: row.status,
          body: row.response && withOnce(row.response, request.once, shown),
          ...(row.wait_for ? { waitFor: row.wait_for } : {}),
        };
      },
      async store(tx, stored) {
        const [kept, shownOnce] = split(stored.body, request.once);
        await tx.run(
          `insert into idempotency_keys
             (key_hash, body_hmac, status, response, wait_for, once_sealed, once_expires_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 minute', now() + $8 * interval '1 hour')
           on conflict (key_hash) do update set body_hmac = excluded.body_hmac, status = excluded.status,
             response = excluded.response, wait_for = excluded.wait_for, once_sealed = excluded.once_sealed,
             once_expires_at = excluded.once_expires_at, expires_at = excluded.expires_at, created_at = now()`,
          [
            keyHash,
            bodyHmac,
            stored.status,
            kept === null ? null : JSON.stringify(kept),
            stored.waitFor ? JSON.stringify(stored.waitFor) : null,
            shownOnce ? seal(sealKey(), shownOnce) : null,
            onceMinutes,
            keptHours,
          ],
        );
      },
    };
  };
}

/** Runs the work of an idempotent endpoint once per key; a replay gets the first answer again. */
export async function once<R extends Stored>(
  idempotency: Idempotency | undefined,
  tx: Tx,
  work: () => Promise<R>,
): Promise<R & { readonly replayed?: true }> {
  const stored = await idempotency?.begin(tx);
  if (stored) return { ...(stored as R), replayed: true };
  const reply = await work();
  await idempotency?.store(tx, reply);
  return reply;
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ''
  );
}

type Body = Readonly<Record<string, unknown>>;

function split(body: Body | null, names: readonly string[]): [Body | null, Body | undefined] {
  if (body === null || names.length === 0) return [body, undefined];
  const entries = Object.entries(body);
  return [
    Object.fromEntries(entries.filter(([name]) => !names.includes(name))),
    Object.fromEntries(entries.filter(([name]) => names.includes(name))),
  ];
}

function withOnce(body: Body, names: readonly string[], shown: Body | undefined): Body {
  if (names.length === 0) return body;
  if (shown) return { ...body, ...shown };
  return {
    ...body,
    ...Object.fromEntries(names.map((name) => [name, null])),
    secret_expired: true,
  };
}

function seal(key: Buffer, value: Body): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]);
}

function unseal(key: Buffer, sealed: Buffer): Body {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), {
    authTagLength: 16,
  });
  decipher.setAuthTag(sealed.subarray(12, 28));
  return JSON.parse(
    Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8'),
  ) as Body;
}
