import { ConfigError, loadConfig } from '../../platform/config';
import { createDatabase } from '../../platform/db';
import type { CliIo, Command } from './command';
import { jsonLine } from './json';
import { databaseExaminations } from './doctor-database';
import { exportExamination } from './doctor-exports';
import { serviceExaminations } from './doctor-services';
import { printFindings } from './doctor-print';
import { storeExamination } from './doctor-store';
import { failureLines } from './failures';
import { examine, fine, wrong } from './findings';
import type { Finding } from './findings';
import { settings } from './settings';

/** Examines everything that Usher needs. */
export const doctor: Command = {
  name: 'doctor',
  summary:
    'Examine configuration, database, Temporal, mail server, connectors, disk space and object store',
  options: { json: { about: 'Print JSON' } },
  notes: [
    'ok: all is well. look: worth a look, but nothing is broken. FAIL: something does not work, with what to do; the exit code is then 1.',
  ],
  async run(input, io) {
    const db = databaseOf(io);
    const examinations = [
      { name: 'configuration', run: () => Promise.resolve(configuration(io)) },
      ...(db ? databaseExaminations(db, io) : []),
      ...serviceExaminations(io),
      exportExamination(io),
      storeExamination(io),
    ];
    try {
      const found = await Promise.all(
        examinations.map(async (one) => ({
          name: one.name,
          findings: await examine(one, failureLines),
        })),
      );
      if (input.has('json')) io.out(jsonLine(found));
      else printFindings(io, found);
      return found.some(({ findings }) => findings.some(({ state }) => state === 'bad')) ? 1 : 0;
    } finally {
      await db?.close();
    }
  },
};

function databaseOf(io: CliIo): ReturnType<typeof createDatabase> | undefined {
  try {
    const { DATABASE_URL: url } = settings(io.env, ['DATABASE_URL']);
    return createDatabase({ url: url.reveal(), applicationName: 'usher-doctor', max: 4 });
  } catch (error) {
    // The examination of the configuration names it.
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

function configuration(io: CliIo): Finding {
  try {
    const { APP_ENV: environment, PUBLIC_URL: publicUrl } = loadConfig(io.env, 'cli');
    return fine(`${environment}, ${publicUrl}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { mistakes } = error;
    return wrong(`${String(mistakes.length)} mistake(s)`, mistakes.join('\n'));
  }
}
