import { reapplyErasures } from '../../domain/archive/tombstones';
import { createDatabase } from '../../platform/db';
import { DomainError } from '../../errors/problems';
import { signingKeysOf } from '../audit-part';
import { coldStoreVariables, openColdStore } from '../cold-store';
import type { Command } from './command';
import { jsonLine } from './json';
import { settings } from './settings';

/** Erases again what a restored database brought back. */
export const reapplyAuditErasures: Command = {
  name: 'audit reapply-erasures',
  summary: 'Erase again, after a restore, who was erased since the backup',
  options: { json: { about: 'Print JSON' } },
  notes: [
    'To be run after a database was restored, before the API starts. Reads the tombstones in the object store (AUDIT_COLD_*); needs the keys of the log (AUDIT_CHECKPOINT_KEYS, AUDIT_SIGNING_KEY). A worker does the same at its start; APIs that start before are not ready until then.',
  ],
  async run(input, io) {
    const env = settings(io.env, [
      'DATABASE_URL',
      'AUDIT_CHECKPOINT_KEYS',
      'AUDIT_SIGNING_KEY',
      ...coldStoreVariables,
    ]);
    const store = openColdStore(env);
    if (!store) throw new DomainError('store-missing');
    const db = createDatabase({
      url: env.DATABASE_URL.reveal(),
      applicationName: 'usher-cli',
      max: 1,
    });
    try {
      const { erased, held, strange } = await reapplyErasures(db, store, signingKeysOf(env));
      if (input.has('json')) io.out(jsonLine({ erased, held, strange }));
      else io.out(`${String(erased)} erasure(s) were done again.`);
      if (strange > 0) io.err(`${String(strange)} object(s) are no tombstones of this log.`);
      for (const subject of held) io.err(`A legal hold keeps ${subject}, who was erased before.`);
      return held.length === 0 ? 0 : 1;
    } finally {
      store.close();
      await db.close();
    }
  },
};
