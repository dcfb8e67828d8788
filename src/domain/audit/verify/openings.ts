import { readEnvelope } from '../leaf.rules';
import { subjectsOfPart } from '../subjects.rules';
import type { PartName, Reference } from '../subjects.rules';
import type { commitmentOf } from '../hashes';
import type { Breaks } from './verdict.rules';

/** A part of an entry's personal data, with what opens the commitment to it. */
export interface Opening {
  readonly part: string;
  readonly salt: Buffer;
  readonly body: string;
}

/** Personal data that leaves commit to, compared with what is there. */
export interface Openings {
  check(seq: number, core: string, given: readonly Opening[], commit: typeof commitmentOf): void;
  /** Notes what is missing, without checking what is there. */
  note(seq: number, leaf: string, given: readonly Opening[]): void;
  /**
   * Accounts for what was missing: erased when one of its subjects was erased by a later entry, else a break. Returns
   * how many parts were erased.
   */
  settle(erasures: readonly { readonly subject: string; readonly seq: number }[]): number;
  /** Subjects of whatever is missing so far, with the last entry that lacks something of theirs. */
  readonly missing: ReadonlyMap<string, number>;
}

interface Missing {
  readonly seq: number;
  readonly part: string;
}

const [listHead, itemHead, partHead] = ['"pii":[', '{"c":"', '","part":"'];
const hexDigits = 64;

/** What a core commits to, in the one form that cores are written in; every entry is read for it. */
function committed(core: string): { c: string; part: string }[] {
  const found: { c: string; part: string }[] = [];
  let at = core.lastIndexOf(listHead);
  if (at < 0) return found;
  at += listHead.length;
  while (core.startsWith(itemHead, at)) {
    const from = at + itemHead.length;
    const to = from + hexDigits;
    const end = core.indexOf('"}', to);
    if (end < 0 || !core.startsWith(partHead, to)) break;
    found.push({ c: core.slice(from, to), part: core.slice(to + partHead.length, end) });
    // Over the quote, the brace and the comma.
    at = end + 3;
  }
  return found;
}

/** Builds the account of one run. */
export function createOpenings(breaks: Breaks): Openings {
  const lacking = new Map<string, { subjects: readonly string[]; entries: Missing[] }>();
  const missing = new Map<string, number>();

  const lack = (seq: number, core: string, part: string): void => {
    const subjects = subjectsIn(core, part);
    const key = subjects.join('\n');
    const group = lacking.get(key) ?? { subjects, entries: [] };
    group.entries.push({ seq, part });
    lacking.set(key, group);
    for (const subject of subjects) missing.set(subject, seq);
  };

  return {
    check(seq, core, given, commit) {
      let found = 0;
      const id = given.length === 0 ? '' : idOf(core);
      for (const { c, part } of committed(core)) {
        const opening = given.find((one) => one.part === part);
        if (!opening) {
          lack(seq, core, part);
          continue;
        }
        found += 1;
        const made = commit(opening.salt, id, part, opening.body);
        if (made !== c) breaks.add(seq, 'commitment-mismatch', `${part} ${c}`, made);
      }
      if (found < given.length) {
        breaks.add(
          seq,
          'commitment-mismatch',
          `${String(found)} parts`,
          `${String(given.length)} parts`,
        );
      }
    },
    note(seq, leaf, given) {
      const core = readEnvelope(leaf)?.core ?? '';
      for (const { part } of committed(core)) {
        if (!given.some((one) => one.part === part)) lack(seq, core, part);
      }
    },
    settle(erasures) {
      const last = new Map<string, number>();
      for (const { subject, seq } of erasures) {
        last.set(subject, Math.max(seq, last.get(subject) ?? 0));
      }
      let erased = 0;
      for (const { subjects, entries } of lacking.values()) {
        const until = Math.max(0, ...subjects.map((subject) => last.get(subject) ?? 0));
        for (const { seq, part } of entries) {
          if (seq < until) erased += 1;
          else breaks.add(seq, 'opening-missing', `${part}, or its erasure`, 'nothing');
        }
      }
      return erased;
    },
    missing,
  };
}

const idOf = (core: string): string =>
  /"id":"([0-9a-f-]{36})","(?:metadata|outcome)"/.exec(core)?.[1] ?? '';

function subjectsIn(core: string, part: string): string[] {
  const {
    actor,
    targets,
    tenant_id: tenantId,
  } = JSON.parse(core) as {
    readonly actor: Reference | null;
    readonly targets: readonly Reference[];
    readonly tenant_id?: string;
  };
  return subjectsOfPart({ tenantId: tenantId ?? null, actor, targets }, part as PartName);
}
