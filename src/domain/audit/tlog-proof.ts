// https://c2sp.org/tlog-proof

const firstLine = 'c2sp.org/tlog-proof@v1';

/** What a proof file holds. */
export interface TlogProof {
  /** The entry itself; it counts only as far as its hash is proven. */
  readonly leaf: string;
  readonly index: number;
  readonly proof: readonly Buffer[];
  /** The checkpoint that the proof leads to. */
  readonly note: string;
}

/** Writes a proof file. */
export function tlogProof({ leaf, index, proof, note }: TlogProof): string {
  return [
    firstLine,
    `extra ${Buffer.from(leaf).toString('base64')}`,
    `index ${String(index)}`,
    ...proof.map((hash) => hash.toString('base64')),
    '',
    note,
  ].join('\n');
}

/** Reads a proof file; undefined for anything else. */
export function readTlogProof(text: string): TlogProof | undefined {
  const end = text.indexOf('\n\n');
  const [first, extra = '', index = '', ...proof] = text.slice(0, Math.max(end, 0)).split('\n');
  const leaf = /^extra ([A-Za-z0-9+/]+={0,2})$/.exec(extra)?.[1];
  const at = /^index (0|[1-9]\d{0,15})$/.exec(index)?.[1];
  const isHash = (line: string): boolean => /^[A-Za-z0-9+/]{43}=$/.test(line);
  if (first !== firstLine || leaf === undefined || at === undefined || !proof.every(isHash)) {
    return undefined;
  }
  return {
    leaf: Buffer.from(leaf, 'base64').toString(),
    index: Number(at),
    proof: proof.map((line) => Buffer.from(line, 'base64')),
    note: text.slice(end + 2),
  };
}
