import { pepperReport, promotePepper } from '../../domain/api-keys/peppers';
import { withSystem } from '../../platform/db';
import type { CliIo, Command } from './command';
import { jsonLine } from './json';
import { settings, withDatabase } from './settings';
import { table } from './table';

const knownPeppers = (io: CliIo): string[] =>
  settings(io.env, ['KEYS_HASH_PEPPER']).KEYS_HASH_PEPPER.map(({ id }) => id);

/** Tells how much hangs on each pepper. */
export const reportPeppers: Command = {
  name: 'pepper report',
  summary: 'Show how many keys hang on each pepper, and what is missing',
  options: { json: { about: 'Print JSON' } },
  notes: ['A pepper can be taken out of KEYS_HASH_PEPPER once nothing hangs on it any more.'],
  async run(input, io) {
    const known = knownPeppers(io);
    const report = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => pepperReport(tx, known), { readOnly: true }),
    );
    if (input.has('json')) {
      io.out(jsonLine(report));
      return 0;
    }
    const rows = report.peppers.map((pepper) => [
      pepper.pepperId,
      [pepper.current ? 'current' : 'retired', ...(pepper.configured ? [] : ['MISSING'])].join(
        ', ',
      ),
      String(pepper.liveKeys),
      String(pepper.revokedKeys),
      String(pepper.serviceAccounts),
    ]);
    io.out(table(['PEPPER', 'STATE', 'KEYS', 'REVOKED KEYS', 'SERVICE ACCOUNTS'], rows));
    if (report.foreign > 0) {
      io.out(`${String(report.foreign)} imported keys wait for their first use, under no pepper.`);
    }
    return 0;
  },
};

/** Moves the row that says which pepper is current. */
export const promotePepperCommand: Command = {
  name: 'pepper promote',
  summary: 'Make a pepper the one that new digests are made with',
  args: [{ name: 'PEPPER', about: 'Its name in KEYS_HASH_PEPPER', required: true }],
  notes: [
    'Every process needs it in KEYS_HASH_PEPPER first, beside the one in use: one that lacks it is not ready any more.',
    'Keys under the old one go on, and move when they are used. `usher pepper report` says how many are left.',
  ],
  async run(input, io) {
    const [pepperId = ''] = input.args;
    const known = knownPeppers(io);
    const { before } = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => promotePepper(tx, known, pepperId, 'system:cli')),
    );
    io.out(
      before === pepperId
        ? `${pepperId} is the current pepper already.`
        : `${pepperId} is the current pepper now, after ${before ?? 'none'}.`,
    );
    return 0;
  },
};
