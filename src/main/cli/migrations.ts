import { migrateDown, migrateUp, migrationStatus } from '../migrate';
import { settings } from './settings';
import { CommandFailure, UsageError } from './command';
import type { CliIo, Command } from './command';

const ownerUrl = (io: CliIo): string => {
  const { DATABASE_OWNER_URL: url } = settings(io.env, ['DATABASE_OWNER_URL']);
  // Absent although typed as present: of all processes only migrate must have it.
  const given = url as typeof url | undefined;
  if (!given) {
    throw new CommandFailure(
      'DATABASE_OWNER_URL is missing: migrations run as usher_owner.',
      'Set it for this command only; api and worker must not have it.',
    );
  }
  return given.reveal();
};

/** Brings the schema to that of this build, takes it back, or tells where it stands. */
export const migrate: Command = {
  name: 'migrate',
  summary: 'Bring the schema to that of this build, take it back, or tell where it stands',
  args: [{ name: 'up|down|status', about: 'up (default), down (every migration), or status' }],
  options: { yes: { about: 'Really take back every migration: all data is lost' } },
  notes: [
    'Needs DATABASE_OWNER_URL. Migrations run one at a time; what fails leaves nothing behind.',
  ],
  examples: ['up', 'status', 'down --yes'],
  async run(input, io) {
    const [direction = 'up'] = input.args;
    if (direction === 'up') return up(io);
    if (direction === 'status') return status(io);
    if (direction !== 'down') {
      throw new UsageError(`${direction} is no direction: write up, down or status`);
    }
    if (!input.has('yes')) {
      throw new UsageError('down drops every table with all its data; add --yes if you mean it');
    }
    const names = await migrateDown(ownerUrl(io));
    io.out(
      names.length === 0 ? 'There was nothing to take back.' : `Taken back: ${names.join(', ')}`,
    );
    return 0;
  },
};

async function up(io: CliIo): Promise<number> {
  const names = await migrateUp(ownerUrl(io));
  io.out(names.length === 0 ? 'The schema is current.' : `Migrated: ${names.join(', ')}`);
  return 0;
}

async function status(io: CliIo): Promise<number> {
  const { done, pending } = await migrationStatus(ownerUrl(io));
  for (const name of done) io.out(`done     ${name}`);
  for (const name of pending) io.out(`pending  ${name}`);
  io.out(
    pending.length === 0
      ? 'The schema is current.'
      : `${String(pending.length)} to go: run \`usher migrate up\`.`,
  );
  return 0;
}
