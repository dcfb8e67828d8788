import { createHash } from 'node:crypto';
import type { Checkpoint } from '../checkpoints';
import { entriesAt } from '../log-entries';
import type { LogEntry } from '../log-entries';
import { listSeqs } from '../query';
import type { EntryFilter } from '../query';
import { csvNoteMark } from '../verify/csv-checker';
import type { ExportAccess } from './export-log';

const columns = [
  ...['seq', 'id', 'at', 'sequenced_at', 'action', 'crud', 'outcome', 'tenant_id', 'tenant_seq'],
  ...[
    'product',
    'actor_id',
    'actor_name',
    'actor_email',
    'targets',
    'ip',
    'description',
    'metadata',
  ],
  ...['source', 'external_id', 'request_id', 'erased', 'hash'],
];

const pageSize = 500;

/**
 * Lines of a CSV file of entries, oldest first; the last one is a note over all bytes before it. For people and
 * spreadsheets: the entries stand without their leaves, so that only the file as a whole can be checked.
 */
export async function* csvLines(
  access: Pick<ExportAccess, 'open' | 'sign'>,
  tenantId: string | null,
  filter: EntryFilter,
  { size }: Pick<Checkpoint, 'size'>,
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const hashed = (text: string): string => {
    hash.update(text);
    return text;
  };
  yield hashed(`${columns.join(',')}\r\n`);
  let count = 0;
  let cursor = 0;
  do {
    const after = cursor;
    const { entries, next } = await access.open(async (tx) => {
      const page = { order: 'asc', limit: pageSize, cursor: after, before: size + 1 } as const;
      const found = await listSeqs(tx, filter, page);
      return { entries: await entriesAt(tx, found.seqs, 'asc'), next: found.next };
    });
    count += entries.length;
    cursor = next;
    if (entries.length > 0) yield hashed(entries.map(rowOf).join(''));
  } while (cursor !== 0);
  const digest = hash.digest('base64');
  const note = await access.sign({ kind: 'export', tenantId, size, count, digest });
  yield `${csvNoteMark}${Buffer.from(note ?? '').toString('base64')}\r\n`;
}

function rowOf(entry: LogEntry): string {
  const { core, parts } = entry;
  const free = parts['free'] ?? {};
  const cells = [
    ...[entry.seq, core.id, core.at, entry.sequencedAt, core.action, core.crud, core.outcome],
    ...[core.tenant_id, entry.tenantSeq, core.product, core.actor?.id],
    ...[parts['actor']?.['name'], parts['actor']?.['email']],
    core.targets.map(({ type, id }) => `${type}:${id}`).join(' '),
    parts['context']?.['ip'],
    free['description'],
    metadataOf(core.metadata, free['metadata']),
    ...[core.source, core.external_id, core.request_id, entry.erased.join(' ')],
    entry.hash.toString('hex'),
  ];
  return `${cells.map(cell).join(',')}\r\n`;
}

function metadataOf(own: object | undefined, foreign: unknown): string {
  const all = { ...own, ...(typeof foreign === 'object' ? foreign : {}) };
  return Object.keys(all).length === 0 ? '' : JSON.stringify(all);
}

// A cell that a spreadsheet would take for a formula is shown as the text that it is.
function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
}
