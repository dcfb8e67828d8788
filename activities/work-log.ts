import { performance } from 'node:perf_hooks';
import { Context } from '@temporalio/activity';
import type { Info } from '@temporalio/activity';
import type { Log } from '../src/platform/log';
import { requestContext, withRequestContext, workNotes } from '../src/platform/request-context';
import type { WorkNotes } from '../src/platform/request-context';

/** What each line about an activity says of it, up to the moment it is asked for. */
export type ActivityFields = () => Readonly<Record<string, unknown>>;

/** Names an activity in the log, and how long it has run by now. */
export function fieldsOf(info: Info): ActivityFields {
  const started = performance.now();
  return () => ({
    'activity.type': info.activityType,
    'activity.attempt': info.attempt,
    'workflow.id': info.workflowExecution?.workflowId,
    duration_ms: Math.round(performance.now() - started),
  });
}

/** Does some work and tells in one line what its notes say came of it. */
export async function reported<T>(
  log: Log,
  fields: ActivityFields,
  work: () => Promise<T>,
): Promise<T> {
  const result = await work();
  report(log, fields(), workNotes());
  return result;
}

/** Does a second piece of work within an activity, on behalf of the same request, with a line of its own. */
export function reportedApart<T>(log: Log, work: () => Promise<T>): Promise<T> {
  const context = requestContext();
  const fields = fieldsOf(Context.current().info);
  const told = (): Promise<T> => reported(log, fields, work);
  return context ? withRequestContext(context, told) : told();
}

// A look that changed nothing is of no interest, and there are many of them.
function report(log: Log, fields: Record<string, unknown>, notes: WorkNotes): void {
  const { event, step, problem } = notes;
  const did = sentence(notes);
  if (did === undefined) log.debug(fields, `Activity ${String(fields['activity.type'])} done`);
  else if (step !== undefined && problem !== undefined) log.warn(fields, did);
  else if (event === 'parked') log.warn(fields, did);
  else log.info(fields, did);
}

function sentence(notes: WorkNotes): string | undefined {
  const { event, state, step, problem } = notes;
  const [phase, outcome] = [notes['step.phase'], notes['step.outcome']];
  if (event === 'parked') return `The onboarding is parked at ${String(step)}: ${String(problem)}`;
  if (outcome !== undefined) return `Step ${String(step)} (${String(phase)}): ${String(outcome)}`;
  if (event !== undefined) return `The onboarding is ${String(state)} (${String(event)})`;
  return undefined;
}
