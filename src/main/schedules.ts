import { createHash } from 'node:crypto';
import { ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { ScheduleDescription, ScheduleOptions } from '@temporalio/client';
import type { Deps } from './deps';

/** A schedule of Usher: its tick plans in Postgres and wakes the workflows that do the work. */
type Tick = { readonly name: string; readonly workflowType: string } & (
  { readonly every: string } | { readonly hourUtc: number }
);

const ticksOf = ({ env }: Pick<Deps, 'env'>): readonly Tick[] => [
  { name: 'reconcile-tenants', workflowType: 'planReconciliation', every: '1 hour' },
  { name: 'evaluate-gates', workflowType: 'evaluateRollout', every: '5 minutes' },
  { name: 'look-after-keys', workflowType: 'lookAfterKeys', every: '10 minutes' },
  { name: 'verify-audit', workflowType: 'verifyAudit', hourUtc: 2 },
  ...(env.ARCHIVE_ENABLED
    ? [
        {
          name: 'archive-audit',
          workflowType: 'planArchive',
          hourUtc: env.ARCHIVE_RUN_HOUR_UTC,
        },
      ]
    : []),
];

const memoField = 'usher-hash';

/**
 * Brings the schedules below `usher/<task queue>/` in step with this build: missing ones are created, changed ones
 * replaced, unknown ones removed. One that an operator paused stays paused. Others are never touched.
 */
export async function reconcileSchedules(deps: Deps): Promise<void> {
  const prefix = `usher/${deps.env.TASK_QUEUE}/`;
  const { schedule } = deps.temporal.client;
  const wanted = new Map(
    ticksOf(deps).map((tick) => [prefix + tick.name, optionsOf(deps, prefix, tick)]),
  );
  for (const [id, options] of wanted) await reconcileOne(deps, id, options);
  for await (const { scheduleId } of schedule.list()) {
    if (scheduleId.startsWith(prefix) && !wanted.has(scheduleId)) {
      await schedule.getHandle(scheduleId).delete();
    }
  }
}

function optionsOf(deps: Deps, prefix: string, tick: Tick): ScheduleOptions {
  const options = {
    scheduleId: prefix + tick.name,
    ...('every' in tick
      ? {
          spec: { intervals: [{ every: tick.every }], jitter: '30 seconds' },
          policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '10 minutes' },
        }
      : {
          spec: { calendars: [{ hour: tick.hourUtc }], jitter: '5 minutes' },
          // A day that was missed is one that can be made up for on the same day.
          policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '12 hours' },
        }),
    action: {
      type: 'startWorkflow',
      workflowType: tick.workflowType,
      workflowId: `tick/${deps.env.TASK_QUEUE}/${tick.name}`,
      taskQueue: deps.env.TASK_QUEUE,
      args: [],
    },
  } as unknown as ScheduleOptions;
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16);
  return { ...options, memo: { [memoField]: hash } };
}

async function reconcileOne(deps: Deps, id: string, options: ScheduleOptions): Promise<void> {
  const { schedule } = deps.temporal.client;
  const standing = await describe(deps, id);
  if (standing?.memo?.[memoField] === options.memo?.[memoField] && standing) return;
  // A memo cannot be updated, so a changed schedule is replaced; whether it is paused is the operator's.
  const paused = standing?.state.paused ?? false;
  const note = standing?.state.note;
  if (standing) await schedule.getHandle(id).delete();
  await schedule.create({ ...options, state: { paused, ...(note ? { note } : {}) } });
  deps.log.info({ 'schedule.id': id }, standing ? 'Replaced a schedule' : 'Created a schedule');
}

async function describe(deps: Deps, id: string): Promise<ScheduleDescription | undefined> {
  try {
    return await deps.temporal.client.schedule.getHandle(id).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
