import { openApi, throughApi } from './api-client';
import type { Command } from './command';
import { jsonLine } from './json';
import { table } from './table';

const json = { about: 'Print JSON' };
const reason = { value: 'TEXT', about: 'Why; kept in the audit log', required: true } as const;

interface HoldRow {
  readonly id: string;
  readonly tenant_id: string | null;
  readonly subject: string | null;
  readonly reason: string;
  readonly placed_at: string;
}

/** Places a legal hold. */
export const placeHold: Command = {
  name: 'audit hold',
  summary: 'Keep audit entries and personal data from being erased or dropped',
  options: {
    tenant: { value: 'ID', about: 'Only of this tenant' },
    subject: { value: 'SUBJECT', about: 'Only of this subject, such as user:<uuid>' },
    reason,
    json,
  },
  notes: [throughApi, 'Without tenant and subject it holds everything.'],
  examples: ["--tenant 0199… --reason 'Case 4 O 17/26'"],
  async run(input, io) {
    const answer = await openApi(io).post('/audit/holds', {
      tenant_id: input.text('tenant'),
      subject: input.text('subject'),
      reason: input.given('reason'),
    });
    io.out(input.has('json') ? jsonLine(answer) : `The hold ${String(answer['id'])} stands.`);
    return 0;
  },
};

/** Lists legal holds. */
export const listHolds: Command = {
  name: 'audit holds',
  summary: 'Show the legal holds that stand',
  options: { json },
  notes: [throughApi],
  async run(input, io) {
    const answer = await openApi(io).get('/audit/holds?limit=500');
    const rows = (answer['items'] as HoldRow[]).map((row) => [
      row.id,
      row.tenant_id ?? 'all',
      row.subject ?? 'all',
      row.placed_at,
      row.reason,
    ]);
    if (input.has('json')) io.out(jsonLine(answer));
    else if (rows.length === 0) io.out('No hold stands.');
    else io.out(table(['HOLD', 'TENANT', 'SUBJECT', 'PLACED', 'REASON'], rows));
    return 0;
  },
};

/** Lifts a legal hold. */
export const liftHold: Command = {
  name: 'audit lift',
  summary: 'Lift a legal hold',
  args: [{ name: 'HOLD', about: 'Id of the hold (`usher audit holds`)', required: true }],
  options: { reason, json },
  notes: [throughApi, 'What is due is erased and dropped from then on.'],
  async run(input, io) {
    const [id = ''] = input.args;
    const answer = await openApi(io).post(`/audit/holds/${encodeURIComponent(id)}/lift`, {
      reason: input.given('reason'),
    });
    io.out(input.has('json') ? jsonLine(answer) : `The hold ${id} is lifted.`);
    return 0;
  },
};
