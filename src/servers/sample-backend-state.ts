import { closeSync, fdatasync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { writePrivateFile } from './state-files';

/** A spreadsheet as the sample backend knows it. */
export interface Spreadsheet {
  readonly spreadsheet_id: string;
  owner_email: string | null;
  is_active: boolean;
  /** How often it was registered, by itself or along with a token; an answer replayed for its key does not count. */
  registered: number;
  deleted: number;
  updates: number;
  readonly tokens: Map<string, { token: string; added: number }>;
}

/** One change; the log is a list of these. */
export type Effect =
  | { readonly do: 'register'; readonly id: string; readonly owner: string | null }
  | {
      readonly do: 'add-token';
      readonly id: string;
      readonly owner: string | null;
      readonly sid: string;
      readonly token: string;
    }
  | { readonly do: 'delete'; readonly id: string }
  | { readonly do: 'delete-token'; readonly id: string; readonly sid: string }
  | { readonly do: 'update'; readonly id: string };

/** The first answer to an Idempotency-Key. */
export interface KeptAnswer {
  readonly key: string;
  /** Digest of method, path and body. */
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

interface Entry {
  readonly effect: Effect;
  readonly answer?: KeptAnswer;
}

/** What the backend holds; every change is in the state file before it is answered. */
export interface BackendState {
  readonly spreadsheets: ReadonlyMap<string, Spreadsheet>;
  /** Applies a change together with the answer that its key gets from now on. */
  commit(effect: Effect, answer?: KeptAnswer): void;
  answerTo(key: string): KeptAnswer | undefined;
  /** Forgets everything. */
  clear(): void;
  close(): void;
}

const mostAnswers = 100_000;
const syncEveryMs = 500;

/**
 * Opens the state: an append log, replayed at the start. A line reaches the kernel before the answer leaves, which
 * outlives a killed process; the disk is synced twice a second. A line cut short at the end is dropped.
 */
export function openState(file: string | undefined): BackendState {
  const spreadsheets = new Map<string, Spreadsheet>();
  const answers = new Map<string, KeptAnswer>();
  const take = ({ effect, answer }: Entry) => {
    apply(spreadsheets, effect);
    if (answer === undefined) return;
    answers.set(answer.key, answer);
    const oldest = answers.size > mostAnswers ? answers.keys().next().value : undefined;
    if (oldest !== undefined) answers.delete(oldest);
  };
  const log = file === undefined ? undefined : openLog(file, take);
  return {
    spreadsheets,
    commit(effect, answer) {
      const entry: Entry = answer === undefined ? { effect } : { effect, answer };
      log?.append(entry);
      take(entry);
    },
    answerTo: (key) => answers.get(key),
    clear() {
      spreadsheets.clear();
      answers.clear();
      log?.empty();
    },
    close: () => log?.close(),
  };
}

function openLog(file: string, take: (entry: Entry) => void) {
  mkdirSync(dirname(file), { recursive: true });
  const whole = readLines(file, take);
  writePrivateFile(file, whole.map((line) => `${line}\n`).join(''));
  let descriptor = openSync(file, 'a');
  let dirty = false;
  const timer = setInterval(() => {
    if (!dirty) return;
    dirty = false;
    fdatasync(descriptor, () => undefined);
  }, syncEveryMs);
  timer.unref();
  return {
    append(entry: Entry) {
      writeSync(descriptor, `${JSON.stringify(entry)}\n`);
      dirty = true;
    },
    empty() {
      closeSync(descriptor);
      writePrivateFile(file, '');
      descriptor = openSync(file, 'a');
    },
    close() {
      clearInterval(timer);
      closeSync(descriptor);
    },
  };
}

function readLines(file: string, take: (entry: Entry) => void): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const whole: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      take(JSON.parse(line) as Entry);
    } catch {
      break;
    }
    whole.push(line);
  }
  return whole;
}

function apply(spreadsheets: Map<string, Spreadsheet>, effect: Effect): void {
  const known = spreadsheets.get(effect.id);
  switch (effect.do) {
    case 'register':
      register(spreadsheets, effect.id, effect.owner);
      return;
    case 'add-token': {
      const { tokens } = register(spreadsheets, effect.id, effect.owner);
      const added = (tokens.get(effect.sid)?.added ?? 0) + 1;
      tokens.set(effect.sid, { token: effect.token, added });
      return;
    }
    case 'delete':
      if (!known) return;
      known.is_active = false;
      known.deleted += 1;
      known.tokens.clear();
      return;
    case 'delete-token':
      known?.tokens.delete(effect.sid);
      return;
    case 'update':
      if (known) known.updates += 1;
  }
}

function register(
  spreadsheets: Map<string, Spreadsheet>,
  id: string,
  owner: string | null,
): Spreadsheet {
  const fresh: Spreadsheet = {
    spreadsheet_id: id,
    owner_email: owner,
    is_active: true,
    registered: 0,
    deleted: 0,
    updates: 0,
    tokens: new Map(),
  };
  const spreadsheet = spreadsheets.get(id) ?? fresh;
  spreadsheet.owner_email = owner;
  spreadsheet.is_active = true;
  spreadsheet.registered += 1;
  spreadsheets.set(id, spreadsheet);
  return spreadsheet;
}
