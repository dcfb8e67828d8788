// The lines of an export file, which is newline-delimited JSON. The leaf of an entry stands in its line as it is, with
// its length in bytes before it, so that a verifier hashes it where it lies.

/** The first member of every header: which form the file has. */
export const exportFormat = 'usher-audit-export/1';

/** What an export holds: the whole log, the whole chain of a tenant, or entries that were picked out. */
export type ExportScope = 'log' | 'tenant' | 'picked';

/** A tree head with the proof that it is the beginning of the checkpoint. */
export interface ProvenHead {
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}

/** A leaf with the proof that it is in the log of a checkpoint. */
export interface ProvenLeaf {
  readonly leaf: string;
  readonly proof: readonly string[];
}

/** The first line. Hashes are base64, notes are texts. */
export interface ExportHeader {
  readonly type: 'header';
  readonly format: typeof exportFormat;
  readonly origin: string;
  readonly scope: ExportScope;
  readonly tenant_id: string | null;
  /** Nothing that belongs to the scope is left out. */
  readonly complete: boolean;
  /** The filter of picked entries. */
  readonly filter: Readonly<Record<string, string>>;
  /** What the entries are proven against. */
  readonly checkpoint: string;
  /** Of a tenant: the signed end of its chain, and the proof of its last leaf. */
  readonly tenant_head: string | null;
  readonly last_proof: readonly string[] | null;
  /** Of the log: what was before the first entry, when that is not the first of all. */
  readonly before: {
    readonly size: number;
    readonly hash: string;
    readonly frontier: readonly string[];
  } | null;
  /** An earlier checkpoint that the reader holds. */
  readonly from_checkpoint: ProvenHead | null;
  /** How the keys of the log followed one another. */
  readonly keys: readonly (ProvenLeaf & { readonly endorsement: string })[];
}

/** The line after the entries. */
export interface ExportEnd {
  readonly type: 'end';
  readonly count: number;
  /** Entries that erased personal data which is missing here, proven against `checkpoint`. */
  readonly erasures: readonly ProvenLeaf[];
  /** A newer checkpoint for erasures that came after the header's; null when none did. */
  readonly checkpoint: string | null;
  /** That it continues the header's. */
  readonly consistency: readonly string[] | null;
}

/** The last line: a note over the bytes before it; null where no worker could sign. */
export interface ExportSignature {
  readonly type: 'signature';
  readonly note: string | null;
}

/** A part of personal data in an entry's line. */
export interface ExportOpening {
  readonly body: string;
  readonly part: string;
  /** base64 */
  readonly salt: string;
}

/** What stands before the length of a leaf, between it and the leaf, and between the leaf and its openings. */
export const entryMarks = { start: '{"n":', leaf: ',"leaf":', open: ',"open":' } as const;

/**
 * An entry's line.
 * @param bytes length of the leaf in UTF-8
 */
export function entryLine(
  bytes: number,
  leaf: string,
  open: readonly ExportOpening[],
  proof?: readonly string[],
): string {
  const tail = proof === undefined ? '' : `,"proof":${JSON.stringify(proof)}`;
  return `${entryMarks.start}${String(bytes)}${entryMarks.leaf}${leaf}${entryMarks.open}${JSON.stringify(open)}${tail}}\n`;
}
