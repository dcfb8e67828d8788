import { listJobs } from '../../domain/onboarding/jobs';
import type { Job } from '../../domain/onboarding/jobs';
import type { Tx } from '../../platform/db';
import { isUuid } from '../../platform/ids';
import { CommandFailure } from './command';

/** How `findOne` chooses: the onboarding itself, that of an invite, or a tenant's newest. */
function fits(job: Job, search: string): boolean {
  return [job.id, job.inviteId, job.tenantId, job.tenantSlug].includes(search);
}

/**
 * The onboarding that a person means by the id of an onboarding, invite or tenant, or by a slug; of several in one
 * tenant the newest.
 * @throws CommandFailure naming what is near when there is none
 */
export async function findOne(tx: Tx, search: string): Promise<Job> {
  const text = isUuid(search) ? search.toLowerCase() : search;
  const filter = isUuid(text) ? { q: text } : { slug: text };
  const { items } = await listJobs(tx, filter, { limit: 100, after: null });
  const found = items.find((job) => job.id === text) ?? items.find((job) => fits(job, text));
  if (found) return found;
  const near = [...new Set(items.map(({ tenantSlug }) => tenantSlug))].slice(0, 5);
  throw new CommandFailure(
    `There is no onboarding of ${search}.`,
    near.length > 0
      ? `Near it: ${near.join(', ')}.`
      : 'Search with `usher onboarding list PART-OF-ADDRESS-OR-SLUG`.',
  );
}
