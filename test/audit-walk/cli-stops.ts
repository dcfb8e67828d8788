import { randomBytes } from 'node:crypto';
import type { OwnAction } from '../../src/domain/audit/audit-entries';
import { usher } from '../main/command-line';
import type { Called } from '../main/command-line';
import { signingKeys } from '../support/audit-keys';
import { waitFor } from '../support/wait-for';
import { fresh } from './world';
import type { World } from './world';

/** What nobody can do over HTTP: a command, or a worker that is started with another key. */
export interface CliStop {
  readonly tells: OwnAction;
  readonly by: (world: World) => Promise<unknown>;
}

const tried = (
  { app }: World,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Called> =>
  usher(words, {
    env: { ...process.env, DATABASE_SEQUENCER_URL: app.database.sequencerUrl, ...env },
  });
const call = async (...given: Parameters<typeof tried>): Promise<void> => {
  const { code, err } = await tried(...given);
  if (code !== 0) throw new Error(err);
};
const another = (): string => randomBytes(32).toString('base64');
const newest = (name: string): string => `n2:${another()},${process.env[name] ?? ''}`;

/** Commands that change something, and a new signing key. */
export const cliStops: Readonly<Record<string, CliStop>> = {
  'partner create': {
    tells: 'partner.created',
    by: (world) => call(world, ['partner', 'create', '--slug', fresh(), '--name', 'Vertrieb']),
  },
  'create-owner for somebody with an account': {
    tells: 'user.owner_confirmed',
    by: async (world) => call(world, ['create-owner', '--email', (await world.person()).email]),
  },
  'a worker with another signing key': {
    tells: 'audit.key_announced',
    by: async ({ app, made }) => {
      const { audit: before } = await app.workerOptions();
      if (!before) throw new Error('The app has no signing keys');
      const part = app.startSequencer({
        keys: { ...before.keys, seeds: [...signingKeys().seeds, ...before.keys.seeds] },
      });
      await waitFor(
        'The announcement',
        async () => {
          await made('/v1/audit', { action: 'order.shipped' });
          await made('/audit/checkpoint');
          return app.call('GET', '/audit/keys');
        },
        ({ body }) => body.items.length > 1,
      );
      await part.stop();
    },
  },
  'audit fork': {
    tells: 'audit.forked',
    // Refused while the sequencer writes, which it says.
    by: (world) =>
      waitFor(
        'The fork',
        () => tried(world, ['audit', 'fork', '--reason', 'The walk wants it']),
        ({ code }) => code === 0,
      ),
  },
  'secrets rotate': {
    tells: 'secrets.rotated',
    by: (world) =>
      call(world, ['secrets', 'rotate'], { SECRETS_KEY_RING: newest('SECRETS_KEY_RING') }),
  },
  'pepper promote': {
    tells: 'pepper.promoted',
    by: (world) =>
      call(world, ['pepper', 'promote', 'n2'], { KEYS_HASH_PEPPER: newest('KEYS_HASH_PEPPER') }),
  },
};
