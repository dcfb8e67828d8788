import { appendFileSync } from 'node:fs';
import type { Break } from '../../src/domain/audit/verify/verdict.rules';

/** What was done, what had to be found, and what was found first. */
export interface Finding {
  readonly name: string;
  readonly kind: string;
  readonly at: number;
  readonly found: Break | null;
}

/** Notes a finding for the table that `npm run test:tamper` prints; run.mjs names the file. */
export function noteFinding(finding: Finding): void {
  const file = process.env['TAMPER_TABLE'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(finding)}\n`);
}
