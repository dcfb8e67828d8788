/** What a checkpoint says: how many entries the log has, and the root of the tree over them. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  /** base64 */
  readonly root: string;
}

/** What the last entry of a tenant is, at a size of the log. */
export interface TenantHeadClaim extends TreeHead {
  readonly tenantId: string;
  readonly tenantSeq: number;
  /** base64 */
  readonly tenantHash: string;
}

/** What an export holds: the bytes before the line with its note. */
export interface ExportClaim extends TreeHead {
  readonly count: number;
  /** SHA-256, base64 */
  readonly digest: string;
}

/** Kinds of notes; each is signed under a name of its own, so that none passes for another. */
export type NoteKind = 'checkpoint' | 'tenant-head' | 'export' | 'manifest' | 'tombstone';

/** The name that notes of a kind are signed under; it is their first line as well. */
export function noteName(origin: string, kind: NoteKind): string {
  return kind === 'checkpoint' ? origin : `${origin}/${kind}`;
}

const lines = (...parts: readonly (string | number)[]): string => `${parts.join('\n')}\n`;

/** The text of a checkpoint (https://c2sp.org/tlog-checkpoint). */
export const checkpointText = ({ origin, size, root }: TreeHead): string =>
  lines(noteName(origin, 'checkpoint'), size, root);

/** The text of a tenant-head note. */
export const tenantHeadText = (head: TenantHeadClaim): string =>
  lines(
    noteName(head.origin, 'tenant-head'),
    head.size,
    head.root,
    head.tenantId,
    head.tenantSeq,
    head.tenantHash,
  );

/** The text of an export note. */
export const exportText = (claim: ExportClaim): string =>
  lines(noteName(claim.origin, 'export'), claim.size, claim.root, claim.count, claim.digest);

const number = /^(0|[1-9]\d{0,15})$/;
const hash = /^[A-Za-z0-9+/]{43}=$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function partsOf(text: string, kind: NoteKind, forms: readonly RegExp[]): string[] | undefined {
  const parts = text.split('\n');
  const suffix = kind === 'checkpoint' ? '' : `/${kind}`;
  const [first = '', ...rest] = parts;
  if (rest.pop() !== '' || rest.length !== forms.length || !first.endsWith(suffix))
    return undefined;
  if (!rest.every((part, index) => forms[index]?.test(part))) return undefined;
  return [first.slice(0, first.length - suffix.length), ...rest];
}

/** Reads the text of a checkpoint; undefined for anything else. */
export function readCheckpoint(text: string): TreeHead | undefined {
  const [origin, size, root] = partsOf(text, 'checkpoint', [number, hash]) ?? [];
  return origin === undefined || root === undefined
    ? undefined
    : { origin, size: Number(size), root };
}

/** Reads the text of a tenant-head note; undefined for anything else. */
export function readTenantHead(text: string): TenantHeadClaim | undefined {
  const parts = partsOf(text, 'tenant-head', [number, hash, uuid, number, hash]);
  const [origin = '', size, root = '', tenantId = '', tenantSeq, tenantHash = ''] = parts ?? [];
  if (!parts) return undefined;
  return { origin, size: Number(size), root, tenantId, tenantSeq: Number(tenantSeq), tenantHash };
}

/** Reads the text of an export note; undefined for anything else. */
export function readExport(text: string): ExportClaim | undefined {
  const parts = partsOf(text, 'export', [number, hash, number, hash]);
  const [origin = '', size, root = '', count, digest = ''] = parts ?? [];
  return parts && { origin, size: Number(size), root, count: Number(count), digest };
}
