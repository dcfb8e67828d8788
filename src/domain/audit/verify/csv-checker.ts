import { createHash } from 'node:crypto';
import { readExport } from '../heads.rules';
import { openNote } from '../notes';
import { createTrust } from './trust';
import { collectBreaks } from './verdict.rules';
import type { Break } from './verdict.rules';

/** What stands before the note in the last line of a CSV export. */
export const csvNoteMark = '# ';

/** What a CSV export turned out to be: its bytes are those that the log has signed, or not. */
export interface CsvVerdict {
  readonly ok: boolean;
  readonly verified: number;
  readonly break: Break | null;
}

/** Checks a CSV export line by line. Its entries stand without proofs; only the file as a whole is signed. */
export function createCsvChecker(keys: readonly string[]): {
  line(bytes: Buffer): void;
  finish(): CsvVerdict;
} {
  const whole = createHash('sha256');
  let last: Buffer | undefined;
  let lines = 0;
  return {
    line(bytes) {
      if (last) {
        whole.update(last);
        lines += 1;
      }
      last = Buffer.from(bytes);
    },
    finish() {
      const breaks = collectBreaks();
      const text = last?.toString().trimEnd() ?? '';
      const opened = text.startsWith(csvNoteMark)
        ? openNote(Buffer.from(text.slice(csvNoteMark.length), 'base64').toString())
        : undefined;
      const claim = opened && readExport(opened.text);
      const digest = whole.digest('base64');
      if (!opened || !claim) {
        breaks.add(0, 'unattested', 'a note in the last line', 'none');
      } else if (!createTrust(keys).signs(opened, 'export', claim) || claim.digest !== digest) {
        breaks.add(claim.size, 'checkpoint-signature-mismatch', claim.digest, digest);
      }
      const [first = null] = breaks.sorted();
      return { ok: breaks.count === 0, verified: Math.max(0, lines - 1), break: first };
    },
  };
}
