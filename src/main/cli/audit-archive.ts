import { openApi } from './api-client';
import type { Command } from './command';
import { jsonLine } from './json';
import { table } from './table';

const note =
  'Goes through the public API: set USHER_URL and USHER_KEY, or run it where bin/dev or bin/demo runs. A worker carries it out.';
const json = { about: 'Print JSON' };

interface ArchiveRow {
  readonly id: string;
  readonly state: string;
  readonly start_seq: number;
  readonly end_seq: number;
  readonly bytes: number | null;
  readonly archived_at: string | null;
  readonly problem: { readonly code: string } | null;
  readonly restore: { readonly state: string } | null;
}

/** Archives now what can be archived. */
export const runArchive: Command = {
  name: 'audit archive',
  summary: 'Archive now what of the audit log can be archived, also while the daily run is off',
  options: { json },
  notes: [
    note,
    'Only entries that are old enough (AUDIT_HOT_RETENTION_DAYS) and covered by a published checkpoint are archived, in whole tiles of 256. See `usher audit archives`.',
  ],
  async run(input, io) {
    const answer = await openApi(io).post('/audit/archive/run', {});
    if (input.has('json')) io.out(jsonLine(answer));
    else if (answer['status'] === 'queued') {
      io.out('Queued: no worker has planned it yet. See `usher audit archives`.');
    } else if (answer['planned'] === 0) io.out('There is nothing to archive at the moment.');
    else
      io.out(
        `${String(answer['planned'])} batch(es) are on their way; see \`usher audit archives\`.`,
      );
    return 0;
  },
};

/** Lists the archive. */
export const listArchives: Command = {
  name: 'audit archives',
  summary: 'Show the ranges of the audit log that are in the object store, newest first',
  options: { json, limit: { value: 'N', about: 'At most so many; 20 unless said otherwise' } },
  notes: [note],
  async run(input, io) {
    const limit = input.text('limit') ?? '20';
    const answer = await openApi(io).get(`/audit/archives?limit=${encodeURIComponent(limit)}`);
    if (input.has('json')) {
      io.out(jsonLine(answer));
      return 0;
    }
    const rows = (answer['items'] as ArchiveRow[]).map((row) => [
      row.id,
      `${String(row.start_seq)}-${String(row.end_seq)}`,
      row.restore?.state === 'restored' ? `${row.state}, restored` : row.state,
      row.bytes === null ? '' : String(row.bytes),
      row.archived_at ?? '',
      row.problem?.code ?? '',
    ]);
    if (rows.length === 0) io.out('Nothing is archived yet.');
    else io.out(table(['BATCH', 'ENTRIES', 'STATE', 'BYTES', 'ARCHIVED', 'PROBLEM'], rows));
    return 0;
  },
};

/** Fetches a batch back. */
export const restoreArchive: Command = {
  name: 'audit restore',
  summary: 'Fetch a range of the audit log back from the object store for some days',
  args: [{ name: 'BATCH', about: 'Id of the batch (`usher audit archives`)', required: true }],
  options: { json },
  notes: [
    note,
    'Its entries are checked against the tree of the log first, and queries answer them with `source: archive` until ARCHIVE_RESTORED_DAYS are over.',
  ],
  async run(input, io) {
    const [id = ''] = input.args;
    const path = `/audit/archives/${encodeURIComponent(id)}/restore`;
    const answer = await openApi(io).post(path, {});
    if (input.has('json')) io.out(jsonLine(answer));
    else if (answer['state'] === 'restored') {
      io.out(
        `${String(answer['entries'])} entries are there until ${String(answer['expires_at'])}; ${String(answer['erased'])} part(s) of personal data are erased.`,
      );
    } else io.out('Under way; call it again to see how far it is.');
    return 0;
  },
};
