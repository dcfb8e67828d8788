import type { BreakKind } from '../../src/domain/audit/verify/verdict.rules';

/** Which export a case begins with. */
export type ExportName = 'log' | 'tenant' | 'picked' | 'csv';

/** One way to tamper with an export, and what must be found. */
export interface FileCase {
  readonly name: string;
  readonly kind: BreakKind;
  /** The seq; undefined where it depends on the file. */
  readonly at: number;
  readonly of: ExportName;
  readonly tamper: (lines: string[]) => string[];
}

const entry = (seq: number) => (line: string) => line.includes(`"seq":${String(seq)},`);
const edit =
  (seq: number, from: string | RegExp, to: string) =>
  (lines: string[]): string[] =>
    lines.map((line) => (entry(seq)(line) ? line.replace(from, to) : line));
const header =
  (change: (header: Record<string, unknown>) => object) =>
  ([first = '', ...rest]: string[]): string[] => {
    const given = JSON.parse(first) as Record<string, unknown>;
    return [JSON.stringify({ ...given, ...change(given) }), ...rest];
  };
const without = (seq: number) => (lines: string[]) => lines.filter((line) => !entry(seq)(line));

/** Every kind of tampering with an export; each keeps the length of a line where the file would not be read else. */
export const fileCases: readonly FileCase[] = [
  {
    name: 'change one byte of an entry',
    kind: 'event-prev-hash-mismatch',
    at: 201,
    of: 'log',
    tamper: edit(200, '"crud":"u"', '"crud":"d"'),
  },
  {
    name: 'change the last entry',
    kind: 'root-mismatch',
    at: 600,
    of: 'log',
    tamper: edit(600, '"crud":"u"', '"crud":"d"'),
  },
  { name: 'drop an entry', kind: 'gap', at: 200, of: 'log', tamper: without(200) },
  {
    name: 'repeat an entry',
    kind: 'duplicate',
    at: 200,
    of: 'log',
    tamper: (lines) => lines.flatMap((line) => (entry(200)(line) ? [line, line] : [line])),
  },
  {
    name: 'swap two entries',
    kind: 'gap',
    at: 200,
    of: 'log',
    tamper: (lines) => {
      const at = lines.findIndex(entry(200));
      const [one = '', two = ''] = lines.slice(at, at + 2);
      return [...lines.slice(0, at), two, one, ...lines.slice(at + 2)];
    },
  },
  {
    name: 'cut the end off, and say how many are left',
    kind: 'gap',
    at: 551,
    of: 'log',
    tamper: (lines) =>
      lines
        .filter(
          (line) => !Array.from({ length: 50 }, (_, n) => 551 + n).some((seq) => entry(seq)(line)),
        )
        .map((line) => line.replace('"count":600', '"count":550')),
  },
  {
    name: 'drop an entry of a tenant',
    kind: 'tenant-gap',
    at: 202,
    of: 'tenant',
    tamper: without(199),
  },
  {
    name: 'drop the last entry of a tenant',
    kind: 'root-mismatch',
    at: 595,
    of: 'tenant',
    tamper: without(598),
  },
  {
    name: 'change an entry of a tenant',
    kind: 'tenant-fork',
    at: 202,
    of: 'tenant',
    tamper: edit(199, '"crud":"u"', '"crud":"d"'),
  },
  {
    name: 'take the tenant’s signed head away',
    kind: 'unattested',
    at: 598,
    of: 'tenant',
    tamper: header(() => ({ tenant_head: null })),
  },
  {
    name: 'change the number of entries in the checkpoint',
    kind: 'checkpoint-signature-mismatch',
    at: 601,
    of: 'log',
    tamper: header(({ checkpoint }) => ({
      checkpoint: String(checkpoint).replace('\n600\n', '\n601\n'),
    })),
  },
  {
    name: 'change personal data',
    kind: 'commitment-mismatch',
    at: 200,
    of: 'log',
    tamper: edit(200, 'as it was', 'otherwise'),
  },
  {
    name: 'take personal data away',
    kind: 'opening-missing',
    at: 200,
    of: 'log',
    tamper: edit(200, /"open":\[.*\]/, '"open":[]'),
  },
  {
    name: 'change an entry that was picked out',
    kind: 'root-mismatch',
    at: 199,
    of: 'picked',
    tamper: edit(199, '"crud":"u"', '"crud":"d"'),
  },
  {
    name: 'drop an entry that was picked out',
    kind: 'gap',
    at: 599,
    of: 'picked',
    tamper: without(199),
  },
  {
    name: 'change the end of the file',
    kind: 'checkpoint-signature-mismatch',
    at: 600,
    of: 'log',
    tamper: (lines) => lines.map((line) => line.replace('"erasures":[]', '"erasures":[ ]')),
  },
  {
    name: 'change a cell of a CSV file',
    kind: 'checkpoint-signature-mismatch',
    at: 600,
    of: 'csv',
    tamper: (lines) => lines.map((line) => line.replace('as it was', 'otherwise')),
  },
];
