import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { deferred, type Deferred } from './deferred';
import { lastLines, logEnd, logSince } from './log-tail';
import { SetupError } from './setup-error';
import type { KeeperMessage, KeeperRequest, KeptSpec, ProcessExit } from './keeper-protocol';

/** A process that the keeper runs. */
export interface KeptProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason, or when the keeper was lost. */
  readonly exited: Promise<ProcessExit>;
  /** What it announced on its stdout; rejects when it ends before that. Only with `announces`. */
  readonly ready: Promise<unknown>;
  stop(): Promise<void>;
}

/** A running keeper. It ends with everything it runs when this process ends. */
export interface Keeper {
  readonly pid: number;
  /** Runs a process. Rejects with the system's code when it cannot be started. */
  start(spec: KeptSpec): Promise<KeptProcess>;
  /** Resolves when the keeper has ended. */
  readonly ended: Promise<void>;
  /** Stops everything in order and waits for the end. */
  close(): Promise<void>;
}

interface Birth {
  readonly exited: Deferred<ProcessExit>;
  readonly announced: Deferred<unknown>;
}

type Answer = Extract<KeeperMessage, { id: number }>;

/** The compiled program beside this file, also when this file itself runs from source (tests). */
export function compiledProgram(name: string): string {
  const beside = join(__dirname, `${name}.js`);
  if (existsSync(beside)) return beside;
  const compiled = join(__dirname, '..', '..', 'dist', 'src', 'servers', `${name}.js`);
  if (existsSync(compiled)) return compiled;
  throw new SetupError(`${compiled} is missing.`, 'Build it: npm run build');
}

/** Starts a keeper for the servers of one state folder. */
export function startKeeper({ stateDir }: { stateDir: string }): Keeper {
  const logFile = join(stateDir, 'logs', 'keeper.log');
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o600);
  const args = [compiledProgram('keeper'), stateDir, String(process.pid)];
  const child = spawn(process.execPath, args, {
    cwd: stateDir,
    detached: true,
    stdio: ['pipe', 'pipe', log],
  }) as ChildProcessByStdio<Writable, Readable, null>;
  closeSync(log);

  const answers = new Map<number, (answer: Answer) => void>();
  const births = new Map<number, Birth>();
  let lastId = 0;
  let waiting = 0;

  // Open only as long as somebody waits for an answer: the keeper never holds its parent's event
  // loop.
  const handles = [child, child.stdout, child.stdin] as unknown as { ref(): void; unref(): void }[];
  const held = async <T>(promise: Promise<T>): Promise<T> => {
    if (waiting === 0) for (const handle of handles) handle.ref();
    waiting += 1;
    try {
      return await promise;
    } finally {
      waiting -= 1;
      if (waiting === 0) for (const handle of handles) handle.unref();
    }
  };
  for (const handle of handles) handle.unref();

  const lost = (id: number): Answer => ({
    id,
    error: { code: 'LOST', text: 'the keeper has ended' },
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      for (const [id, answer] of answers) answer(lost(id));
      for (const { exited } of births.values()) exited.resolve({ code: null, signal: null });
      resolve();
    });
  });
  child.once('error', () => undefined);
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as KeeperMessage;
    if ('exited' in message) births.get(message.pid)?.exited.resolve(message.exit);
    else if ('ready' in message) births.get(message.pid)?.announced.resolve(message.value);
    else {
      // Registered here and not by the waiting caller: its end may be in the very next line.
      if (message.pid !== undefined) {
        births.set(message.pid, { exited: deferred(), announced: deferred() });
      }
      answers.get(message.id)?.(message);
    }
  });

  const ask = async (request: (id: number) => KeeperRequest): Promise<number> => {
    lastId += 1;
    const id = lastId;
    const answered = new Promise<Answer>((resolve) => {
      answers.set(id, resolve);
      if (child.exitCode !== null || child.signalCode !== null) resolve(lost(id));
      else child.stdin.write(`${JSON.stringify(request(id))}\n`);
    });
    const { pid, error } = await held(answered);
    answers.delete(id);
    if (error) throw Object.assign(new Error(error.text), { code: error.code });
    return pid ?? 0;
  };

  const start = async (spec: KeptSpec): Promise<KeptProcess> => {
    const logged = logEnd(spec.logFile);
    const pid = await ask((id) => ({ id, start: spec }));
    const birth = births.get(pid);
    if (!birth) throw new Error(`the keeper has no process ${String(pid)}`);
    const exited = birth.exited.promise;
    void exited.then(() => births.delete(pid));
    const failed = exited.then(({ code, signal }) => {
      const how = signal ?? `exit code ${String(code)}`;
      const said = lastLines(logSince(spec.logFile, logged));
      throw new Error(`${spec.name} ended (${how}) before it was ready:\n${said}`);
    });
    const ready = spec.announces
      ? held(Promise.race([birth.announced.promise, failed]))
      : Promise.resolve(undefined);
    failed.catch(() => undefined);
    ready.catch(() => undefined);
    const stop = async () => {
      await ask((id) => ({ id, stop: spec.name })).catch(() => undefined);
      await held(exited);
    };
    return { name: spec.name, pid, exited, ready, stop };
  };

  const close = async () => {
    child.stdin.end();
    await held(ended);
  };
  return { pid: child.pid ?? 0, ended, start, close };
}
