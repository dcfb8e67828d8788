import { createFailures, failureLimit } from '../../../src/domain/api-keys/failures';
import { createKnownKeys } from '../../../src/domain/api-keys/known-keys';
import { createRecall } from '../../../src/domain/api-keys/recall';
import { createUsage } from '../../../src/domain/api-keys/usage';
import { createVerifier } from '../../../src/domain/api-keys/verifier';
import type { Verdict } from '../../../src/domain/api-keys/verifier';
import { createKeyHasher, newKey } from '../../../src/platform/crypto/keys';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');

/** A verifier of keys that nobody has; `turns` has how many look-ups left at each time. */
function createUnknowing() {
  const usage = createUsage(() => Promise.reject(new Error('not asked')));
  const turns = new Map<number, number>();
  let turn = 0;
  const verifier = createVerifier({
    prefix: 'ush',
    hasher,
    lookups: {
      find: () => {
        turns.set(turn, (turns.get(turn) ?? 0) + 1);
        setImmediate(() => (turn += 1));
        return Promise.resolve({ value: undefined, sentAt: performance.now() });
      },
    },
    looks: { next: () => undefined },
    usage,
    failures: createFailures(),
    foreign: { candidates: () => Promise.resolve([]), adopt: () => Promise.resolve(false) },
    upgrades: { consider: () => true },
    recall: createRecall({ keys: createKnownKeys(0), usage }),
    counted: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  const ask = (address: string): Promise<string> =>
    new Promise((resolve) => {
      const write = ({ code }: Verdict): void => {
        resolve(code);
      };
      void verifier.verify({ key: newKey('ush', 'live'), cost: 1, address }, write);
    });
  return { ask, turns };
}

const source = (n: number): string => `192.0.2.${String(n)}`;

test('sources that fail on and on ask together, and others before them', async () => {
  const { ask, turns } = createUnknowing();
  const limited = [1, 2, 3].map(source);
  for (const one of limited)
    for (let n = 0; n < failureLimit.failures; n += 1) expect(await ask(one)).toBe('NOT_FOUND');
  turns.clear();
  const order: string[] = [];
  const asked = [...limited, ...limited, source(9)].map(async (one) => {
    order.push(`${one} ${await ask(one)}`);
  });
  await Promise.all(asked);
  expect(order[0]).toBe(`${source(9)} NOT_FOUND`);
  expect(order.slice(1)).toEqual([...limited, ...limited].map((one) => `${one} RATE_LIMITED`));
  expect([...turns.values()]).toEqual([1, 6]);
});
