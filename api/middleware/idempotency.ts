import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DomainError } from '../../src/errors/problems';
import type { KeyRing } from '../../src/platform/crypto/sealing';
import { hmac } from '../../src/platform/crypto/tokens';
import type { Tx } from '../../src/platform/db';
import { isKept, keepAnswer, takeKey } from '../../src/platform/idempotency';

/** What a first request left behind: its answer, or the row that a replay has to wait for as well. */
export interface Stored {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly waitFor?: Readonly<Record<string, string>> | undefined;
}

/** The idempotency of one request. */
export interface Idempotency {
  /** What the client calls the request. */
  readonly key: string;
  /**
   * Takes the key for this transaction and returns what a first request left, if there was one.
   * @throws DomainError `request-in-progress`, `idempotency-key-reused`
   */
  begin(tx: Tx): Promise<Stored | undefined>;
  /** Whether a first request left an answer; takes nothing, so that it may be asked before a limit is charged. */
  readonly isReplay: (tx: Tx) => Promise<boolean>;
  /** Stores the answer in the transaction of its effect. */
  store(tx: Tx, stored: Stored): Promise<void>;
}

/** A request that names itself. */
export interface KeyedRequest {
  /** Caller, method and path: a key means nothing outside of them. */
  readonly scope: string;
  readonly key: string;
  readonly body: unknown;
  /** Members of the answer that are shown once. */
  readonly once: readonly string[];
  /** Keeps those members for a replay; only for a client that named the request in its header. */
  readonly keepsOnce?: boolean;
}

/** Builds the idempotency of requests; only HMACs of keys and bodies are stored. */
export function createIdempotencyKeys(options: {
  readonly secret: Buffer;
  readonly ring: KeyRing;
}): (request: KeyedRequest) => Idempotency {
  const { secret, ring } = options;
  return ({ scope, key, body, once: names, keepsOnce = true }) => {
    const keyHash = hmac(secret, `idempotency-key\n${scope}\n${key}`);
    const bodyHmac = hmac(secret, `idempotency-body\n${canonical(body)}`);
    // Derived from the KEK and the client's own key, of which only an HMAC is stored: neither alone opens it.
    const sealKey = (): Buffer =>
      ring.derive('usher/idempotency/once/v1', Buffer.from(`${scope}\n${key}`));
    return {
      key,
      async begin(tx) {
        const kept = await takeKey(tx, keyHash);
        if (!kept) return undefined;
        if (!kept.bodyHmac.equals(bodyHmac)) throw new DomainError('idempotency-key-reused');
        const { response, onceSealed } = kept;
        const shown = onceSealed && keepsOnce ? unseal(sealKey(), onceSealed) : undefined;
        return {
          status: kept.status,
          body: response && withOnce(response, names, shown),
          ...(kept.waitFor ? { waitFor: kept.waitFor } : {}),
        };
      },
      isReplay: (tx) => isKept(tx, keyHash),
      async store(tx, stored) {
        const [response, shownOnce] = split(stored.body, names);
        await keepAnswer(tx, keyHash, {
          bodyHmac,
          status: stored.status,
          response,
          waitFor: stored.waitFor ?? null,
          onceSealed: shownOnce && keepsOnce ? seal(sealKey(), shownOnce) : null,
        });
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

// Equal bodies in one form, whatever the order of their members.
function canonical(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  ) as string | undefined;
  return text ?? '';
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
  const nothing = Object.fromEntries(names.map((name) => [name, null]));
  return { ...body, ...nothing, secret_expired: true };
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
