import { createBatchedQuery } from '../../platform/batched-query';
import type { Answered, TextStatements } from '../../platform/batched-query';
import { parseFacts } from './key-facts';
import { readCount } from './limits.rules';
import type { Count } from './limits.rules';
import type { KeyFacts } from './verification.rules';

/** A key that was read on the primary. */
export interface FoundKey {
  readonly facts: KeyFacts;
  /** Which of the digests it has, as hex. */
  readonly digest: string;
  /** The database's clock when it was read, milliseconds since 1970. */
  readonly readAt: number;
  /** What all processes have handed in of its family. */
  readonly count: Count;
}

/** Reads keys, many at a time and never from memory. */
export interface Lookups {
  /**
   * The key that has one of some digests (as hex, one under each pepper), or undefined.
   * @throws DatabaseUnavailable by the deadline, on the monotonic clock
   */
  find(digests: readonly string[], deadline: number): Promise<Answered<FoundKey | undefined>>;
  /**
   * The same of many keys in one query, on a connection of its own: nobody else waits behind it.
   * @throws DatabaseUnavailable by the deadline
   */
  findInTurn(
    keys: readonly (readonly string[])[],
    deadline: number,
  ): Promise<Answered<readonly (FoundKey | undefined)[]>>;
  /** Resolves when the first connection is open. */
  opened(): Promise<void>;
  close(): Promise<void>;
}

/** How look-ups reach Postgres. */
export interface LookupOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly onChange: (up: boolean, error?: unknown) => void;
}

const findApiKeys = 'select digest, facts, counted from find_api_keys($1)';

/** Opens the look-ups on two connections of their own, and one for sources that fail often. */
export function createLookups(options: LookupOptions): Lookups {
  const { url, timeoutMs } = options;
  const query = createBatchedQuery<readonly string[], FoundKey | undefined>({
    url,
    applicationName: 'usher-verify',
    connections: 2,
    most: 256,
    timeoutMs,
    open: (statements) => (questions) => findKeys(statements, questions),
    onChange: options.onChange,
  });
  const turns = createBatchedQuery<
    readonly (readonly string[])[],
    readonly (FoundKey | undefined)[]
  >({
    url,
    applicationName: 'usher-verify-turns',
    connections: 1,
    most: 1,
    timeoutMs,
    open: (statements) => (questions) =>
      Promise.all(questions.map((keys) => findKeys(statements, keys))),
  });
  return {
    find: (digests, deadline) => query.ask(digests, deadline),
    findInTurn: (keys, deadline) => turns.ask(keys, deadline),
    opened: () => query.opened(),
    async close() {
      await Promise.all([query.close(), turns.close()]);
    },
  };
}

async function findKeys(
  statements: TextStatements,
  keys: readonly (readonly string[])[],
): Promise<readonly (FoundKey | undefined)[]> {
  const rows = await statements.askForTexts(findApiKeys, [byteaArray(keys)]);
  const found = new Map(rows.map((row) => [(row[0] ?? '').slice(2), row]));
  return keys.map((digests) => {
    const digest = digests.find((one) => found.has(one));
    if (digest === undefined) return undefined;
    const row = found.get(digest) ?? [];
    return { facts: parseFacts(row[1] ?? ''), digest, ...readCount(row[2] ?? '') };
  });
}

// As Postgres reads it; drivers take longer over an array of buffers than the query does.
function byteaArray(keys: readonly (readonly string[])[]): string {
  let text = '';
  for (const digests of keys) for (const digest of digests) text += `,"\\\\x${digest}"`;
  return `{${text.slice(1)}}`;
}
