import { createBatchedQuery } from '../../platform/batched-query';
import { sourceOf } from '../../platform/client-addresses';
import { createSlowHashes } from '../../platform/crypto/slow-hashes';
import type { KeyDigest } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';

/** A key that presents itself for the first time since its import. */
export interface Presented {
  readonly key: string;
  readonly prefix: string;
  /** Under the pepper that new digests are made with. */
  readonly digest: KeyDigest;
  readonly source: string;
}

/** Imported slow hashes: each is paid once, by the first good use of its key. */
export interface ForeignHashes {
  /**
   * The hashes that a key may have: those of its prefix, at most 8, without those that it was compared with lately.
   * @throws DatabaseUnavailable by the deadline
   */
  candidates(
    presented: Pick<Presented, 'prefix' | 'digest'>,
    deadline: number,
  ): Promise<readonly ForeignHash[]>;
  /**
   * Compares a key with hashes and stores its digest when one fits. The row is to be looked up again after that:
   * whoever was faster has changed it.
   * @throws TooManyHashes
   */
  adopt(presented: Presented, candidates: readonly ForeignHash[]): Promise<boolean>;
  close(): Promise<void>;
}

/** One slow hash that was imported. */
export interface ForeignHash {
  readonly keyId: string;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Milliseconds for which a key that fits no hash is remembered, so that it is not compared with it again. */
const memoMs = 60_000;
const mostFailed = 10_000;

interface Failed {
  readonly until: number;
  readonly keyIds: ReadonlySet<string>;
}

const findForeignHashes = 'select prefix, key_id, salt, hash from find_foreign_hashes($1)';

/** Opens the look-up of slow hashes: a connection of its own, 2 hashes running and 8 waiting. */
export function createForeignHashes(options: {
  readonly db: Database;
  readonly url: string;
  readonly timeoutMs: number;
}): ForeignHashes {
  const slow = createSlowHashes({ running: 2, queued: 8 });
  const failed = new Map<string, Failed>();
  const query = createBatchedQuery<string, readonly ForeignHash[]>({
    url: options.url,
    applicationName: 'usher-foreign',
    connections: 1,
    most: 256,
    timeoutMs: options.timeoutMs,
    open: (statements) => async (prefixes) => {
      const rows = await statements.askForTexts(findForeignHashes, [[...new Set(prefixes)]]);
      return prefixes.map((prefix) =>
        rows
          .filter((row) => row[0] === prefix)
          .map(([, keyId, salt, hash]) => ({
            keyId: keyId ?? '',
            salt: bytes(salt),
            hash: bytes(hash),
          })),
      );
    },
  });
  const nameOf = ({ digest }: KeyDigest): string => digest.toString('base64');

  const comparedWith = (digest: KeyDigest): ReadonlySet<string> | undefined => {
    const memo = failed.get(nameOf(digest));
    return memo && memo.until > performance.now() ? memo.keyIds : undefined;
  };
  const remember = (digest: KeyDigest, candidates: readonly ForeignHash[]): void => {
    const now = performance.now();
    const keyIds = new Set(comparedWith(digest));
    for (const { keyId } of candidates) keyIds.add(keyId);
    failed.delete(nameOf(digest));
    failed.set(nameOf(digest), { until: now + memoMs, keyIds });
    for (const [oldest, { until }] of failed) {
      if (until > now && failed.size <= mostFailed) break;
      failed.delete(oldest);
    }
  };

  return {
    async candidates({ prefix, digest }, deadline) {
      const { value } = await query.ask(prefix, deadline);
      if (value.length === 0) return value;
      const compared = comparedWith(digest);
      return compared ? value.filter(({ keyId }) => !compared.has(keyId)) : value;
    },
    async adopt({ key, digest, source }, candidates) {
      for (const { keyId, salt, hash } of candidates) {
        if (!(await slow.matches(key, salt, hash, sourceOf(source)))) continue;
        await withSystem(options.db, 'usage', (tx) =>
          tx.run('select adopt_foreign_key($1, $2, $3)', [keyId, digest.digest, digest.pepperId]),
        );
        return true;
      }
      remember(digest, candidates);
      return false;
    },
    close: () => query.close(),
  };
}

const bytes = (text: string | null | undefined): Buffer =>
  Buffer.from((text ?? '').slice(2), 'hex');
