import { canonical } from '../audit/canonical.rules';
import type { JsonValue } from '../audit/canonical.rules';
import { noteName } from '../audit/heads.rules';

/** An object of a batch, as its manifest names it. */
export interface NamedObject {
  readonly key: string;
  /** Of the object's bytes, in hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** What was archived, said so that nothing but the objects and the log's public key is needed to check it. */
export interface Manifest {
  readonly v: 1;
  readonly origin: string;
  readonly batch: string;
  /** Its place in the chain of manifests, from 1. */
  readonly n: number;
  readonly attempt: number;
  /** SHA-256 of the manifest before it, as its bytes lie in the store, in hex; null for the first. */
  readonly prev_manifest_sha256: string | null;
  /** Of manifests that this one takes the place of, because their objects were not what they should be. */
  readonly replaces: readonly string[];
  readonly from_seq: number;
  readonly to_seq: number;
  readonly count: number;
  readonly first_sequenced_at: string;
  readonly last_sequenced_at: string;
  /** gzip of the leaves, one a line, in their order; `raw_sha256` is that of the text. */
  readonly leaves: NamedObject & { readonly raw_sha256: string };
  /** gzip of sealed groups of personal data, one a line. */
  readonly personal: NamedObject & { readonly parts: number };
  /** `hash` of the entry before the first, in hex. */
  readonly first_prev_hash: string;
  readonly last_hash: string;
  /** Roots of the complete subtrees before the first entry, largest first, base64: to go on hashing from there. */
  readonly range_before: readonly string[];
  /** The root at `to_seq` entries, base64. */
  readonly root_after: string;
  /** That the tree of `to_seq` entries is the beginning of that of the checkpoint, base64. */
  readonly consistency: readonly string[];
  /** The signed checkpoint that covers all of it. */
  readonly checkpoint: string;
}

/** The text of the note that a manifest is signed as. */
export function manifestText(manifest: Manifest): string {
  const json = canonical(manifest as unknown as JsonValue);
  return `${noteName(manifest.origin, 'manifest')}\n${json}\n`;
}

/** Reads the text of such a note; undefined for anything else. */
export function readManifest(text: string): Manifest | undefined {
  const [first = '', json = '', rest, ...more] = text.split('\n');
  if (rest !== '' || more.length > 0) return undefined;
  try {
    const manifest = JSON.parse(json) as Manifest;
    const isOne = (manifest as { v?: unknown }).v === 1 && manifest.from_seq <= manifest.to_seq;
    return isOne && first === noteName(manifest.origin, 'manifest') ? manifest : undefined;
  } catch {
    return undefined;
  }
}

const digits = (seq: number): string => String(seq).padStart(16, '0');

/** Where everything of a log lies in the store. */
export const folderOfLog = (origin: string): string =>
  `audit/${origin.split('/').at(-1) ?? origin}/`;

/** What names the objects of a batch: a digest in each, so that nothing else can ever be meant by it. */
export interface ObjectNames {
  readonly origin: string;
  readonly n: number;
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
}

const rangeOf = ({ from, to, attempt }: ObjectNames): string =>
  `${digits(from)}-${digits(to)}-${String(attempt)}`;

/** The key of a batch's leaves. */
export const leavesKey = (names: ObjectNames, sha256: string): string =>
  `${folderOfLog(names.origin)}leaves/${rangeOf(names)}-${sha256}.jsonl.gz`;

/** The key of a batch's personal data. */
export const personalKey = (names: ObjectNames, sha256: string): string =>
  `${folderOfLog(names.origin)}personal/${rangeOf(names)}-${sha256}.jsonl.gz`;

/** The key of a batch's manifest: by their keys, manifests are in the order of their chain. */
export const manifestKey = (names: ObjectNames, sha256: string): string =>
  `${folderOfLog(names.origin)}manifests/${digits(names.n)}-${rangeOf(names)}-${sha256}.note`;
