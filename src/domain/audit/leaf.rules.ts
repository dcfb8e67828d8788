/** Whose word an entry is: the log's own machinery, Usher's code, or a caller of `POST /v1/audit`. */
export type EntryKind = 'control' | 'own' | 'foreign';

/** What the sequencer adds to the core of an entry; with it, it makes the leaf. */
export interface Envelope {
  readonly kind: EntryKind;
  /** The log's name: random per database, another one after a fork. */
  readonly origin: string;
  /** `hash` of the previous entry, lower-case hex; 64 zeros before the first. */
  readonly prevHash: string;
  readonly seq: number;
  /** RFC 3339 in UTC with milliseconds, of the database's clock. */
  readonly sequencedAt: string;
  /** The place in the chain of the entry's tenant; null where it belongs to none. */
  readonly tenant: TenantLink | null;
}

/** An envelope with the core that is in it. */
export type ReadEnvelope = Envelope & { readonly core: string };

/** The place of an entry in the chain of its tenant. */
export interface TenantLink {
  readonly id: string;
  readonly seq: number;
  /** `hash` of the tenant's previous entry; 64 zeros before the first. */
  readonly prev: string;
}

/** The hash before the first entry, of the log and of each tenant. */
export const zeroHash = '0'.repeat(64);

/** What stands before the core in a leaf. */
export const leafHead = '{"core":';

/**
 * What stands after the core in a leaf. Head, core and tail are one RFC 8785 object whose members are `core, kind,
 * origin, prev_hash, seq, sequenced_at, tenant_id, tenant_prev, tenant_seq, v`.
 */
export function leafTail({ kind, origin, prevHash, seq, sequencedAt, tenant }: Envelope): string {
  const chain = tenant
    ? `"tenant_id":"${tenant.id}","tenant_prev":"${tenant.prev}","tenant_seq":${String(tenant.seq)}`
    : '"tenant_id":null,"tenant_prev":null,"tenant_seq":null';
  return (
    `,"kind":"${kind}","origin":"${origin}","prev_hash":"${prevHash}","seq":${String(seq)},` +
    `"sequenced_at":"${sequencedAt}",${chain},"v":1}`
  );
}

const tail = new RegExp(
  [
    ',"kind":"(control|own|foreign)","origin":"([\\w./-]{1,100})"',
    ',"prev_hash":"([0-9a-f]{64})","seq":([1-9]\\d{0,15})',
    ',"sequenced_at":"(\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z)"',
    ',"tenant_id":(?:null,"tenant_prev":null,"tenant_seq":null',
    '|"([0-9a-f-]{36})","tenant_prev":"([0-9a-f]{64})","tenant_seq":([1-9]\\d{0,15}))',
    ',"v":1\\}$',
  ].join(''),
);

/** Longest tail there can be, in characters; only so many of a leaf's last ones need to be looked at. */
const longestTail = 600;

/**
 * Reads the envelope back out of a leaf, without reading its core: the tail is of one form only and anchored at the
 * end. Undefined when the text is no leaf.
 */
export function readEnvelope(leaf: string): ReadEnvelope | undefined {
  const from = Math.max(0, leaf.length - longestTail);
  const match = tail.exec(leaf.slice(from));
  if (!match || !leaf.startsWith(leafHead)) return undefined;
  // By number: with names every match would make an object more, and every entry of a log is read here.
  const kind = match[1];
  const tenant: string | undefined = match[6];
  return {
    kind: kind as EntryKind,
    origin: match[2] ?? '',
    prevHash: match[3] ?? '',
    seq: Number(match[4]),
    sequencedAt: match[5] ?? '',
    tenant:
      tenant === undefined ? null : { id: tenant, seq: Number(match[8]), prev: match[7] ?? '' },
    core: leaf.slice(leafHead.length, from + match.index),
  };
}
