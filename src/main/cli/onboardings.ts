import { toJob } from '../../../api/routes/jobs';
import { OnboardingState } from '../../contracts/onboardings';
import { listJobs } from '../../domain/onboarding/jobs';
import type { Job } from '../../domain/onboarding/jobs';
import { withSystem } from '../../platform/db';
import { UsageError } from './command';
import type { Command, Input } from './command';
import { durationOf, limitOf } from './limits';
import { everyPage } from './pages';
import { withDatabase } from './settings';
import { nearest } from './suggest';
import { ago, table } from './table';

/** Lists onboardings. */
export const listOnboardings: Command = {
  name: 'onboarding list',
  summary: 'List onboardings, newest first',
  args: [
    { name: 'SEARCH', about: 'Part of an address, slug or tenant name, or an id or request id' },
  ],
  options: {
    state: { value: 'STATE', about: `Only this state: ${OnboardingState.options.join(', ')}` },
    parked: { about: 'Short for --state failed' },
    'failed-step': { value: 'KEY', about: 'Parked at this step, such as sample.register' },
    problem: { value: 'CODE', about: 'Parked with this problem' },
    'parked-for': { value: 'TIME', about: 'Parked for at least so long, such as 2h' },
    email: { value: 'TEXT', about: 'Part of the address' },
    slug: { value: 'TEXT', about: "Part of the tenant's slug" },
    limit: { value: 'N', about: 'At most so many; default 50' },
    json: { about: 'Print JSON' },
  },
  examples: ['--parked', '--state email_confirmed --limit 10', 'acme'],
  async run(input, io) {
    const now = new Date();
    const filter = filterOf(input, now);
    const most = limitOf(input, 'limit', 50, 1, 10_000);
    const jobs = await withDatabase(io, (db) =>
      everyPage((keyset) => withSystem(db, 'cli', (tx) => listJobs(tx, filter, keyset)), most),
    );
    if (input.has('json')) io.out(JSON.stringify(jobs.map(toJob)));
    else if (jobs.length === 0) io.out('No onboarding matches.');
    else {
      const rows = jobs.map((job) => [
        job.id,
        job.tenantSlug,
        job.state,
        job.step,
        waitsFor(job, now),
        ago(job.createdAt, now),
        job.email,
      ]);
      io.out(table(['ID', 'TENANT', 'STATE', 'STEP', 'WAITS', 'AGE', 'E-MAIL'], rows));
      if (jobs.length === most) io.out(`\nMore may follow: --limit ${String(most * 2)}`);
    }
    return 0;
  },
};

function filterOf(input: Input, now: Date) {
  const parkedFor = durationOf(input, 'parked-for');
  const state = input.has('parked') ? 'failed' : input.text('state');
  const known: readonly string[] = OnboardingState.options;
  if (state !== undefined && !known.includes(state)) {
    const guess = nearest(state, known);
    throw new UsageError(`${state} is no state${guess ? `; did you mean ${guess}?` : ''}`);
  }
  return {
    state: state as OnboardingState | undefined,
    failed_step: input.text('failed-step'),
    problem: input.text('problem'),
    parked_before:
      parkedFor === undefined
        ? undefined
        : new Date(now.getTime() - parkedFor * 1000).toISOString(),
    email: input.text('email'),
    slug: input.text('slug'),
    q: input.args[0],
  };
}

/** What an onboarding waits for, in a few words; null when it runs or has ended. */
export function waitsFor(job: Job, now: Date): string | null {
  if (job.state === 'failed')
    return `order, ${ago(job.parkedAt, now)}: ${job.problem ?? 'unknown'}`;
  if (job.waitingFor === 'customer') return `customer, ${ago(job.waitingSince, now)}`;
  if (job.held) return 'its roll-out stage';
  return job.state === 'invited' ? 'accept' : null;
}
