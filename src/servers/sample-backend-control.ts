import { z } from 'zod';
import { BackendFaults, BackendLimits } from './sample-backend-faults';
import type { BackendFault, FaultPlan, SlidingLimits } from './sample-backend-faults';
import { failure } from './sample-backend-routes';
import type { Answer } from './sample-backend-routes';
import type { BackendState } from './sample-backend-state';

/** One call that came in, as `GET /_test/calls` lists it. */
export interface SeenCall {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  /** Null when no answer was given. */
  status: number | null;
  readonly idempotency_key: string | null;
  replayed: boolean;
  readonly fault: BackendFault['mode'] | null;
  /** Names of the members that the body had. */
  readonly fields: readonly string[];
}

/** What tests read and set of a sample backend. */
export interface Control {
  readonly state: BackendState;
  readonly faults: FaultPlan;
  readonly limits: SlidingLimits;
  readonly calls: readonly SeenCall[];
  readonly reset: () => void;
}

/** Answers `/_test/objects`, `/_test/calls`, `/_test/faults`, `/_test/limits` and `/_test/reset`. */
export function answerTest(control: Control, method: string, url: URL, body: string): Answer {
  switch (`${method} ${url.pathname}`) {
    case 'GET /_test/objects':
      return success(objectsOf(control.state));
    case 'GET /_test/calls':
      return success(callsOf(control.calls, url.searchParams.get('path')));
    case 'POST /_test/faults':
      return set(BackendFaults, body, (faults) => {
        control.faults.set(faults);
      });
    case 'POST /_test/limits':
      return set(BackendLimits, body, (limits) => {
        control.limits.set(limits);
      });
    case 'POST /_test/reset':
      control.reset();
      return success({ success: true });
    default:
      return failure(404, 'not found');
  }
}

function success(value: object): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

function set<T>(schema: z.ZodType<T>, body: string, apply: (value: T) => void): Answer {
  const parsed = schema.safeParse(parseJson(body));
  if (!parsed.success) return failure(422, z.prettifyError(parsed.error));
  apply(parsed.data);
  return success({ success: true });
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function callsOf(all: readonly SeenCall[], path: string | null): object {
  const calls = all.filter((call) => path === null || call.path === path);
  const limited = calls.filter(({ status }) => status === 429).length;
  return { count: calls.length, rate_limited: limited, calls };
}

/** Counts and objects; of tokens the sids only. */
function objectsOf({ spreadsheets }: BackendState): object {
  const items = [...spreadsheets.values()].map(({ tokens, ...spreadsheet }) => ({
    ...spreadsheet,
    tokens: [...tokens].map(([sid, { added }]) => ({ sid, added })),
  }));
  const sum = (of: (item: (typeof items)[number]) => number) =>
    items.reduce((total, item) => total + of(item), 0);
  return {
    counts: {
      spreadsheets: items.length,
      active_spreadsheets: sum(({ is_active }) => Number(is_active)),
      tokens: sum(({ tokens }) => tokens.length),
      updates: sum(({ updates }) => updates),
    },
    spreadsheets: items,
  };
}
