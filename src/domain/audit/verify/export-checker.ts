import { createHash } from 'node:crypto';
import type { ExportEnd, ExportHeader, ExportSignature } from '../export/lines.rules';
import { exportFormat } from '../export/lines.rules';
import { readCheckpoint, readExport } from '../heads.rules';
import type { TreeHead } from '../heads.rules';
import { leafHash } from '../hashes';
import { readEnvelope } from '../leaf.rules';
import { openNote } from '../notes';
import { isConsistent, rootOfInclusion } from '../proof-checks';
import { CompactRange } from '../tree';
import { createChainChecker } from './chain-checker';
import type { ChainChecker, ChainStart } from './chain-checker';
import { controlOf } from './controls.rules';
import { readEntryLine } from './entry-line';
import { checkTenantHead } from './tenant-head-check';
import { createTrust } from './trust';
import type { Trust } from './trust';
import { collectBreaks } from './verdict.rules';
import type { Break } from './verdict.rules';

/** What an export file turned out to be. */
export interface FileVerdict {
  readonly ok: boolean;
  readonly origin: string | null;
  readonly scope: string | null;
  readonly tenantId: string | null;
  /** Nothing of the scope is left out, as the log has signed. */
  readonly complete: boolean;
  readonly verified: number;
  readonly erased: number;
  /** How many entries the log had, by the checkpoint that everything is proven against. */
  readonly size: number | null;
  /** The file as a whole carries the log's signature. */
  readonly signed: boolean;
  readonly break: Break | null;
  readonly breaks: readonly Break[];
}

/** Checks an export file line by line. */
export interface ExportChecker {
  /** The next line, with its newline; its bytes may be overwritten. */
  line(bytes: Buffer): void;
  finish(): FileVerdict;
}

/** Whom a file is checked for. */
export interface ExportChecking {
  /** Verifier keys that are believed. */
  readonly keys: readonly string[];
  /** A checkpoint that the reader kept: the export must continue it. */
  readonly fromCheckpoint?: string | undefined;
}

/** A file that cannot be read as an export at all. */
export class NoExport extends Error {}

/** Builds the checker of one file. */
export function createExportChecker(options: ExportChecking): ExportChecker {
  const breaks = collectBreaks();
  const whole = createDigest();
  let state: State | undefined;
  let end: ExportEnd | undefined;
  let signature: ExportSignature | undefined;

  return {
    line(bytes) {
      if (!state) {
        whole.update(bytes);
        state = open(parse(bytes) as ExportHeader, options, breaks);
        return;
      }
      if (signature) throw new NoExport('There are lines behind the signature.');
      const entry = end ? undefined : readEntryLine(bytes);
      if (entry) {
        whole.update(bytes);
        takeEntry(state, entry, breaks);
        return;
      }
      const line = parse(bytes) as ExportEnd | ExportSignature;
      if (line.type === 'end' && !end) {
        whole.update(bytes);
        end = line;
      } else if (line.type === 'signature' && end) {
        signature = line;
      } else {
        throw new NoExport(
          `A line of the file is of no known form: ${bytes.toString('utf8', 0, 40)}`,
        );
      }
    },

    finish() {
      if (!state) throw new NoExport('The file is empty.');
      const { header, head, chain } = state;
      if (!end || end.count !== chain.verified) {
        // Which one is missing is told by what follows it, if by anything; this stands behind all that there is.
        const at = (state.last?.seq ?? 0) + 1;
        breaks.add(at, 'gap', end ? String(end.count) : 'a last line', String(chain.verified));
      }
      checkScope(state, breaks);
      const erased = chain.openings.settle(erasuresIn(state, end, breaks));
      const signed = checkSignature(state, end, signature, whole.end(), breaks);
      const sorted = breaks.sorted();
      return {
        ok: breaks.count === 0,
        origin: head?.origin ?? null,
        scope: header.scope,
        tenantId: header.tenant_id,
        complete: header.complete && breaks.count === 0,
        verified: chain.verified,
        erased,
        size: head?.size ?? null,
        signed,
        break: sorted[0] ?? null,
        breaks: sorted,
      };
    },
  };
}

/** The digest of a file that comes in lines, of which many are hashed in one call: a call costs what a line does. */
function createDigest(): { update(bytes: Buffer): void; end(): string } {
  const hash = createHash('sha256');
  const waiting = Buffer.allocUnsafe(65_536);
  let used = 0;
  const flush = (): void => {
    hash.update(waiting.subarray(0, used));
    used = 0;
  };
  return {
    update(bytes) {
      if (used + bytes.length > waiting.length) flush();
      if (bytes.length > waiting.length) hash.update(bytes);
      else used += bytes.copy(waiting, used);
    },
    end() {
      flush();
      return hash.digest('base64');
    },
  };
}

type Breaks = ReturnType<typeof collectBreaks>;

interface State {
  readonly header: ExportHeader;
  readonly trust: Trust;
  /** What everything is proven against; undefined when it is not to be believed. */
  readonly head: TreeHead | undefined;
  readonly chain: ChainChecker;
  readonly tree: CompactRange | undefined;
  last: { readonly hash: Buffer; readonly seq: number; readonly tenantSeq: number } | undefined;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new NoExport(`A line of the file is no JSON: ${bytes.toString('utf8', 0, 40)}`);
  }
}

const hashesOf = (texts: readonly string[]): Buffer[] =>
  texts.map((text) => Buffer.from(text, 'base64'));

function open(header: ExportHeader, options: ExportChecking, breaks: Breaks): State {
  if ((header as { format?: unknown }).format !== exportFormat) {
    throw new NoExport(`This is no file of the form ${exportFormat}.`);
  }
  const trust = createTrust(
    options.keys,
    header.keys.map((one) => ({ ...one, proof: hashesOf(one.proof) })),
  );
  const head = believed(header.checkpoint, trust, breaks);
  if (head) checkEarlier(header, head, options.fromCheckpoint, trust, breaks);
  const chain = createChainChecker(startOf(header), breaks);
  const { before } = header;
  const tree =
    header.scope === 'log'
      ? new CompactRange(before?.size ?? 0, hashesOf(before?.frontier ?? []))
      : undefined;
  return { header, trust, head, chain, tree, last: undefined };
}

function startOf({ scope, complete, before }: ExportHeader): ChainStart {
  if (scope === 'log') {
    return { kind: 'log', from: (before?.size ?? 0) + 1, before: before?.hash };
  }
  // A chain whose beginning is in the archive is checked from wherever it begins here.
  return { kind: scope, from: complete ? 1 : 2, before: undefined };
}

/** A checkpoint that is signed by a key which is believed. */
function believed(note: string, trust: Trust, breaks: Breaks): TreeHead | undefined {
  const opened = openNote(note);
  const head = opened && readCheckpoint(opened.text);
  if (opened && head && trust.signs(opened, 'checkpoint', head)) return head;
  const expected = `signed by a key of ${trust.origins.join(', ') || 'none'}`;
  breaks.add(head?.size ?? 0, 'checkpoint-signature-mismatch', expected, head?.origin ?? 'no note');
  return undefined;
}

/** Whether the log continues a checkpoint that the reader kept. */
function checkEarlier(
  { from_checkpoint: given }: ExportHeader,
  head: TreeHead,
  kept: string | undefined,
  trust: Trust,
  breaks: Breaks,
): void {
  const earlier = kept === undefined ? given : believed(kept, trust, breaks);
  if (!earlier) return;
  const proof = given?.size === earlier.size ? given.proof : undefined;
  const holds = proof !== undefined && isConsistent(treeOf(earlier), treeOf(head), hashesOf(proof));
  if (holds) return;
  const actual = proof === undefined ? 'no proof for it in the file' : 'another log';
  breaks.add(
    earlier.size,
    'inconsistent',
    `${String(earlier.size)} entries with root ${earlier.root}`,
    actual,
  );
}

const treeOf = ({ size, root }: { readonly size: number; readonly root: string }) => ({
  size,
  root: Buffer.from(root, 'base64'),
});

function takeEntry(
  state: State,
  { leaf, hash, openings, proof }: NonNullable<ReturnType<typeof readEntryLine>>,
  breaks: Breaks,
): void {
  const { chain, tree, head, header } = state;
  const { envelope } = chain.next({ leaf, made: hash, openings });
  if (!envelope) return;
  const { seq, tenant } = envelope;
  if (header.tenant_id !== null && tenant?.id !== header.tenant_id) {
    breaks.add(seq, 'tenant-fork', header.tenant_id, tenant?.id ?? 'no tenant');
  }
  if (tree && tree.size === seq - 1) tree.append(hash);
  if (header.scope === 'picked' && head) {
    const root = rootOfInclusion(hash, seq - 1, head.size, hashesOf(proof));
    if (root?.toString('base64') !== head.root) {
      breaks.add(seq, 'root-mismatch', head.root, root?.toString('base64') ?? 'no proof');
    }
  }
  state.last = { hash, seq, tenantSeq: tenant?.seq ?? 0 };
}

function checkScope({ header, head, trust, tree, last }: State, breaks: Breaks): void {
  if (!head) return;
  if (tree) {
    if (tree.size < head.size) {
      breaks.add(tree.size + 1, 'gap', `${String(head.size)} entries`, String(tree.size));
    } else if (tree.root().toString('base64') !== head.root) {
      breaks.add(head.size, 'root-mismatch', head.root, tree.root().toString('base64'));
    }
  }
  if (header.scope === 'tenant') checkTenantHead({ header, head, trust, last }, breaks);
}

function erasuresIn(state: State, end: ExportEnd | undefined, breaks: Breaks) {
  const { head, trust, chain } = state;
  const seen = chain.controls.flatMap((one) => (one.action === 'audit.erased' ? [one] : []));
  if (!end || !head) return seen;
  let against: TreeHead = head;
  if (end.checkpoint !== null) {
    const newer = believed(end.checkpoint, trust, breaks);
    const follows =
      newer && isConsistent(treeOf(head), treeOf(newer), hashesOf(end.consistency ?? []));
    if (newer && follows) against = newer;
    else if (newer)
      breaks.add(
        newer.size,
        'inconsistent',
        `continues ${String(head.size)} entries`,
        'another log',
      );
  }
  const proven = end.erasures.flatMap(({ leaf, proof }) => {
    const envelope = readEnvelope(leaf);
    const control =
      envelope?.kind === 'control' ? controlOf(envelope.seq, envelope.core) : undefined;
    if (!envelope || control?.action !== 'audit.erased') return [];
    const root = rootOfInclusion(leafHash(leaf), envelope.seq - 1, against.size, hashesOf(proof));
    if (root?.toString('base64') === against.root) return [control];
    breaks.add(envelope.seq, 'root-mismatch', against.root, root?.toString('base64') ?? 'no proof');
    return [];
  });
  return [...seen, ...proven];
}

function checkSignature(
  { head, trust }: State,
  end: ExportEnd | undefined,
  signature: ExportSignature | undefined,
  digest: string,
  breaks: Breaks,
): boolean {
  const note = signature?.note;
  if (!head || note === null || note === undefined) return false;
  const opened = openNote(note);
  const claim = opened && readExport(opened.text);
  const signs = opened && claim && trust.signs(opened, 'export', claim);
  if (signs && claim.digest === digest && claim.count === end?.count && claim.size === head.size) {
    return true;
  }
  breaks.add(
    head.size,
    'checkpoint-signature-mismatch',
    `the file with digest ${claim?.digest ?? 'none'}`,
    digest,
  );
  return false;
}
