import { archiveCheck } from '../../domain/archive/verify-archive';
import { breakKinds } from '../../domain/audit/verify/verdict.rules';
import { verifyLog } from '../../domain/audit/verify/verify-log';
import type { Verdict } from '../../domain/audit/verify/verify-log';
import { createDatabase } from '../../platform/db';
import { coldStoreVariables, openColdStore } from '../cold-store';
import { CommandFailure } from './command';
import type { Command } from './command';
import { settings } from './settings';
import { fields } from './table';

/** Verifies the audit log as it is stored. */
export const verifyAudit: Command = {
  name: 'audit verify',
  summary: 'Verify the audit log as it is stored, and against what was published of it',
  options: {
    key: { value: 'VKEY', about: 'A verifier key that you believe', many: true },
    from: { value: 'SEQ', about: 'The first entry; the first that is not archived when left out' },
    to: { value: 'SEQ', about: 'The last entry' },
    json: { about: 'Print JSON' },
  },
  notes: [
    `Asks the database (DATABASE_URL), and the object store with the archive where AUDIT_COLD_BUCKET is set. Without --key and AUDIT_TRUSTED_KEY the log’s first stored key is believed, which whoever owns the database could have replaced. The exit code tells the kind of the first break: ${Object.entries(
      breakKinds,
    )
      .map(([kind, code]) => `${String(code)} ${kind}`)
      .join(', ')}.`,
  ],
  examples: ['', '--from 1 --to 10000', '--key "usher.example/audit/…+1a2b3c4d+…"'],
  async run(input, io) {
    const env = settings(io.env, ['DATABASE_URL', 'AUDIT_TRUSTED_KEY', ...coldStoreVariables]);
    const db = createDatabase({
      url: env.DATABASE_URL.reveal(),
      applicationName: 'usher-cli',
      max: 2,
    });
    const store = openColdStore(env);
    const keys = [...input.list('key'), env.AUDIT_TRUSTED_KEY].filter((key) => key !== '');
    try {
      const verdict = await verifyLog(db, {
        from: numberOf(input.text('from')),
        to: numberOf(input.text('to')),
        trusted: keys,
        store,
        archive: store && archiveCheck(store),
        onProgress: (verified, of) => {
          if (!input.has('json') && of > 100_000) io.err(`${String(verified)} of ${String(of)}`);
        },
      });
      if (input.has('json')) io.out(JSON.stringify(verdict));
      else io.out(tell(verdict));
      return verdict.break ? breakKinds[verdict.break.kind] : 0;
    } finally {
      store?.close();
      await db.close();
    }
  },
};

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new CommandFailure(`${text} is no number of an entry.`, 'Give a whole number from 1 on.');
}

function tell(verdict: Verdict): string {
  const { break: first, breaks } = verdict;
  return fields([
    ['verdict', first ? `BROKEN: ${first.kind} at ${String(first.seq)}` : 'ok'],
    ...(first
      ? ([
          ['expected', first.expected],
          ['actual', first.actual],
          ['breaks', String(breaks.length)],
        ] as const)
      : []),
    ['entries', String(verdict.verified)],
    ...(verdict.archived ? ([['in the archive', String(verdict.archived)]] as const) : []),
    ['checkpoints', String(verdict.checkpoints)],
    ['erased parts', String(verdict.erased)],
    ['attested', verdict.attested === null ? 'nothing is published' : String(verdict.attested)],
  ]);
}
