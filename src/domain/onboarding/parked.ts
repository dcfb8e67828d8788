import type { Tx } from '../../platform/db';

/** Most onboardings that one bulk order touches. */
const most = 500;

/** The parked onboardings that a bulk retry means, oldest first. */
export async function matchingParked(
  tx: Tx,
  filter: {
    readonly failed_step?: string | undefined;
    readonly problem?: string | undefined;
    readonly parked_before?: string | undefined;
    readonly job_ids?: readonly string[] | undefined;
  },
): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(
    `select id from onboardings
     where state = 'failed' and waiting_for = 'order'
       and ($1::text is null or failed_step = $1) and ($2::text is null or problem = $2)
       and ($3::timestamptz is null or parked_at < $3) and ($4::uuid[] is null or id = any($4))
     order by parked_at limit ${String(most)}`,
    [
      filter.failed_step ?? null,
      filter.problem ?? null,
      filter.parked_before === undefined ? null : new Date(filter.parked_before),
      filter.job_ids ?? null,
    ],
  );
  return rows.map(({ id }) => id);
}
