import fc from 'fast-check';
import { Client } from 'pg';
import { followChanges, sweepChanges } from '../../../src/domain/api-keys/change-log';
import { createKnownKeys } from '../../../src/domain/api-keys/known-keys';
import type { Change, KnownKeys } from '../../../src/domain/api-keys/known-keys';
import type { KnownKey } from '../../../src/domain/api-keys/usage';
import { createKeyHasher } from '../../../src/platform/crypto/keys';
import { createDatabase, withSystem } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newClient } from '../../../src/platform/own-connection';
import { statementsOf } from '../../../src/platform/statements';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait-for';
import { insertTenant } from '../onboarding/rows';
import { goodKey, nameOf } from './facts';
import { insertEntitlement, insertKey, insertProduct } from './rows';

const hasher = createKeyHasher([{ id: 'p1', key: Buffer.alloc(32, 1) }], 'usher/api-key/v1');

let database: TestDatabase;
let db: Database;
const clients: Client[] = [];
/** Writers, and one who reads what is committed. */
let writers: Client[];
let reader: Client;
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.appUrl, applicationName: 'test' });
  writers = [await superuser(), await superuser(), await superuser()];
  reader = await superuser();
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await db.close();
  await database.drop();
});

async function superuser(): Promise<Client> {
  const client = new Client({ connectionString: database.superUrl });
  await client.connect();
  clients.push(client);
  return client;
}

/** A connection as verifiers have it, and the look on it. */
async function following(
  keys: Pick<KnownKeys, 'remove'>,
): Promise<{ look: () => Promise<unknown>; end: () => Promise<void> }> {
  const client = newClient({
    url: database.appUrl,
    applicationName: 'test-log',
    statementMs: 5_000,
    silentMs: 10_000,
    onError: () => undefined,
  });
  await client.connect();
  return {
    look: followChanges(statementsOf(client), keys),
    end: () => client.end(),
  };
}

const inSystem = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(db, 'cli', fn);
const sweep = (): Promise<number> => inSystem((tx) => sweepChanges(tx, 10_000));
/** As if what the log says had been said long ago. */
const age = () => reader.query(`update verification_changes set at = at - interval '10 minutes'`);

/** Whoever writes anywhere on this server, in whatever database, holds up the sweep of what came after. */
const untilAllEnded = () =>
  waitFor(
    'the end of all transactions from before',
    () =>
      reader.query<{ ended: boolean }>(
        `select max(xid) < pg_snapshot_xmin(pg_current_snapshot()) as ended from verification_changes`,
      ),
    ({ rows }) => rows[0]?.ended === true,
  );

describe('a look tells of what was committed since the last one', () => {
  let tenantId: string;
  let keyId: string;
  let told: Change[] = [];
  let look: () => Promise<unknown>;
  let end: () => Promise<void>;
  beforeAll(async () => {
    tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
    keyId = (await inSystem((tx) => insertKey(tx, hasher, { tenantId }))).id;
    ({ look, end } = await following({ remove: (change) => told.push(change) }));
    await look();
  });
  afterAll(() => end());
  beforeEach(() => {
    told = [];
  });

  const changes: readonly [name: string, about: 'key' | 'tenant' | 'any', (tx: Tx) => unknown][] = [
    [
      'revoked key',
      'key',
      (tx) => tx.run('update api_keys set revoked_at = now() where id = $1', [keyId]),
    ],
    [
      'suspended tenant',
      'tenant',
      (tx) => tx.run(`update tenants set status = 'suspended' where id = $1`, [tenantId]),
    ],
    ['new entitlement', 'tenant', (tx) => insertEntitlement(tx, { tenantId, product: 'search' })],
    [
      'entitlement that is gone',
      'tenant',
      (tx) => tx.run('delete from entitlements where tenant_id = $1', [tenantId]),
    ],
    ['new product', 'any', (tx) => insertProduct(tx, 'orders')],
  ];
  test.each(changes)('%s', async (_, about, change) => {
    await inSystem(async (tx) => {
      await change(tx);
    });
    await look();
    expect(told).toEqual([about === 'any' ? 'any' : about === 'key' ? { keyId } : { tenantId }]);
    await look();
    expect(told.length).toBe(1);
  });

  test('everybody, where an entitlement goes from one tenant to another', async () => {
    const other = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
    await inSystem((tx) => insertEntitlement(tx, { tenantId, product: 'orders' }));
    await look();
    told = [];
    await inSystem((tx) =>
      tx.run('update entitlements set tenant_id = $1 where tenant_id = $2', [other, tenantId]),
    );
    await look();
    expect(told).toEqual(['any']);
  });

  test('everybody, where a transaction changes many', async () => {
    const ids = await inSystem(async (tx) => {
      const keys: string[] = [];
      for (let n = 0; n < 300; n += 1) keys.push((await insertKey(tx, hasher, { tenantId })).id);
      return keys;
    });
    await look();
    expect(told).toEqual([]);
    const change = (all: readonly string[]): Promise<number> =>
      inSystem((tx) => tx.run('update api_keys set blocked_at = now() where id = any($1)', [all]));
    await change(ids.slice(0, 200));
    await look();
    expect(told.length).toBe(200);
    told = [];
    await change(ids);
    await look();
    expect(told).toEqual(['any']);
  });

  test('not what was undone, and not what no verification reads', async () => {
    await inSystem(async (tx) => {
      await tx.run('update api_keys set revoked_at = null where id = $1', [keyId]);
      throw new Error('undone');
    }).catch(() => undefined);
    await inSystem((tx) => tx.run(`update api_keys set name = 'x' where id = $1`, [keyId]));
    await inSystem((tx) => tx.run(`update tenants set name = 'x' where id = $1`, [tenantId]));
    await look();
    expect(told).toEqual([]);
  });
});

test('the first look on a connection removes everything, and so does one that comes after more was swept than it has seen', async () => {
  const tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
  const { id } = await inSystem((tx) => insertKey(tx, hasher, { tenantId }));
  const touch = (): Promise<number> =>
    inSystem((tx) => tx.run('update api_keys set blocked_at = now() where id = $1', [id]));
  const told: Change[] = [];
  const { look, end } = await following({ remove: (change) => told.push(change) });
  await look();
  expect(told).toEqual(['any']);
  told.length = 0;
  for (let n = 0; n < 3; n += 1) await touch();
  await untilAllEnded();
  await age();
  expect(await sweep()).toBeGreaterThan(0);
  await look();
  expect(told).toEqual(['any']);
  told.length = 0;
  for (let n = 0; n < 3; n += 1) await touch();
  await untilAllEnded();
  await look();
  await age();
  await sweep();
  told.length = 0;
  await look();
  expect(told).toEqual([]);
  await end();
});

test('a change that was under way at one look is told by the next one after its end', async () => {
  const tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
  const [early, late] = [
    await inSystem((tx) => insertKey(tx, hasher, { tenantId })),
    await inSystem((tx) => insertKey(tx, hasher, { tenantId })),
  ];
  const told: Change[] = [];
  const { look, end } = await following({ remove: (change) => told.push(change) });
  await look();
  told.length = 0;
  const revoke = 'update api_keys set revoked_at = now() where id = $1';
  await writers[0]?.query('begin');
  await writers[0]?.query(revoke, [early.id]);
  await writers[1]?.query(revoke, [late.id]);
  await look();
  await look();
  expect(told).toEqual([{ keyId: late.id }]);
  await writers[0]?.query('commit');
  await look();
  await look();
  expect(told).toEqual([{ keyId: late.id }, { keyId: early.id }]);
  await end();
});

test('a look that another server answers, as after a failover behind a proxy, removes everything', async () => {
  const told: Change[] = [];
  const servers = ['2026-11-27 10:00:00', '2026-11-27 10:00:00', '2026-11-27 11:00:00'];
  const look = followChanges(
    {
      askForTexts: () =>
        Promise.resolve([['800:800:', servers.shift() ?? null, 'f', '0', '0', null]]),
    },
    { remove: (change) => told.push(change) },
  );
  await look();
  await look();
  expect(told).toEqual(['any']);
  await look();
  expect(told).toEqual(['any', 'any']);
});

test('lines that come from the dump of another server go with the next sweep', async () => {
  await reader.query(
    `insert into verification_changes (xid, about) values ('4611686018427387904', '*')`,
  );
  await reader.query(`update verification_swept set xid = '4611686018427387904'`);
  expect(await sweep()).toBeGreaterThan(0);
  for (const table of ['verification_changes', 'verification_swept']) {
    const { rows } = await reader.query(
      `select 1 from ${table} where xid >= pg_snapshot_xmax(pg_current_snapshot())`,
    );
    expect(rows).toEqual([]);
  }
});

type Step =
  | { readonly do: 'begin' | 'commit' | 'rollback'; readonly writer: number }
  | { readonly do: 'change'; readonly writer: number; readonly key: number }
  | { readonly do: 'read'; readonly key: number }
  | { readonly do: 'keep' | 'find'; readonly key: number }
  | { readonly do: 'look'; readonly chain: number }
  | { readonly do: 'sweep' };

const keysOfTest = 4;
const writer = fc.nat({ max: 2 });
const key = fc.nat({ max: keysOfTest - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('begin', 'commit', 'rollback'), writer }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('change'), writer, key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('keep'), key }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('find'), key }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('look'), chain: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep') }) },
);

test('whoever is known after a look is as the database says, whatever was under way when it was read', async () => {
  const tenantId = await inSystem((tx) => insertTenant(tx, { status: 'active' }));
  const ids: string[] = [];
  for (let n = 0; n < keysOfTest; n += 1)
    ids.push((await inSystem((tx) => insertKey(tx, hasher, { tenantId }))).id);
  /** Each change of a key gives it another expiry, so that every state of it is told from all others. */
  let version = 0;
  const committed = async (): Promise<ReadonlyMap<string, number>> => {
    const { rows } = await reader.query<{ id: string; at: number }>(
      `select id, coalesce(date_part('epoch', expires_at), 0) as at from api_keys where id = any($1)`,
      [ids],
    );
    return new Map(rows.map(({ id, at }) => [id, at]));
  };

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120 }), async (steps) => {
      const keys = createKnownKeys(100);
      const chains = [await following(keys), await following(keys)];
      const open = new Set<number>();
      /** Rows that an open transaction has locked. */
      const lockedBy = new Map<number, number>();
      /** Queries under way: what they have read, and the generation before. */
      const underWay = new Map<number, { at: number; since: number }>();
      const end = async (by: number, how: 'commit' | 'rollback'): Promise<void> => {
        await writers[by]?.query(how);
        open.delete(by);
        for (const [row, holder] of lockedBy) if (holder === by) lockedBy.delete(row);
      };
      const take = async (one: Step): Promise<void> => {
        switch (one.do) {
          case 'begin':
            if (open.has(one.writer)) return;
            await writers[one.writer]?.query('begin');
            open.add(one.writer);
            return;
          case 'commit':
          case 'rollback':
            if (open.has(one.writer)) await end(one.writer, one.do);
            return;
          case 'change': {
            const holder = lockedBy.get(one.key);
            if (holder !== undefined && holder !== one.writer) return;
            if (open.has(one.writer)) lockedBy.set(one.key, one.writer);
            version += 1;
            await writers[one.writer]?.query(
              'update api_keys set expires_at = to_timestamp($2) where id = $1',
              [ids[one.key], 10_000_000_000 + version],
            );
            return;
          }
          case 'read': {
            const since = keys.generation();
            const at = (await committed()).get(ids[one.key] ?? '') ?? 0;
            underWay.set(one.key, { at, since });
            return;
          }
          case 'find':
            await take({ do: 'read', key: one.key });
            await take({ do: 'keep', key: one.key });
            return;
          case 'keep': {
            const read = underWay.get(one.key);
            const id = ids[one.key] ?? '';
            if (!read) return;
            underWay.delete(one.key);
            const facts = { ...goodKey, id, tenantId, expiresAt: read.at };
            keys.keep(
              nameOf(id),
              { facts, counter: undefined as unknown as KnownKey['counter'] },
              read.since,
            );
            return;
          }
          case 'look': {
            await chains[one.chain]?.look();
            const now = await committed();
            for (const id of ids) {
              const known = keys.find(nameOf(id));
              if (known) expect([id, known.facts.expiresAt]).toEqual([id, now.get(id)]);
            }
            return;
          }
          case 'sweep':
            await age();
            await sweep();
        }
      };
      for (const { look } of chains) await look();
      try {
        for (const one of steps) await take(one);
        await take({ do: 'look', chain: 0 });
        await take({ do: 'look', chain: 1 });
      } finally {
        for (const by of [...open]) await end(by, 'rollback');
        for (const chain of chains) await chain.end();
      }
    }),
    { numRuns: 100 },
  );
}, 120_000);
