import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from './pid-lock';
import type { ProcessMark } from './process-identity';
import { readJson, writePrivateJson } from './state-files';

/** Processes of one kind and where they answer. */
export interface RunningPrograms {
  readonly url: string;
  readonly pids: readonly number[];
}

/**
 * `run.json` of the state folder: how outside tools reach and drive the running development system.
 * A `pid` is null where the server is not ours (DATABASE_URL, TEMPORAL_ADDRESS, SMTP_URL), a `url`
 * where there is none.
 */
export interface RunFile {
  readonly api: RunningPrograms;
  readonly worker: RunningPrograms;
  readonly mailbox: {
    readonly url: string | null;
    readonly smtp_url: string | null;
    readonly pid: number | null;
  };
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly ui_url: string | null;
    readonly pid: number | null;
  };
  readonly postgres: {
    readonly app_url: string;
    readonly owner_url: string | null;
    readonly sequencer_url: string | null;
    readonly pid: number | null;
  };
  readonly backend: { readonly url: string; readonly pid: number };
  /** The object store, which runs in the process of bin/dev; null where it is AWS itself (AUDIT_COLD_*). */
  readonly objects: { readonly url: string | null };
  /** Key of a service account that may do everything. */
  readonly owner_key: string;
}

const fileOf = (stateDir: string) => join(stateDir, 'run.json');

/** Held by the process that runs the state folder's system. */
export function systemLockFile(stateDir: string): string {
  return join(stateDir, 'system.lock');
}

/** The state folder of a clone: `.usher`, unless USHER_STATE_DIR names another; empty names none. */
export function stateDirOf(root: string): string {
  return process.env['USHER_STATE_DIR'] || join(root, '.usher');
}

/** Writes run.json (0600), whole or not at all. */
export function writeRunFile(stateDir: string, run: RunFile): void {
  writePrivateJson(fileOf(stateDir), run);
}

/** Deletes run.json. */
export function removeRunFile(stateDir: string): void {
  rmSync(fileOf(stateDir), { force: true });
}

/**
 * The running system of a state folder; null when none runs, also when one was killed and left its
 * run.json.
 */
export function readRunFile(stateDir: string): { run: RunFile | null; owner: ProcessMark } | null {
  const owner = lockHolder(systemLockFile(stateDir));
  if (owner === null) return null;
  return { run: (readJson(fileOf(stateDir)) as RunFile | undefined) ?? null, owner };
}
