import { openApi } from './api-client';
import type { Command } from './command';
import { fields } from './table';

/** Has a worker sign the head of the audit log. */
export const makeAuditCheckpoint: Command = {
  name: 'audit checkpoint',
  summary: 'Sign the head of the audit log now',
  options: { json: { about: 'Print JSON' }, note: { about: 'Print the signed note alone' } },
  notes: [
    'Keep the note: with it, `audit-verify.mjs --from-checkpoint` finds out whether a later export continues this log. Goes through the public API: set USHER_URL and USHER_KEY, or run it where bin/dev or bin/demo runs.',
  ],
  async run(input, io) {
    const checkpoint = await openApi(io).post('/audit/checkpoint', {});
    const { published_at: published } = checkpoint;
    if (input.has('note')) io.out(String(checkpoint['note']).trimEnd());
    else if (input.has('json')) io.out(JSON.stringify(checkpoint));
    else {
      io.out(
        fields([
          ['log', String(checkpoint['origin'])],
          ['entries', String(checkpoint['head_seq'])],
          ['root', String(checkpoint['root'])],
          ['made', `${String(checkpoint['at'])} (${String(checkpoint['reason'])})`],
          ['published', typeof published === 'string' ? published : 'not yet'],
        ]),
      );
    }
    return 0;
  },
};
