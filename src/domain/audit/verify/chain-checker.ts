import { commitmentOf, leafHash } from '../hashes';
import { readEnvelope, zeroHash } from '../leaf.rules';
import type { Envelope, ReadEnvelope } from '../leaf.rules';
import { createOpenings } from './openings';
import type { Opening, Openings } from './openings';
import { controlOf } from './controls.rules';
import type { Control } from './controls.rules';
import type { Breaks } from './verdict.rules';

/** An entry to be checked. */
export interface ChainRow {
  /** The place that it is found at; undefined where only its leaf says so. */
  readonly seq?: number | undefined;
  readonly leaf: string;
  /** The leaf hash of these bytes, where it is made already. */
  readonly made?: Buffer | undefined;
  /** The hash that is stored beside it, where there is one. */
  readonly stored?: Buffer | undefined;
  /** Its personal data; undefined where it is not looked at. */
  readonly openings?: readonly Opening[] | undefined;
}

/** Which links bind the entries that come: those of the log, those of a tenant, or none for entries picked out. */
export type ChainKind = 'log' | 'tenant' | 'picked';

/** Checks entries in their order, each against those before it. */
export interface ChainChecker {
  /** Checks the next entry. */
  next(row: ChainRow): CheckedEntry;
  /** The hash that the next entry has to name as its previous one, hex. */
  readonly last: string;
  readonly verified: number;
  readonly openings: Openings;
  /** What control entries said, oldest first. */
  readonly controls: readonly Control[];
  /** The end of each tenant's chain so far. */
  readonly tenants: ReadonlyMap<string, TenantEnd>;
}

/** What was read of an entry while it was checked. */
export interface CheckedEntry {
  /** Its leaf hash. */
  readonly hash: Buffer;
  /** Undefined for what is no leaf. */
  readonly envelope: ReadEnvelope | undefined;
}

/** The end of a tenant's chain. */
export interface TenantEnd {
  readonly seq: number;
  readonly hash: string;
}

/** Where checking begins. */
export interface ChainStart {
  readonly kind: ChainKind;
  /** The place of the first entry: its seq, or in a tenant's chain its tenant_seq. */
  readonly from: number;
  /** The hash before it; undefined when it is not known. */
  readonly before?: string | undefined;
}

// Behind the targets, which are always there: what metadata names is another tenant.
const tenantMark = '],"tenant_id":"';
const uuidLength = 36;

/** The tenant that a core names by itself; no text in it can hold the mark, since quotes are escaped. */
function tenantIn(core: string): string | undefined {
  const at = core.lastIndexOf(tenantMark);
  if (at < 0) return undefined;
  const from = at + tenantMark.length;
  return core.slice(from, from + uuidLength);
}

/** Builds a checker that begins at an entry. */
export function createChainChecker(start: ChainStart, breaks: Breaks): ChainChecker {
  const tenants = new Map<string, TenantEnd>();
  const controls: Control[] = [];
  const openings = createOpenings(breaks);
  const begins = start.from === 1;
  let expected = start.kind === 'log' ? start.from : 1;
  let last = start.before ?? (begins ? zeroHash : undefined);
  // After a broken entry the next one may name either hash: only one of the two is to blame.
  let alternative: string | undefined;
  let origin: string | undefined;
  let verified = 0;

  const checkPlace = (seq: number): void => {
    if (start.kind === 'log') {
      if (seq < expected) breaks.add(seq, 'duplicate', String(expected), String(seq));
      if (seq > expected) {
        breaks.add(expected, 'gap', String(expected), String(seq));
        last = undefined;
        alternative = undefined;
      }
    } else if (seq < expected) {
      breaks.add(seq, 'duplicate', `above ${String(expected - 1)}`, String(seq));
    }
    expected = Math.max(expected, seq + 1);
  };

  const checkLink = (seq: number, { prevHash }: Envelope): void => {
    if (start.kind !== 'log' || last === undefined) return;
    if (prevHash === last || prevHash === alternative) return;
    breaks.add(seq, 'event-prev-hash-mismatch', last, prevHash);
  };

  const checkTenant = (seq: number, { tenant, core }: ReadEnvelope, hash: string): void => {
    const claim = tenantIn(core);
    if (claim !== tenant?.id) {
      breaks.add(seq, 'tenant-fork', `tenant ${claim ?? 'none'}`, `tenant ${tenant?.id ?? 'none'}`);
    }
    if (!tenant) return;
    const before = tenants.get(tenant.id) ?? beginning;
    if (before && start.kind !== 'picked') {
      if (tenant.seq > before.seq + 1) {
        breaks.add(seq, 'tenant-gap', String(before.seq + 1), String(tenant.seq));
      } else if (tenant.seq <= before.seq || tenant.prev !== before.hash) {
        breaks.add(
          seq,
          'tenant-fork',
          `${String(before.seq + 1)} after ${before.hash}`,
          `${String(tenant.seq)} after ${tenant.prev}`,
        );
      }
    }
    tenants.set(tenant.id, { seq: tenant.seq, hash });
  };

  // What came before a range is not known, but from the beginning every chain begins with 1.
  const beginning = begins ? { seq: 0, hash: zeroHash } : undefined;

  const checkOrigin = (seq: number, envelope: Envelope, control: Control | undefined): void => {
    if (origin !== undefined && envelope.origin !== origin) {
      const forked = control?.action === 'audit.forked' && control.previousOrigin === origin;
      if (!forked) breaks.add(seq, 'inconsistent', origin, envelope.origin);
    }
    origin = envelope.origin;
  };

  return {
    next({ seq: found, leaf, made, stored, openings: given }) {
      verified += 1;
      const hash = made ?? leafHash(leaf);
      const envelope = readEnvelope(leaf);
      const seq = found ?? envelope?.seq ?? expected;
      const hex = hash.toString('hex');
      const broken = stored !== undefined && !stored.equals(hash);
      if (broken) breaks.add(seq, 'event-hash-mismatch', stored.toString('hex'), hex);
      checkPlace(seq);
      if (!envelope) {
        if (!broken) breaks.add(seq, 'event-hash-mismatch', 'a leaf', 'something else');
      } else {
        checkLink(seq, envelope);
        if (envelope.seq !== seq && !broken) {
          breaks.add(
            seq,
            'event-hash-mismatch',
            `seq ${String(seq)}`,
            `seq ${String(envelope.seq)}`,
          );
        }
        // A leaf that is not the one that was hashed proves nothing of its tenant or its personal data.
        if (!broken) {
          try {
            const control = envelope.kind === 'control' ? controlOf(seq, envelope.core) : undefined;
            if (control) controls.push(control);
            checkOrigin(seq, envelope, control);
            checkTenant(seq, envelope, hex);
            if (given) openings.check(seq, envelope.core, given, commitmentOf);
          } catch {
            breaks.add(seq, 'event-hash-mismatch', 'an entry', 'something that cannot be read');
          }
        }
      }
      last = hex;
      alternative = broken ? stored.toString('hex') : undefined;
      return { hash, envelope };
    },
    get last() {
      return last ?? zeroHash;
    },
    get verified() {
      return verified;
    },
    openings,
    controls,
    tenants,
  };
}
