import { sealEntry } from '../../../src/domain/audit/entry';
import type { PendingEntry } from '../../../src/domain/audit/pending';
import { insertAllPending } from '../../../src/domain/audit/pending';
import { listSeqs } from '../../../src/domain/audit/query';
import type { EntryFilter } from '../../../src/domain/audit/query';
import { withPartner, withSystem, withTenant } from '../../../src/platform/db';
import type { Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { openAuditDatabase } from './audit-database';
import type { AuditDatabase } from './audit-database';

let log: AuditDatabase;
const [acme, globex, partner] = [newId(), newId(), newId()];
/** More than are fetched by the index. */
const frequent = 2_400;

/** What the log holds, as it was told. */
interface Told {
  readonly tenantId: string | null;
  readonly targets: readonly string[];
  readonly description: string;
}
const told: Told[] = Array.from({ length: frequent }, (_, n) => ({
  tenantId: [acme, globex, null][n % 3] ?? null,
  targets: Array.from({ length: n % 7 }, (__, place) => `t${String((n + place) % 40)}`),
  description: `Parcel ${n % 500 === 1 ? 'lost' : 'on its way'} 100%_${String(n)}`,
}));

const entryOf = ({ tenantId, targets, description }: Told): PendingEntry => {
  const now = new Date().toISOString();
  return sealEntry({
    ...{ id: newId(), kind: 'foreign', via: 'service:test', action: 'order.shipped', crud: 'c' },
    ...{ outcome: 'success', at: now, receivedAt: now, tenantId },
    actor: { type: 'user', id: 'anna' },
    targets: targets.map((id) => ({ type: 'order', id })),
    parts: [{ part: 'free', body: { description }, search: description }],
  });
};

beforeAll(async () => {
  log = await openAuditDatabase();
  await log.sql(
    `insert into partners (id, slug, name, status) values ($1, 'first-partner', 'P', 'active')`,
    [partner],
  );
  await log.sql(
    `insert into tenants (id, slug, name, status, kind, plan, bucket, partner_id)
     values ($1, 'acme', 'A', 'active', 'customer', 'starter', 1, $3), ($2, 'globex', 'G', 'active', 'customer', 'starter', 1, null)`,
    [acme, globex, partner],
  );
  await withSystem(log.app, 'cli', (tx) => insertAllPending(tx, told.map(entryOf)));
  await log.sequence();
}, 60_000);
afterAll(() => log.close());

type Scope = <T>(fn: (tx: Tx) => Promise<T>) => Promise<T>;
const scopes: readonly (readonly [string, Scope, (one: Told) => boolean])[] = [
  ['an operator', (fn) => withSystem(log.app, 'audit', fn), () => true],
  ['a tenant', (fn) => withTenant(log.app, acme, fn), ({ tenantId }) => tenantId === acme],
  ['a partner', (fn) => withPartner(log.app, partner, fn), ({ tenantId }) => tenantId === acme],
];

/** Every page that a filter finds. */
async function found(scope: Scope, filter: EntryFilter, order: 'asc' | 'desc'): Promise<number[]> {
  const all: number[] = [];
  let cursor = 0;
  do {
    const from = cursor;
    const page = await scope((tx) => listSeqs(tx, filter, { order, limit: 300, cursor: from }));
    all.push(...page.seqs);
    cursor = page.next;
  } while (cursor > 0);
  return all;
}

const nobody = { tenantIds: [], actorIds: [] };
const filters: readonly (readonly [string, EntryFilter, (one: Told) => boolean])[] = [
  ['a target in any place', { targetId: 't7' }, ({ targets }) => targets.includes('t7')],
  [
    'a frequent text',
    { text: { ...nobody, text: 'parcel' } },
    ({ description }) => description.includes('Parcel'),
  ],
  [
    'a rare text',
    { text: { ...nobody, text: 'LOST' } },
    ({ description }) => description.includes('lost'),
  ],
  [
    'a text with signs of a pattern',
    { text: { ...nobody, text: '100%_17' } },
    ({ description }) => description.includes('100%_17'),
  ],
  ['a text that is nowhere', { text: { ...nobody, text: '100%%' } }, () => false],
  [
    'a frequent text and a target',
    { targetId: 't7', text: { ...nobody, text: 'on its way' } },
    ({ description, targets }) => description.includes('on its way') && targets.includes('t7'),
  ],
];

describe.each(scopes)('%s finds', (_who, scope, sees) => {
  test.each(filters)(
    '%s: every entry of it that they may see, once, in order',
    async (_w, filter, is) => {
      const expected = told.flatMap((one, index) => (sees(one) && is(one) ? [index + 1] : []));
      expect(await found(scope, filter, 'asc')).toEqual(expected);
      expect(await found(scope, filter, 'desc')).toEqual([...expected].reverse());
    },
  );
});

test('whoever has no scope finds no text', async () => {
  const { hits } = await withTenant(log.app, newId(), (tx) =>
    tx.one<{ hits: string[] }>(`select audit_text_hits('%parcel%', 10) as hits`),
  );
  expect(hits).toEqual([]);
});

test.each([1, 2, 3])(
  'place %i of the targets is looked up in an index, behind row-level security too',
  async (n) => {
    const plan = await withSystem(log.app, 'audit', async (tx) => {
      await tx.run(`select set_config('enable_seqscan', 'off', true)`);
      return tx.rows<{ 'QUERY PLAN': string }>(
        `explain select seq from audit_log where target_ids[${String(n)}] = 't7' order by seq limit 50`,
      );
    });
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain(
      `Index Cond: (target_ids[${String(n)}] = 't7'`,
    );
  },
);
