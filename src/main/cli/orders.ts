import { isProblemCode, problems } from '../../errors/problems';
import { isUuid } from '../../platform/ids';
import { openApi } from './api-client';
import type { ApiClient } from './api-client';
import { CommandFailure, UsageError } from './command';
import type { CliIo, Command, Input, Option } from './command';

const reason: Option = {
  value: 'TEXT',
  about: 'Why; kept with the order and in the audit log',
  required: true,
};
const json: Option = { about: 'Print JSON' };
const which = [
  {
    name: 'ONBOARDING',
    about: 'Id of the onboarding, invite or tenant, or the slug',
    required: true,
  },
] as const;
const note =
  'Goes through the public API: set USHER_URL and USHER_KEY, or run it where bin/dev or bin/demo runs. Orders are taken while Temporal is down; they are carried out when it is back.';

function order(
  kind: string,
  summary: string,
  options: Readonly<Record<string, Option>> = {},
  inputsOf: (input: Input, io: CliIo) => Promise<Record<string, string>> = () =>
    Promise.resolve({}),
): Command {
  return {
    name: `onboarding ${kind}`,
    summary,
    args: which,
    options: { reason, ...options, json },
    notes: [note],
    async run(input, io) {
      const [search = ''] = input.args;
      const inputs = await inputsOf(input, io);
      const api = openApi(io);
      const id = await jobIdOf(api, search);
      const answer = await api.post(`/onboarding/jobs/${id}/${kind}`, {
        reason: input.given('reason'),
        ...inputs,
      });
      if (input.has('json')) io.out(JSON.stringify(answer));
      else tell(io, kind, answer);
      return answer['status'] === 'refused' ? 1 : 0;
    },
  };
}

function tell(io: CliIo, kind: string, answer: Record<string, unknown>): void {
  const follow = `usher onboarding show ${String(answer['job_id'])}`;
  const stands = `the onboarding is ${String(answer['state'])}`;
  const outcome = (answer['outcome'] ?? {}) as Record<string, unknown>;
  switch (answer['status']) {
    case 'applied':
      io.out(`${kind} applied; ${stands}.`);
      for (const line of consequences(outcome)) io.out(line);
      io.out(`See how it goes on: ${follow}`);
      break;
    case 'refused': {
      io.err(`${kind} was refused; ${stands}.`);
      const { code } = outcome;
      if (isProblemCode(code)) {
        io.err(`${problems[code].title} (${code}).`);
        io.err(problems[code].next);
      }
      io.err(`See how it stands: ${follow}`);
      break;
    }
    default:
      io.out(`${kind} is queued; look again with: ${follow}`);
  }
}

const listed = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '');

/** What an order brought about, by the outcome that was written to its row. */
function consequences(outcome: Record<string, unknown>): string[] {
  const { step, skipped, undoing, fixed, reopened } = outcome;
  return [
    ...(typeof step === 'string' ? [`${step} is tried again.`] : []),
    ...(typeof skipped === 'string' ? [`${skipped} is left out.`] : []),
    ...(undoing === true ? ['What was done is undone, last in, first out.'] : []),
    ...(Array.isArray(fixed)
      ? [
          fixed.length > 0
            ? `New: ${listed(fixed)}.`
            : 'Nothing of it was new; tried again all the same.',
        ]
      : []),
    ...(listed(reopened) === '' ? [] : [`Done once more: ${listed(reopened)}.`]),
  ];
}

interface FoundJob {
  readonly job_id: string;
  readonly invite_id: string;
  readonly client_id: string;
  readonly tenant_slug: string;
}

// As `findOne` of those commands that have the database at hand.
async function jobIdOf(api: ApiClient, search: string): Promise<string> {
  const jobsBy = async (filter: string, text: string): Promise<readonly FoundJob[]> => {
    const query = new URLSearchParams({ [filter]: text, limit: '100' });
    return (await api.get(`/onboarding/jobs?${query.toString()}`))['items'] as FoundJob[];
  };
  if (isUuid(search)) {
    const id = search.toLowerCase();
    const jobs = await jobsBy('q', id);
    const own = jobs.find((job) => [job.invite_id, job.client_id].includes(id));
    // The API says itself what it does not find.
    return own?.job_id ?? id;
  }
  const jobs = await jobsBy('slug', search);
  const found = jobs.find((job) => job.tenant_slug === search);
  if (found) return found.job_id;
  const near = [...new Set(jobs.map((job) => job.tenant_slug))].slice(0, 5);
  throw new CommandFailure(
    `There is no onboarding of a tenant ${search}.`,
    near.length > 0
      ? `Near it: ${near.join(', ')}.`
      : 'Search with `usher onboarding list PART-OF-ADDRESS-OR-SLUG`.',
  );
}

async function fixInputs(input: Input, io: CliIo): Promise<Record<string, string>> {
  const inputs: Record<string, string> = {};
  const spreadsheetId = input.text('spreadsheet-id');
  const ownerEmail = input.text('owner-email');
  if (spreadsheetId !== undefined) inputs['spreadsheet_id'] = spreadsheetId;
  if (ownerEmail !== undefined) inputs['owner_email'] = ownerEmail;
  if (input.has('wb-token-stdin')) {
    if (io.interactive) io.err('Paste the token and end with Ctrl-D on an empty line.');
    inputs['wb_token'] = (await io.readStdin()).trim();
    if (inputs['wb_token'] === '')
      throw new UsageError('--wb-token-stdin got nothing on standard input');
  }
  if (Object.keys(inputs).length === 0) {
    throw new UsageError(
      'fix needs a new input: --spreadsheet-id, --owner-email or --wb-token-stdin',
    );
  }
  return inputs;
}

/** What a person can tell an onboarding. */
export const orderCommands: readonly Command[] = [
  order('retry', 'Order: try the parked step again'),
  order(
    'fix',
    'Order: hand over new input, then try again',
    {
      'spreadsheet-id': { value: 'ID', about: 'Another spreadsheet' },
      'owner-email': { value: 'ADDRESS', about: 'Another owner of the spreadsheet' },
      'wb-token-stdin': { about: 'Read a new marketplace token from standard input' },
    },
    fixInputs,
  ),
  order('skip', 'Order: leave the parked step out, where its connector allows that'),
  order('rollback', 'Order: undo what was done, last in, first out'),
  order('cancel', 'Order: stop; what stands outside is marked and left'),
];
