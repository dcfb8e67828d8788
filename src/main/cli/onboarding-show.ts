import { toDetail } from '../../../api/routes/jobs';
import { getJob } from '../../domain/onboarding/job-detail';
import type { JobDetail, JobStep } from '../../domain/onboarding/job-detail';
import { orderKinds, orderPermission } from '../../domain/onboarding/jobs.rules';
import { isProblemCode, problems } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import type { CliIo, Command } from './command';
import { describeSteps } from './connector-files';
import { waitsFor } from './onboardings';
import { findOne } from './onboarding-search';
import { withDatabase } from './settings';
import { ago, fields, moment, printable, table } from './table';

const everyOrder = new Set(orderKinds.map(orderPermission));

/** Shows one onboarding whole. */
export const showOnboarding: Command = {
  name: 'onboarding show',
  summary: 'Show one onboarding with its steps, attempts, events, orders and mails',
  args: [
    {
      name: 'ONBOARDING',
      about: 'Id of the onboarding, invite or tenant, or the slug',
      required: true,
    },
  ],
  options: {
    attempts: { about: 'Show what was sent and answered, redacted' },
    json: { about: 'Print JSON' },
  },
  async run(input, io) {
    const [search = ''] = input.args;
    const describe = describeSteps(io);
    const job = await withDatabase(io, (db) =>
      withSystem(
        db,
        'cli',
        async (tx) => getJob(tx, (await findOne(tx, search)).id, everyOrder, describe),
        { readOnly: true, isolation: 'repeatable read' },
      ),
    );
    if (input.has('json')) io.out(JSON.stringify(toDetail(job)));
    else show(io, job, input.has('attempts'));
    return 0;
  },
};

function show(io: CliIo, job: JobDetail, attempts: boolean): void {
  const now = new Date();
  io.out(
    fields([
      ['onboarding', job.id],
      ['tenant', `${job.tenantSlug} (${job.tenantName}), ${job.tenantId}`],
      ['person', job.email],
      ['state', job.held ? `${job.state}, held for its roll-out stage` : job.state],
      ['kind', job.kind],
      ['blueprint', job.blueprint],
      ['step', job.step],
      ['waits for', waitsFor(job, now)],
      ['invited', moment(job.createdAt)],
      ['accepted', moment(job.acceptedAt)],
      ['active', moment(job.activatedAt)],
      ['last driven', job.drivenAt ? `${ago(job.drivenAt, now)} ago` : null],
      ['workflow', `onboarding/${job.inviteId}`],
    ]),
  );
  if (job.state === 'failed' && isProblemCode(job.problem)) {
    const { title, next } = problems[job.problem];
    io.out(`\nParked: ${title} (${job.problem}).\n${next}`);
  }
  const possible = job.actions.filter((one) => one.possible);
  if (possible.length > 0) io.out('\nPossible now');
  for (const { action } of possible) {
    const input =
      action === 'fix' ? ' [--spreadsheet-id ID] [--owner-email ADDRESS] [--wb-token-stdin]' : '';
    io.out(`  usher onboarding ${action} ${job.id}${input} --reason '…'`);
  }
  section(
    io,
    'Steps',
    ['STEP', 'STATUS', 'ATTEMPTS', 'LAST'],
    job.steps.map((step) => stepRow(step)),
  );
  if (attempts) for (const step of job.steps) showAttempts(io, step);
  section(
    io,
    'Orders',
    ['N', 'ORDER', 'STATUS', 'BY', 'AT (UTC)', 'REASON'],
    job.orders.map((one) => [
      String(one.number),
      one.kind,
      one.status,
      one.actor,
      moment(one.createdAt),
      one.reason,
    ]),
  );
  section(
    io,
    'Mails',
    ['KIND', 'STATUS', 'CREATED (UTC)', 'PROBLEM'],
    job.mails.map((one) => [one.kind, one.status, moment(one.createdAt), one.problem]),
  );
  section(
    io,
    'Events',
    ['AT (UTC)', 'WHAT', 'STATE', 'BY', 'REQUEST'],
    job.events.map((one) => [
      moment(one.at),
      one.type,
      one.to === null || one.to === one.from ? null : `${one.from ?? ''} → ${one.to}`.trim(),
      one.actor,
      one.requestId,
    ]),
  );
}

function stepRow(step: JobStep): (string | null)[] {
  const last = step.attempts.at(-1);
  const said = last
    ? [last.phase, last.outcome ?? 'under way', last.httpStatus, last.problem].filter(
        (part) => part !== null,
      )
    : [];
  return [step.key, step.status, String(step.attempts.length), said.join(' ') || null];
}

function showAttempts(io: CliIo, step: JobStep): void {
  for (const attempt of step.attempts) {
    io.out(
      `\n${step.key}, attempt ${String(attempt.n)} (${attempt.phase}), ${moment(attempt.startedAt)}`,
    );
    io.out(`  sent      ${printable(JSON.stringify(attempt.request))}`);
    io.out(`  answered  ${printable(JSON.stringify(attempt.response))}`);
  }
}

function section(
  io: CliIo,
  title: string,
  headings: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): void {
  if (rows.length === 0) return;
  io.out(`\n${title}`);
  io.out(table(headings, rows));
}
