import { parse } from 'csv-parse/sync';
import { DomainError } from '../../errors/problems';

/** Columns of a CSV of invites and the field that each one fills. */
const columns: Readonly<Record<string, readonly string[]>> = {
  email: ['email'],
  name: ['name'],
  role: ['roles', '0'],
  locale: ['locale'],
  tenant_id: ['tenant_id'],
  tenant_slug: ['tenant', 'slug'],
  tenant_name: ['tenant', 'name'],
  plan: ['tenant', 'plan'],
  kind: ['tenant', 'kind'],
  partner_id: ['tenant', 'partner_id'],
  spreadsheet_id: ['workspace', 'spreadsheet_id'],
  owner_email: ['workspace', 'owner_email'],
  wb_token: ['wb_token'],
  expires_in_hours: ['expires_in_hours'],
  blueprint: ['blueprint'],
};

/**
 * The rows of a CSV of invites (UTF-8, header line, comma or semicolon; RFC 4180) as bulk rows. Empty cells are left
 * out.
 * @throws DomainError `validation-failed` naming the line or the unknown column
 */
export function csvRows(text: unknown): Record<string, unknown>[] {
  if (typeof text !== 'string' || text.trim() === '')
    throw mistake('The CSV is empty; its first line names the columns.');
  const records = parseCsv(text);
  const unknown = Object.keys(records[0] ?? {}).findIndex((name) => !Object.hasOwn(columns, name));
  // By its place: without a header line its name would be somebody's address.
  if (unknown >= 0) {
    throw mistake(
      `Column ${String(unknown + 1)} is not known. Known are ${Object.keys(columns).join(', ')}.`,
    );
  }
  return records.map(rowOf);
}

function parseCsv(text: string): Record<string, string>[] {
  const firstLine = text.split(/\r?\n/, 1)[0] ?? '';
  try {
    return parse(text, {
      bom: true,
      columns: (header: string[]) => header.map((name) => name.trim().toLowerCase()),
      delimiter: firstLine.includes(';') ? ';' : ',',
      skip_empty_lines: true,
      trim: true,
      to: 501,
    });
  } catch (error) {
    const line = (error as { lines?: unknown }).lines;
    throw mistake(
      `The CSV cannot be read${typeof line === 'number' ? ` at line ${String(line)}` : ''}; check its quotes and that each line has as many cells as the header.`,
    );
  }
}

function mistake(message: string): DomainError {
  return new DomainError('validation-failed', { errors: [{ pointer: '', message }] });
}

function rowOf(record: Record<string, string>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    const path = columns[name];
    if (value === '' || !path) continue;
    const [first = '', second] = path;
    if (name === 'role') row['roles'] = [value];
    else if (name === 'expires_in_hours') row[first] = Number(value);
    else if (second === undefined) row[first] = value;
    else row[first] = { ...(row[first] as object | undefined), [second]: value };
  }
  return row;
}
