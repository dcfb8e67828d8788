import { createReadStream, readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { checkArchiveCopy } from '../domain/archive/archive-checker';
import { createCsvChecker } from '../domain/audit/verify/csv-checker';
import { NoExport, createExportChecker } from '../domain/audit/verify/export-checker';
import { checkProofFile } from '../domain/audit/verify/proof-checker';
import { breakKinds } from '../domain/audit/verify/verdict.rules';
import type { Break } from '../domain/audit/verify/verdict.rules';
import { openArchiveCopy } from './archive-copy';
import { letTheYoungDie } from './lean-heap';

const usage = `Checks an export or an archive of Usher's audit log with nothing but the files and the log's public key.

  node audit-verify.mjs FILE --key VKEY [--key VKEY …] [--from-checkpoint NOTE-FILE] [--json]

  FILE               an export (.ndjson or .csv) or a proof of one entry (.tlog-proof); - for standard input; or a
                     folder: a copy of audit/… in the object store, with manifests, leaves, personal and checkpoints in it
  --key              a verifier key that you believe, as name+id+key; get it from whoever runs the log, not from the file
  --from-checkpoint  a checkpoint that you kept: the export has to continue the log that it speaks of.
                     An export must have been made with its number of entries as from_checkpoint
  --json             print the finding as JSON

Ends with 0 when all is well, 2 when it was called wrongly, 3 when the file cannot be read, and else with the number of
the first break's kind:
${Object.entries(breakKinds)
  .map(([kind, code]) => `  ${String(code)}  ${kind}`)
  .join('\n')}
`;

/** What came of a file, for people and as JSON. */
interface Finding {
  readonly verdict: { readonly ok: boolean; readonly break: Break | null };
  readonly told: string;
}

/** Where the verifier writes. */
export interface VerifierIo {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

const terminal: VerifierIo = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
};

/** Runs the verifier; returns its exit code. */
export async function main(args: readonly string[], io: VerifierIo = terminal): Promise<number> {
  letTheYoungDie();
  let call: ReturnType<typeof read>;
  try {
    call = read(args);
  } catch (error) {
    io.err((error as Error).message);
    io.err(usage);
    return 2;
  }
  if (!call) {
    io.out(usage);
    return 0;
  }
  try {
    const { verdict, told } = await check(call);
    if (call.json) io.out(JSON.stringify(verdict));
    else (verdict.ok ? io.out : io.err)(told);
    return verdict.ok ? 0 : verdict.break ? breakKinds[verdict.break.kind] : 1;
  } catch (error) {
    io.err(error instanceof NoExport ? error.message : `The file cannot be read: ${String(error)}`);
    return 3;
  }
}

interface VerifierCall {
  readonly file: string;
  readonly keys: readonly string[];
  readonly fromCheckpoint: string | undefined;
  readonly json: boolean;
}

function read(args: readonly string[]): VerifierCall | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: 'string', multiple: true },
      'from-checkpoint': { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0) throw new Error('Name one file.');
  if (!values.key) throw new Error('Name a key that you believe with --key.');
  const kept = values['from-checkpoint'];
  return {
    file,
    keys: values.key,
    fromCheckpoint: kept === undefined ? undefined : readFileSync(kept, 'utf8'),
    json: values.json ?? false,
  };
}

/** Takes a file line by line and tells in the end what it is. */
interface Checker {
  line(bytes: Buffer): void;
  finish(): Finding;
}

async function check(call: VerifierCall): Promise<Finding> {
  if (call.file !== '-' && statSync(call.file).isDirectory()) return ofArchive(call);
  let checker: Checker | undefined;
  const source =
    call.file === '-' ? process.stdin : createReadStream(call.file, { highWaterMark: 1 << 20 });
  await eachLine(source, (line) => {
    checker ??= checkerOf(line, call);
    checker.line(line);
  });
  if (!checker) throw new NoExport('The file is empty.');
  return checker.finish();
}

function ofArchive({ file, keys, fromCheckpoint }: VerifierCall): Finding {
  const copy = openArchiveCopy(file);
  const verdict = copy && checkArchiveCopy(copy, keys, fromCheckpoint);
  if (!verdict)
    throw new NoExport('The folder holds no manifest, or what was kept is no checkpoint.');
  const { verified, batches, origin } = verdict;
  const told = `ok: ${String(verified)} entries in ${String(batches)} batches, from the first one on, of the log ${String(origin)}`;
  return { verdict, told: verdict.ok ? told : blame(verdict) };
}

function checkerOf(first: Buffer, { keys, fromCheckpoint }: VerifierCall): Checker {
  if (first.toString('utf8', 0, 22) === 'c2sp.org/tlog-proof@v1') return ofProof(keys);
  const isCsv = first[0] !== 0x7b;
  const checker = isCsv ? createCsvChecker(keys) : createExportChecker({ keys, fromCheckpoint });
  return {
    line: (bytes) => {
      checker.line(bytes);
    },
    finish: () => {
      const verdict = checker.finish();
      return { verdict, told: verdict.ok ? praise(verdict) : blame(verdict) };
    },
  };
}

function ofProof(keys: readonly string[]): Checker {
  const lines: string[] = [];
  return {
    line: (bytes) => lines.push(bytes.toString()),
    finish: () => {
      const verdict = checkProofFile(lines.join(''), keys);
      if (!verdict) throw new NoExport('This is no .tlog-proof file.');
      const { seq, origin, size, leaf } = verdict;
      const told = `ok: entry ${String(seq)} is in the log ${String(origin)} of ${String(size)} entries\n${String(leaf)}`;
      return { verdict, told: verdict.ok ? told : blame(verdict) };
    },
  };
}

/** Hands on each line with its newline, as a part of a buffer that is used again. */
async function eachLine(
  chunks: AsyncIterable<Buffer | string>,
  onLine: (line: Buffer) => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const read = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const bytes = rest.length === 0 ? read : Buffer.concat([rest, read]);
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      onLine(bytes.subarray(from, end + 1));
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) onLine(Buffer.concat([rest, Buffer.from('\n')]));
}

type Told = Partial<{
  origin: string | null;
  scope: string | null;
  tenantId: string | null;
  complete: boolean;
  verified: number;
  erased: number;
  size: number | null;
  signed: boolean;
}>;

function praise(verdict: Told): string {
  const { scope, tenantId, complete, verified = 0, erased = 0, size, origin, signed } = verdict;
  if (scope === undefined) return `ok: ${String(verified)} rows, as the log has signed them`;
  const whose = scope === 'tenant' ? ` of tenant ${String(tenantId)}` : '';
  const whole = complete ? 'all of them' : 'picked out, each proven';
  return [
    `ok: ${String(verified)} entries${whose}, ${whole}, up to entry ${String(size)} of the log ${String(origin)}`,
    ...(erased > 0
      ? [`    ${String(erased)} parts of personal data were erased, by entries that say so`]
      : []),
    ...(signed
      ? []
      : ['    the file as a whole carries no signature; its entries are proven all the same']),
  ].join('\n');
}

function blame({
  break: first,
  ...rest
}: {
  break: Break | null;
  breaks?: readonly Break[];
}): string {
  const more = (rest.breaks?.length ?? 1) - 1;
  return [
    `BROKEN: ${first?.kind ?? 'unknown'} at seq ${String(first?.seq ?? 0)}`,
    `  expected ${first?.expected ?? ''}`,
    `  actual   ${first?.actual ?? ''}`,
    ...(more > 0 ? [`  and ${String(more)} more; --json tells them`] : []),
  ].join('\n');
}
