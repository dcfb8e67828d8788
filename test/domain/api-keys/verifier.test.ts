import { setTimeout as sleep } from 'node:timers/promises';
import { createFailures, failureLimit } from '../../../src/domain/api-keys/failures';
import type { FailureLimit } from '../../../src/domain/api-keys/failures';
import { createKnownKeys } from '../../../src/domain/api-keys/known-keys';
import type { FoundKey, Lookups } from '../../../src/domain/api-keys/lookups';
import { nothingCounted } from '../../../src/domain/api-keys/limits.rules';
import { createRecall } from '../../../src/domain/api-keys/recall';
import { createUsage } from '../../../src/domain/api-keys/usage';
import { createVerifier, readHoldsMs } from '../../../src/domain/api-keys/verifier';
import type { Verdict } from '../../../src/domain/api-keys/verifier';
import { createKeyHasher, newKey } from '../../../src/platform/crypto/keys';
import { DatabaseUnavailable } from '../../../src/platform/own-connection';
import { goodKey } from './facts';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');

interface Options {
  /** The one key that somebody has. */
  readonly good?: string;
  readonly limit?: FailureLimit;
  readonly findInTurn?: Lookups['findInTurn'];
  readonly onError?: (error: unknown) => void;
}

/** A verifier, and how many keys its look-ups asked for: `alone` one each, `turns` those of sources that fail often. */
function createAsking({
  good,
  limit = failureLimit,
  findInTurn,
  onError = (error) => {
    throw error;
  },
}: Options = {}) {
  const usage = createUsage(() => Promise.reject(new Error('not asked')));
  const goodDigest = good && hasher.hexCandidates(good)[0];
  const asked = { alone: 0, turns: [] as number[] };
  const find = (digests: readonly string[]): FoundKey | undefined =>
    goodDigest !== undefined && digests.includes(goodDigest)
      ? { facts: goodKey, digest: goodDigest, readAt: Date.now(), count: nothingCounted }
      : undefined;
  const verifier = createVerifier({
    prefix: 'ush',
    hasher,
    lookups: {
      find: (digests) => {
        asked.alone += 1;
        return Promise.resolve({ value: find(digests), sentAt: performance.now() });
      },
      findInTurn: (keys, deadline) => {
        asked.turns.push(keys.length);
        if (findInTurn) return findInTurn(keys, deadline);
        return Promise.resolve({ value: keys.map(find), sentAt: performance.now() });
      },
    },
    looks: { next: () => undefined },
    usage,
    failures: createFailures(limit),
    foreign: { candidates: () => Promise.resolve([]), adopt: () => Promise.resolve(false) },
    upgrades: { consider: () => true },
    recall: createRecall({ keys: createKnownKeys(0), usage }),
    counted: () => undefined,
    onError,
  });
  const ask = (address: string, key = newKey('ush', 'live')): Promise<string> =>
    new Promise((resolve) => {
      const write = ({ code }: Verdict): void => {
        resolve(code);
      };
      verifier.verify({ key, cost: 1, address }, write);
    });
  const exhaust = async (address: string): Promise<void> => {
    for (let n = 0; n < limit.failures; n += 1) expect(await ask(address)).toBe('NOT_FOUND');
    asked.alone = 0;
    asked.turns = [];
  };
  return { verifier, ask, asked, exhaust };
}

const oneFailure: FailureLimit = { ...failureLimit, failures: 1 };
const source = (n: number): string => `192.0.2.${String(n)}`;

test('sources that fail on and on are looked up together, and others before them', async () => {
  const { ask, asked, exhaust } = createAsking();
  const limited = [1, 2, 3].map(source);
  for (const one of limited) await exhaust(one);
  const order: string[] = [];
  await Promise.all(
    [...limited, ...limited, source(9)].map(async (one) => {
      order.push(`${one} ${await ask(one)}`);
    }),
  );
  expect(order[0]).toBe(`${source(9)} NOT_FOUND`);
  expect(order.slice(1)).toEqual([...limited, ...limited].map((one) => `${one} RATE_LIMITED`));
  expect(asked).toEqual({ alone: 1, turns: [6] });
});

test('a source is looked up at once until it has failed a quarter of what it may', async () => {
  const { ask, asked } = createAsking();
  for (let n = 0; n < failureLimit.failures; n += 1) await ask(source(1));
  expect(asked.alone).toBe(failureLimit.failures / 4);
  expect(asked.turns).toEqual(Array(failureLimit.failures - asked.alone).fill(1));
});

test('one turn asks for at most 256 keys at once, and answers all', async () => {
  const { ask, asked, exhaust } = createAsking();
  await exhaust(source(1));
  const codes = await Promise.all(Array.from({ length: 600 }, () => ask(source(1))));
  expect(new Set(codes)).toEqual(new Set(['RATE_LIMITED']));
  expect(asked.turns).toEqual([256, 256, 88]);
});

test('a good key of a source that fails on and on is good, and is read once', async () => {
  const good = newKey('ush', 'live');
  const { ask, asked, exhaust } = createAsking({ good });
  await exhaust(source(1));
  const bad = ask(source(1));
  expect(await ask(source(1), good)).toBe('VALID');
  expect(await bad).toBe('RATE_LIMITED');
  expect(asked).toEqual({ alone: 0, turns: [2] });
});

test('a good key is read again when its turn took too long to answer by', async () => {
  const good = newKey('ush', 'live');
  const findInTurn: Lookups['findInTurn'] = (keys) =>
    Promise.resolve({
      value: keys.map(() => ({
        facts: goodKey,
        digest: '',
        readAt: Date.now(),
        count: nothingCounted,
      })),
      sentAt: performance.now() - readHoldsMs,
    });
  const { ask, asked, exhaust } = createAsking({ good, limit: oneFailure, findInTurn });
  await exhaust(source(1));
  expect(await ask(source(1), good)).toBe('VALID');
  expect(asked).toEqual({ alone: 1, turns: [1] });
});

test('a source whose time was over while it waited is told what others are', async () => {
  const { ask, asked, exhaust } = createAsking({
    limit: { failures: 1, withinMs: 500, most: 10 },
    async findInTurn(keys) {
      await sleep(550);
      return { value: keys.map(() => undefined), sentAt: performance.now() };
    },
  });
  await exhaust(source(1));
  expect(await ask(source(1))).toBe('NOT_FOUND');
  expect(asked).toEqual({ alone: 0, turns: [1] });
});

test('nobody who waits for a turn is told that a key is unknown when nobody can know', async () => {
  const { ask, exhaust } = createAsking({
    limit: oneFailure,
    findInTurn: () => Promise.reject(new DatabaseUnavailable('Postgres is not reachable')),
  });
  await exhaust(source(1));
  const codes = await Promise.all([ask(source(1)), ask(source(1))]);
  expect(codes).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
});

test('an answer that cannot be written keeps nobody of the same turn from theirs', async () => {
  const errors: unknown[] = [];
  const { verifier, ask, exhaust } = createAsking({
    onError: (error) => errors.push(error),
  });
  await exhaust(source(1));
  const broken = new Error('cannot be written');
  verifier.verify({ key: newKey('ush', 'live'), cost: 1, address: source(1) }, () => {
    throw broken;
  });
  expect(await ask(source(1))).toBe('RATE_LIMITED');
  expect(errors).toEqual([broken]);
});
