/**
 * SQL for a reconciler: nobody is waking this workflow, and nobody has for five minutes. A wake-up that was delivered
 * leaves the row as it was until its run looks; without the pause a reconciler would signal a run that cannot look (no
 * worker, or a backlog) again with every round, until it takes no more signals. One refused for good waits as long.
 * All wake-ups of a workflow are found by the index on the aggregate and its numbers.
 * @param aggregate an SQL expression for the workflow's id
 */
export const notWokenLately = (
  aggregate: string,
): string => `not exists (select 1 from outbox as woken
  where woken.aggregate = ${aggregate}
    and (woken.delivered_at is null and woken.dead_at is null
      or woken.delivered_at > now() - interval '5 minutes'
      or woken.dead_at > now() - interval '5 minutes'))`;
