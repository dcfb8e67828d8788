import { forkLog } from '../../domain/audit/forking';
import { createDatabase } from '../../platform/db';
import { coldStoreVariables, openColdStore } from '../cold-store';
import type { Command } from './command';
import { settings } from './settings';
import { fields } from './table';

/** Continues an audit log that stands still, under a new name. */
export const forkAudit: Command = {
  name: 'audit fork',
  summary: 'Continue an audit log that stands still, under a new name',
  options: {
    reason: { value: 'TEXT', about: 'Why; kept in the first entry of the fork', required: true },
    json: { about: 'Print JSON' },
  },
  notes: [
    'Only after you know which copy of the database this is, and that the other one will not be used any more. The first entry under the new name holds the old log’s last published note. Verifiers need the new key line; `GET /audit/keys` shows it.',
  ],
  examples: ["--reason 'restored from the backup of 3 May after the disk failed'"],
  async run(input, io) {
    const env = settings(io.env, ['DATABASE_SEQUENCER_URL', ...coldStoreVariables]);
    const db = createDatabase({
      url: env.DATABASE_SEQUENCER_URL.reveal(),
      applicationName: 'usher-cli',
      max: 1,
    });
    const store = openColdStore(env);
    try {
      const fork = await forkLog(db, store, input.given('reason'));
      if (input.has('json')) io.out(JSON.stringify(fork));
      else {
        io.out(
          fields([
            ['before', fork.previousOrigin],
            ['now', fork.origin],
            ['first entry', String(fork.seq)],
            ['published', fork.published?.split('\n')[1] ?? null],
          ]),
        );
      }
      return 0;
    } finally {
      store?.close();
      await db.close();
    }
  },
};
