import type { z } from 'zod';
import type { SeenCall } from '../../src/servers/sample-backend-control';
import type { BackendFault, BackendLimit } from '../../src/servers/sample-backend-faults';

/** A spreadsheet as the sample backend lists it to tests. */
export interface BackendObject {
  readonly spreadsheet_id: string;
  readonly owner_email: string | null;
  readonly is_active: boolean;
  readonly registered: number;
  readonly deleted: number;
  readonly updates: number;
  readonly tokens: readonly { readonly sid: string; readonly added: number }[];
}

/** What tests tell a sample backend, and read of it. */
export interface BackendControl {
  /** The spreadsheet of that id; undefined when the backend has never heard of it. */
  object(spreadsheetId: string): Promise<BackendObject | undefined>;
  objects(): Promise<readonly BackendObject[]>;
  calls(path?: string): Promise<readonly SeenCall[]>;
  /** Replaces the faults in force; none at all with an empty list. */
  faults(...faults: readonly z.input<typeof BackendFault>[]): Promise<void>;
  limits(...limits: readonly BackendLimit[]): Promise<void>;
  /** How many calls the backend has refused by its own limit. */
  refused(path?: string): Promise<number>;
}

/** Paths of the sample backend. */
export const paths = {
  register: '/admin/spreadsheets/register',
  addToken: '/admin/wb/tokens/add',
  verify: '/ss/wb/token/get',
  smoke: '/ss/datasets/update',
} as const;

/** Speaks to the test side of a sample backend. */
export function backendControl(url: string): BackendControl {
  const ask = async <T>(path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/_test/${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const listed = (path?: string) =>
    ask<{ calls: SeenCall[]; rate_limited: number }>(
      path === undefined ? 'calls' : `calls?path=${encodeURIComponent(path)}`,
    );
  const objects = async () =>
    (await ask<{ spreadsheets: BackendObject[] }>('objects')).spreadsheets;
  return {
    objects,
    object: async (id) => (await objects()).find((one) => one.spreadsheet_id === id),
    calls: async (path) => (await listed(path)).calls,
    faults: (...faults) => ask('faults', faults),
    limits: (...limits) => ask('limits', limits),
    refused: async (path) => (await listed(path)).rate_limited,
  };
}
