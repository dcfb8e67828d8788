import type { ProcessMark, StopStep } from './process-identity';

/** A process for the keeper to run. */
export interface KeptSpec {
  /** Unique while it runs. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Its output is appended here. */
  readonly logFile: string;
  /** OS user to run as; only root can ask for it. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** Its first line of JSON on stdout says that it is ready. */
  readonly announces?: boolean | undefined;
  /** When everything ends, lower stages are stopped first, each stage whole before the next. */
  readonly stage: number;
  readonly stop: readonly StopStep[];
}

/** Stages in which the system is stopped: those that use a server before the server. */
export const stages = { program: 0, tool: 1, temporal: 2, postgres: 3 } as const;

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * From the parent, one JSON object a line on the keeper's stdin; the end of the stream ends
 * everything.
 */
export type KeeperRequest =
  | { readonly id: number; readonly start: KeptSpec }
  | { readonly id: number; readonly stop: string };

/** From the keeper, one JSON object a line on its stdout. */
export type KeeperMessage =
  | { readonly id: number; readonly pid?: number; readonly error?: { code: string; text: string } }
  | { readonly exited: string; readonly pid: number; readonly exit: ProcessExit }
  | { readonly ready: string; readonly pid: number; readonly value: unknown };

/** What a keeper writes down for the next start, in `keepers/<pid>.json` of the state folder. */
export interface KeeperRecord {
  readonly keeper: ProcessMark;
  readonly parent: ProcessMark | null;
  readonly processes: readonly (ProcessMark & {
    readonly name: string;
    readonly stage: number;
    readonly stop: readonly StopStep[];
  })[];
}
