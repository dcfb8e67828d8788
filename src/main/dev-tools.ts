import { join } from 'node:path';
import { keptPort } from '../servers/free-port';
import { compiledProgram, type Keeper, type KeptProcess } from '../servers/keeper-client';
import { stages } from '../servers/keeper-protocol';
import { startObjectStore } from '../servers/object-store';
import type { StoreCredentials } from '../servers/object-store-signature';
import { lastLines, logEnd, logSince, rotateLog } from '../servers/log-tail';
import type { ServerLog } from '../servers/server-log';
import { SetupError } from '../servers/setup-error';
import { objectStoreBucket } from './dev-environment';
import type { Terminal } from './terminal';

/** What a development system's parts are started with. */
export interface SystemContext {
  readonly root: string;
  readonly stateDir: string;
  readonly terminal: Terminal;
  /** Owns every process; closing it stops the system in order. */
  readonly keeper: Keeper;
  readonly log: ServerLog;
}

/** A tool process that announced where it answers. */
export interface ToolServer {
  readonly url: string;
  readonly pid: number;
  readonly announced: Readonly<Record<string, unknown>>;
  readonly exited: KeptProcess['exited'];
  stop(): Promise<void>;
}

interface ToolOptions {
  readonly name: string;
  readonly program: string;
  /** Options of the program that name a port; each stays the same over restarts. */
  readonly ports: Readonly<Record<string, { readonly name: string; readonly preferred?: number }>>;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const startAttempts = 3;

/** Starts a program that prints one JSON line with its URL when it is ready. */
async function startTool(context: SystemContext, options: ToolOptions): Promise<ToolServer> {
  const { stateDir, root, keeper } = context;
  const logFile = join(stateDir, 'logs', `${options.name}.log`);
  rotateLog(logFile);
  for (let attempt = 1; ; attempt += 1) {
    const from = logEnd(logFile);
    const ports: string[] = [];
    for (const [flag, { name, preferred }] of Object.entries(options.ports)) {
      ports.push(flag, String(await keptPort(stateDir, name, preferred)));
    }
    const kept = await keeper.start({
      name: options.name,
      file: process.execPath,
      args: [compiledProgram(options.program), ...ports, ...options.args],
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
      cwd: root,
      logFile,
      announces: true,
      stage: stages.tool,
      stop: [['SIGTERM', 5_000]],
    });
    try {
      const announced = (await kept.ready) as Record<string, unknown>;
      const { pid, exited } = kept;
      const stop = () => kept.stop();
      return { url: String(announced['url']), pid, announced, exited, stop };
    } catch (error) {
      const output = logSince(logFile, from);
      // Another program took the port between the look and the start.
      if (output.includes('EADDRINUSE') && attempt < startAttempts) continue;
      const message = `${(error as Error).message}.\n${lastLines(output)}`;
      throw new SetupError(message, `Its log is ${logFile}.`, error);
    }
  }
}

/** The mailbox, whose mails are kept in the state folder. */
export function startMailboxProcess(context: SystemContext): Promise<ToolServer> {
  return startTool(context, {
    name: 'mailbox',
    program: 'mailbox',
    ports: { '--http-port': { name: 'mailbox', preferred: 8025 }, '--smtp-port': { name: 'smtp' } },
    args: ['--state', join(context.stateDir, 'mailbox.jsonl')],
  });
}

/** The sample provisioning backend. */
export function startBackendProcess(context: SystemContext, key: string): Promise<ToolServer> {
  return startTool(context, {
    name: 'backend',
    program: 'sample-backend',
    ports: { '--port': { name: 'backend' } },
    args: ['--state', join(context.stateDir, 'backend.json')],
    env: { SAMPLE_BACKEND_KEY: key },
  });
}

/**
 * The object store, in this process; it ends once the keeper has stopped everything that may still write to it.
 * Answers its URL.
 */
export async function startObjects(
  { stateDir, keeper }: SystemContext,
  credentials: StoreCredentials,
): Promise<string> {
  const dir = join(stateDir, 'objects');
  const port = await keptPort(stateDir, 'objects');
  const bucket = objectStoreBucket;
  const store = await startObjectStore({ ...credentials, port, dir, bucket });
  void keeper.ended.then(() => store.stop());
  return store.url;
}
