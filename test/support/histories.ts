import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

const unhandledCommand =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND;

/** Everything that Temporal keeps of one run, as text: payloads decoded, headers, memo and failures included. */
export interface RawHistory {
  readonly workflowId: string;
  readonly text: string;
  /** Causes of workflow tasks that failed; that a signal came in just before the end is none: it is looked at again. */
  readonly failedTasks: readonly string[];
}

/** Fetches the history of every run that Temporal knows, or of those that a list filter selects. */
export async function* rawHistories(client: Client, query?: string): AsyncGenerator<RawHistory> {
  for await (const { workflowId, runId } of client.workflow.list(query ? { query } : {})) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    yield {
      workflowId,
      text: texts(events ?? []).join('\n'),
      failedTasks: (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
        failed && failed.cause !== unhandledCommand
          ? [failed.failure?.message ?? String(failed.cause)]
          : [],
      ),
    };
  }
}

/** Every text and every sequence of bytes below a value. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...texts(inner)]);
}
