import { readProgressForm, spreadsheetIdIn } from '../../api/pages/progress-form';
import type { Visit } from '../../api/pages/serving';

const id = '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms';
const sent = (fields: Record<string, string>) =>
  readProgressForm({
    field: (name: string) => fields[name] ?? '',
    hasField: (name: string) => name in fields,
  } as unknown as Visit);

test.each([
  id,
  `https://docs.google.com/spreadsheets/d/${id}/edit#gid=0`,
  `https://docs.google.com/spreadsheets/u/1/d/${id}/edit?usp=sharing`,
  `docs.google.com/spreadsheets/d/${id}`,
  `https://docs.google.com/open?id=${id}&authuser=0`,
  `https://spreadsheets.google.com/ccc?key=${id}`,
])('%s is read as the spreadsheet’s id', (text) => {
  expect(spreadsheetIdIn(text)).toBe(id);
});

test.each([
  'two words',
  'https://docs.google.com/spreadsheets/d/e/2PACX-published/pubhtml',
  'https://example.com/sheet',
  '../../admin',
  'abc',
])('%s is no spreadsheet', (text) => {
  const form = sent({ spreadsheet_id: text, owner_email: 'a@b.example' });
  expect(form.errors).toEqual([{ field: 'spreadsheet_id', code: 'spreadsheet-invalid' }]);
  expect(form.values.spreadsheetId).toBe(text);
});

test('blanks and breaks that came with a token do not count', () => {
  const { inputs, errors } = sent({ wb_token: ' eyJhbGci\r\n  OiJFUzI1NiJ9.\u200beyJzaWQ ' });
  expect([inputs.wbToken, errors]).toEqual(['eyJhbGciOiJFUzI1NiJ9.eyJzaWQ', []]);
});

test.each([
  ['token-required', ' \n '],
  ['token-malformed', 'short'],
  ['token-malformed', 'eyJhbGciOiJFUzI1NiJ9.…'],
  ['token-malformed', 'eyJhbGciOiJFUzI1NiJ9\u0000'],
  ['too-long', 'x'.repeat(9000)],
] as const)('a token is refused as %s', (code, text) => {
  expect(sent({ wb_token: text }).errors).toEqual([{ field: 'wb_token', code }]);
});

test('everything that is wrong is named at once, and no token is given back', () => {
  const form = sent({ spreadsheet_id: '', owner_email: 'mara@', wb_token: 'x' });
  expect(form.errors.map(({ code }) => code)).toEqual([
    'spreadsheet-required',
    'owner-email-invalid',
    'token-malformed',
  ]);
  expect(form.needs).toEqual(['workspace', 'token']);
  expect(Object.keys(form.values)).toEqual(['spreadsheetId', 'ownerEmail']);
});

test('only what the form asked for is read', () => {
  const form = sent({ wb_token: 'eyJhbGciOiJFUzI1NiJ9' });
  expect(form.needs).toEqual(['token']);
  expect(form.inputs).toEqual({ wbToken: 'eyJhbGciOiJFUzI1NiJ9' });
});
