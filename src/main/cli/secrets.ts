import * as audit from '../../domain/audit/audit-entries';
import {
  kidsInUse,
  reencryptCompromised,
  requireKids,
  rewrapBatch,
} from '../../domain/secrets/secrets';
import { createKeyRing } from '../../platform/crypto/sealing';
import type { KeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import { CommandFailure } from './command';
import type { CliIo, Command } from './command';
import { settings, withDatabase } from './settings';
import { table } from './table';

const ringOf = (io: CliIo): KeyRing =>
  createKeyRing(settings(io.env, ['SECRETS_KEY_RING']).SECRETS_KEY_RING);

/** Tells which keys sealed values hang on. */
export const secretsStatus: Command = {
  name: 'secrets status',
  summary: 'Show how many sealed values hang on each key of the ring',
  async run(_input, io) {
    const ring = ringOf(io);
    const used = await withDatabase(io, kidsInUse);
    const kids = [...new Set([...ring.kids, ...used.map(({ kid }) => kid)])];
    const missing = kids.filter((kid) => !ring.kids.includes(kid));
    const rows = kids.map((kid) => [
      kid,
      String(used.find((one) => one.kid === kid)?.secrets ?? 0),
      kid === ring.activeKid
        ? 'active'
        : missing.includes(kid)
          ? 'MISSING in the ring'
          : 'for reading',
    ]);
    io.out(table(['KEY', 'VALUES', 'USE'], rows));
    if (missing.length > 0) {
      io.err(
        `Put ${missing.join(', ')} back into SECRETS_KEY_RING: those values cannot be opened.`,
      );
      return 1;
    }
    return 0;
  },
};

/** Moves sealed values to the active key. */
export const rotateSecrets: Command = {
  name: 'secrets rotate',
  summary: 'Move every sealed value to the active key of the ring',
  options: {
    compromised: {
      value: 'KID',
      about:
        'Encrypt the values under this key anew, with new data keys: somebody else may know it',
    },
  },
  notes: [
    'First put the new key in front of SECRETS_KEY_RING and restart api and worker, keeping the old ones behind it. When the old key has no values left (`usher secrets status`), it can go.',
  ],
  examples: ['', '--compromised k1'],
  async run(input, io) {
    const ring = ringOf(io);
    const compromised = input.text('compromised');
    return withDatabase(io, async (db) => {
      await requireKids(db, ring);
      const count =
        compromised === undefined
          ? await rewrapAll(db, ring)
          : await reencrypt(db, ring, compromised);
      await withSystem(db, 'cli', (tx) =>
        audit.append(tx, {
          action: 'secrets.rotated',
          crud: 'u',
          actorId: 'system:cli',
          metadata: { kid: ring.activeKid, compromised: compromised ?? null, count },
          component: 'cli',
        }),
      );
      const how = compromised === undefined ? 'wrapped with' : 'encrypted anew under';
      io.out(`${String(count)} sealed value(s) ${how} the key ${ring.activeKid}.`);
      return 0;
    });
  },
};

async function rewrapAll(db: Database, ring: KeyRing): Promise<number> {
  let total = 0;
  for (;;) {
    const count = await rewrapBatch(db, ring, 200);
    if (count === 0) return total;
    total += count;
  }
}

function reencrypt(db: Database, ring: KeyRing, kid: string): Promise<number> {
  if (!ring.kids.includes(kid)) {
    throw new CommandFailure(
      `SECRETS_KEY_RING has no key ${kid}.`,
      `Its keys are ${ring.kids.join(', ')}. Keep the compromised one behind the new one until this is done.`,
    );
  }
  if (kid === ring.activeKid) {
    throw new CommandFailure(
      `${kid} is the active key: the values would stay under it.`,
      'Put a new key in front of it in SECRETS_KEY_RING, restart api and worker, then repeat this.',
    );
  }
  return reencryptCompromised(db, ring, kid, { who: 'system:cli', why: 'key compromised' });
}
