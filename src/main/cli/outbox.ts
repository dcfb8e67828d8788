import { withSystem } from '../../platform/db';
import { isUuid } from '../../platform/ids';
import { openWakes, replayWakes } from '../../platform/outbox';
import { CommandFailure, UsageError } from './command';
import type { Command } from './command';
import { jsonLine } from './json';
import { limitOf } from './limits';
import { withDatabase } from './settings';
import { ago, table } from './table';

/** Shows wake-ups that do not reach Temporal. */
export const listOutbox: Command = {
  name: 'outbox list',
  summary: 'Show wake-ups that do not reach Temporal: waiting ones and dead letters',
  options: {
    dead: { about: 'Only those that were refused for good' },
    'older-than': { value: 'SECONDS', about: 'Waiting ones of at least this age; default 10' },
    limit: { value: 'N', about: 'At most so many; default 100' },
    json: { about: 'Print JSON' },
  },
  notes: [
    'A few waiting wake-ups are normal while Temporal is down: they are delivered by themselves when it is back.',
  ],
  async run(input, io) {
    const which = {
      dead: input.has('dead'),
      olderThanSeconds: limitOf(input, 'older-than', 10, 0, 31_536_000),
      limit: limitOf(input, 'limit', 100, 1, 10_000),
    };
    const wakes = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => openWakes(tx, which)),
    );
    const now = new Date();
    if (input.has('json')) io.out(jsonLine(wakes));
    else if (wakes.length === 0) io.out('Nothing is stuck.');
    else {
      const rows = wakes.map((wake) => [
        wake.id,
        wake.workflowId,
        ago(wake.createdAt, now),
        wake.deadAt ? 'dead' : `tried ${String(wake.attempts)}×`,
        wake.lastError,
      ]);
      io.out(table(['ID', 'WORKFLOW', 'AGE', 'STATE', 'LAST ERROR'], rows));
      if (wakes.some(({ deadAt }) => deadAt)) {
        io.out(
          '\nDead ones are not tried any more. Mend the cause, then: usher outbox replay --dead',
        );
      }
    }
    return 0;
  },
};

/** Has wake-ups tried again. */
export const replayOutbox: Command = {
  name: 'outbox replay',
  summary: 'Have wake-ups tried again at once, dead letters among them',
  args: [{ name: 'ID', about: 'Ids from `usher outbox list`', many: true }],
  options: { dead: { about: 'Every dead letter' } },
  notes: ['Harmless to repeat: a wake-up only tells a workflow to look at its rows again.'],
  async run(input, io) {
    const bad = input.args.find((id) => !isUuid(id));
    if (bad !== undefined)
      throw new UsageError(`${bad} is no id; \`usher outbox list\` shows them`);
    if (input.has('dead') === input.args.length > 0) {
      throw new UsageError('name the wake-ups by their ids, or all dead ones by --dead');
    }
    const count = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => replayWakes(tx, input.has('dead') ? 'dead' : input.args)),
    );
    if (count === 0 && !input.has('dead')) {
      throw new CommandFailure(
        'None of them is waiting.',
        'They may have been delivered meanwhile.',
      );
    }
    io.out(
      count === 0
        ? 'There are no dead letters.'
        : `${String(count)} wake-up(s) will be tried again by a worker within seconds.`,
    );
    return 0;
  },
};
