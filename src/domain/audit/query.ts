import type { Tx } from '../../platform/db';
import { actionsBelow, matchingActions } from './known-actions';
import { entriesAt } from './log-entries';
import type { LogEntry } from './log-entries';
import { likePart } from './patterns.rules';
import { hot, placesNow } from './places';
import type { Place } from './places';

/** What a text means outside of the log, found by those who know tenants and people. */
export interface Meanings {
  readonly tenantIds: readonly string[];
  /** Of people who have it in their e-mail address. */
  readonly actorIds: readonly string[];
}

/** Which entries are wanted; all conditions hold together. */
export interface EntryFilter {
  readonly tenantId?: string | undefined;
  readonly partner?: { readonly id: string; readonly tenantIds: readonly string[] } | undefined;
  readonly product?: string | undefined;
  readonly source?: string | undefined;
  readonly actorId?: string | undefined;
  readonly actorEmail?: { readonly text: string; readonly actorIds: readonly string[] } | undefined;
  /** An action, and everything below it. */
  readonly action?: string | undefined;
  readonly targetId?: string | undefined;
  readonly outcome?: string | undefined;
  readonly requestId?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly text?: (Meanings & { readonly text: string }) | undefined;
}

/** Which page of them. */
export interface EntryPage {
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  /** The seq to go on after, in the direction of the order; 0 begins. */
  readonly cursor: number;
  /** Only entries below this seq. */
  readonly before?: number | undefined;
}

/**
 * A page of entries that match, and the seq that the next one goes on after; 0 at the end. The query is a union of
 * walks along one index each, in the order of the page: what was told late is a walk of its own, and so is each thing
 * that a text may be found in. So a page costs a page, wherever in the log it lies.
 */
export async function listEntries(
  tx: Tx,
  filter: EntryFilter,
  page: EntryPage,
): Promise<{ entries: LogEntry[]; next: number }> {
  const { seqs, next } = await listSeqs(tx, filter, page);
  return { entries: await entriesAt(tx, seqs, page.order), next };
}

/** The numbers alone of a page of entries. */
export async function listSeqs(
  tx: Tx,
  filter: EntryFilter,
  page: EntryPage,
): Promise<{ seqs: number[]; next: number }> {
  const walks = await walksOf(tx, filter, page);
  if (walks.length === 0) return { seqs: [], next: 0 };
  // Which index serves best depends on the values: one plan for all of them would read the whole log for some.
  await tx.run(`select set_config('plan_cache_mode', 'force_custom_plan', true)`);
  const params: unknown[] = [];
  const parameter: Parameter = (value) => `$${String(params.push(value))}`;
  const limit = parameter(page.limit + 1);
  const branches = walks.map(
    (walk) => `(${walk(parameter)} order by seq ${page.order} limit ${limit})`,
  );
  const rows = await tx.rows<{ seq: number }>(
    `select seq from (${branches.join('\nunion\n')}) as found order by seq ${page.order} limit ${limit}`,
    params,
  );
  const seqs = rows.slice(0, page.limit).map(({ seq }) => seq);
  return { seqs, next: rows.length > page.limit ? (seqs.at(-1) ?? 0) : 0 };
}

type Parameter = (value: unknown) => string;
type Walk = (parameter: Parameter) => string;

/** A condition on the entry `l`, or on whatever has its seq and tenant. */
interface Condition {
  /** Holds for the personal data of an entry as for the entry. */
  readonly everywhere?: true;
  readonly sql: (parameter: Parameter, alias: 'l' | 'p', place: Place) => string;
}

async function walksOf(tx: Tx, filter: EntryFilter, page: EntryPage): Promise<Walk[]> {
  const { action, actorEmail, targetId, text } = filter;
  const actions = action === undefined ? undefined : await actionsBelow(tx, action);
  if (actions?.length === 0) return [];
  const found = text && { ...text, actions: await matchingActions(tx, text.text) };
  const common = [...conditionsOf(filter, actions), ...placeOf(page)];
  // Of several searches at once one leads the walks, and the others are conditions on what they find.
  if (actorEmail && found) common.push(findsText(found));
  const searched = actorEmail ? leadsOfEmail(actorEmail) : found && (await leadsOfText(tx, found));
  if (searched && targetId !== undefined) common.push(hasTarget(targetId));
  const leads = searched ?? (targetId === undefined ? [along([])] : leadsOfTarget(targetId));
  const ranges = await rangesOf(tx, filter);
  const places = await placesNow(tx);
  return places.flatMap((place) =>
    // Where an entry lies by its time is known of the log only; little is fetched back at a time.
    (place === hot ? ranges : [[]]).flatMap((range) =>
      leads.map((lead) => lead([...common, ...range], place)),
    ),
  );
}

const on = (column: string, operator: string, value: unknown, cast = ''): Condition => ({
  sql: (parameter, alias) => `${alias}.${column} ${operator} ${parameter(value)}${cast}`,
});

const among = (column: string, values: readonly string[], type = 'text'): Condition => ({
  sql: (parameter, alias) => `${alias}.${column} = any(${parameter(values)}::${type}[])`,
});

function conditionsOf(filter: EntryFilter, actions: readonly string[] | undefined): Condition[] {
  const { tenantId, partner, outcome } = filter;
  const equal: [string, string | undefined][] = [
    ['product', filter.product],
    ['source', filter.source],
    ['actor_id', filter.actorId],
    ['outcome', outcome],
    ['request_id', filter.requestId],
  ];
  return [
    ...(tenantId === undefined
      ? []
      : [{ ...on('tenant_id', '=', tenantId), everywhere: true } as const]),
    ...equal.flatMap(([column, value]) => (value === undefined ? [] : [on(column, '=', value)])),
    // Names the index of what went wrong.
    ...(outcome === undefined || outcome === 'success'
      ? []
      : [{ sql: () => `l.outcome <> 'success'` }]),
    ...(actions === undefined ? [] : [among('action', actions)]),
    ...(filter.since === undefined ? [] : [on('at', '>=', filter.since)]),
    ...(filter.until === undefined ? [] : [on('at', '<=', filter.until)]),
    ...(partner === undefined
      ? []
      : [
          either([
            on('partner_id', '=', partner.id),
            among('tenant_id', partner.tenantIds, 'uuid'),
          ]),
        ]),
  ];
}

const either = (conditions: readonly Condition[]): Condition => ({
  sql: (parameter, alias, place) =>
    `(${conditions.map(({ sql }) => sql(parameter, alias, place)).join(' or ')})`,
});

const seqIs = (operator: string, value: number): Condition => ({
  ...on('seq', operator, value),
  everywhere: true,
});

function placeOf({ order, cursor, before }: EntryPage): Condition[] {
  return [
    ...(cursor > 0 ? [seqIs(order === 'asc' ? '>' : '<', cursor)] : []),
    ...(before === undefined ? [] : [seqIs('<', before)]),
  ];
}

/** What `audit_log.late` means: sequenced so many minutes after it happened. Clocks may differ by less. */
const lateMinutes = 10;

// `at` is what somebody tells, seq what the log gives; but for late entries the one bounds the other.
async function rangesOf(tx: Tx, { since, until }: EntryFilter): Promise<Condition[][]> {
  if (since === undefined && until === undefined) return [[]];
  const { from, to } = await tx.one<{ from: number; to: number }>(
    `select audit_seq_at($1::timestamptz - $3 * interval '1 minute') as from,
       audit_seq_at($2::timestamptz + $3 * interval '1 minute') as to`,
    [since ?? null, until ?? null, lateMinutes],
  );
  const after = since === undefined ? [] : [seqIs('>', from)];
  if (until === undefined) return [after];
  return [
    [...after, seqIs('<=', to)],
    [...after, seqIs('>', to), { sql: () => 'l.late' }],
  ];
}

/** What a walk goes along, given the conditions that everything has to meet. */
type Lead = (conditions: readonly Condition[], place: Place) => Walk;

const all = (
  conditions: readonly Condition[],
  parameter: Parameter,
  alias: 'l' | 'p',
  place: Place,
): string => conditions.map(({ sql }) => ` and ${sql(parameter, alias, place)}`).join('');

/** Along the log. */
const along =
  (more: readonly Condition[]): Lead =>
  (conditions, place) =>
  (parameter) =>
    `select l.seq from ${place.entries} as l where true` +
    all([...conditions, ...more], parameter, 'l', place);

/** Along the personal data; an entry is in it once for each of its parts. */
const alongPersonal =
  (more: readonly Condition[]): Lead =>
  (conditions, place) =>
  (parameter) => {
    const onPart = [...conditions.filter(({ everywhere }) => everywhere), ...more];
    const onLog = conditions.filter(({ everywhere }) => !everywhere);
    const join = onLog.length === 0 ? '' : ` join ${place.entries} as l on l.seq = p.seq`;
    return (
      `select distinct p.seq from ${place.personal} as p${join} where true` +
      all(onPart, parameter, 'p', place) +
      all(onLog, parameter, 'l', place)
    );
  };

function leadsOfEmail({ text, actorIds }: NonNullable<EntryFilter['actorEmail']>): Lead[] {
  return [
    alongPersonal([on('part', '=', 'actor'), on('search', '=', text.toLowerCase())]),
    ...(actorIds.length === 0 ? [] : [along([among('actor_id', actorIds)])]),
  ];
}

const hasTarget = (id: string): Condition => on('target_ids', '@>', [id]);

/** How many targets of an entry are in an index each; entries with more are few, and looked at one by one. */
const indexedTargets = 3;

function leadsOfTarget(id: string): Lead[] {
  const places = Array.from({ length: indexedTargets }, (_, n) => `target_ids[${String(n + 1)}]`);
  const further: Condition = {
    sql: (_parameter, alias) => `${alias}.target_ids[${String(indexedTargets + 1)}] is not null`,
  };
  return [...places.map((place) => along([on(place, '=', id)])), along([further, hasTarget(id)])];
}

type Found = NonNullable<EntryFilter['text']> & { readonly actions: readonly string[] };

const meaningsOf = ({ actions, tenantIds, actorIds }: Found): Condition[] => [
  ...(actions.length === 0 ? [] : [among('action', actions)]),
  ...(tenantIds.length === 0 ? [] : [among('tenant_id', tenantIds, 'uuid')]),
  ...(actorIds.length === 0 ? [] : [among('actor_id', actorIds)]),
];

/**
 * Up to so many parts with a text are fetched by its index. What more parts have is found sooner along the log: at
 * least every so many entries there is one.
 */
const fewHits = 2_000;

async function alongText(tx: Tx, text: string): Promise<Lead> {
  const pattern = likePart(text);
  const inText = alongPersonal([on('search', 'like', pattern)]);
  const { hits } = await tx.one<{ hits: string[] }>('select audit_text_hits($1, $2) as hits', [
    pattern,
    fewHits + 1,
  ]);
  if (hits.length > fewHits) {
    // Behind row-level security the planner cannot know how frequent a text is: it takes it for rare, and would rather
    // read all that has any text than go along the log.
    await tx.run(
      `select set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)`,
    );
    return inText;
  }
  const atHits = along([among('seq', hits, 'bigint')]);
  // What was fetched back from the archive is little, and has no index of its own.
  return (conditions, place) => (place === hot ? atHits : inText)(conditions, place);
}

async function leadsOfText(tx: Tx, found: Found): Promise<Lead[]> {
  const meanings = meaningsOf(found).map((meaning) => along([meaning]));
  return [await alongText(tx, found.text), ...meanings];
}

function findsText(found: Found): Condition {
  const inParts: Condition = {
    sql: (parameter, _alias, { personal }) =>
      `exists (select 1 from ${personal} as t where t.seq = l.seq and t.search like ${parameter(likePart(found.text))})`,
  };
  return either([...meaningsOf(found), inParts]);
}
