/**
 * The keeper: a small process that owns the servers of a development or test system. It leads their
 * process group, so that a Ctrl-C in the terminal does not reach them, and stops them in order when
 * its stdin closes, that is when its parent ends in whatever way. What it runs is written down for
 * the next start, should the keeper itself be killed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { endProcess, markProcess, type ProcessMark } from './process-identity';
import { systemCode } from './setup-error';
import { writePrivateJson } from './state-files';
import type { KeeperMessage, KeeperRecord, KeeperRequest, KeptSpec } from './keeper-protocol';

interface Kept {
  readonly spec: KeptSpec;
  readonly child: ChildProcess;
  readonly mark: ProcessMark;
}

const [stateDir = '', parentPid = ''] = process.argv.slice(2);
const recordFile = join(stateDir, 'keepers', `${process.pid}.json`);
const keeper = markProcess(process.pid);
const parent = markProcess(Number(parentPid));
const running = new Map<string, Kept>();
let ending = false;

function send(message: KeeperMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function writeRecord(): void {
  if (keeper === null) return;
  const processes = [...running.values()].map(({ spec, mark }) => ({
    ...mark,
    name: spec.name,
    stage: spec.stage,
    stop: spec.stop,
  }));
  const record: KeeperRecord = { keeper, parent, processes };
  try {
    writePrivateJson(recordFile, record);
  } catch (error) {
    // A full disk or a deleted state folder must not end the servers; a leftover is then found by
    // its data folder.
    process.stderr.write(`keeper: cannot write ${recordFile}: ${String(systemCode(error))}\n`);
  }
}

function announceFirstJsonLine(spec: KeptSpec, child: ChildProcess, log: number): void {
  if (!child.stdout) return;
  let announced = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    writeSync(log, `${line}\n`);
    if (announced || !line.startsWith('{')) return;
    try {
      send({ ready: spec.name, pid: child.pid ?? 0, value: JSON.parse(line) as unknown });
      announced = true;
    } catch {
      // A line that only looks like JSON; the announcement is still to come.
    }
  });
}

function start(id: number, spec: KeptSpec): void {
  const refuse = (code: string, text: string) => {
    send({ id, error: { code, text } });
  };
  if (ending) {
    refuse('ENDING', 'the keeper is shutting down');
    return;
  }
  if (running.has(spec.name)) {
    refuse('RUNNING', `${spec.name} runs already`);
    return;
  }
  let log: number;
  let child: ChildProcess;
  try {
    mkdirSync(dirname(spec.logFile), { recursive: true });
    log = openSync(spec.logFile, 'a', 0o600);
    child = spawn(spec.file, [...spec.args], {
      cwd: spec.cwd,
      env: { ...spec.env },
      ...(spec.runAs ? { uid: spec.runAs.uid, gid: spec.runAs.gid } : {}),
      stdio: ['ignore', spec.announces ? 'pipe' : log, log],
    });
  } catch (error) {
    refuse(systemCode(error) ?? 'UNKNOWN', String(error));
    return;
  }
  child.once('error', (error) => {
    if (child.pid !== undefined) return;
    closeSync(log);
    refuse(systemCode(error) ?? 'UNKNOWN', error.message);
  });
  if (child.pid === undefined) return;
  const pid = child.pid;
  running.set(spec.name, { spec, child, mark: markProcess(pid) ?? { pid, identity: '' } });
  writeRecord();
  send({ id, pid });
  announceFirstJsonLine(spec, child, log);
  child.once('close', (code, signal) => {
    closeSync(log);
    running.delete(spec.name);
    writeRecord();
    send({ exited: spec.name, pid, exit: { code, signal } });
  });
}

async function stop(kept: Kept): Promise<void> {
  const closed = new Promise((resolve) => kept.child.once('close', resolve));
  await endProcess(kept.mark, kept.spec.stop);
  await closed;
}

async function stopEverything(): Promise<void> {
  if (ending) return;
  ending = true;
  const inOrder = [...new Set([...running.values()].map(({ spec }) => spec.stage))].sort(
    (a, b) => a - b,
  );
  for (const stage of inOrder) {
    const those = [...running.values()].filter(({ spec }) => spec.stage === stage);
    await Promise.all(those.map((kept) => stop(kept)));
  }
  rmSync(recordFile, { force: true });
  process.exit(0);
}

async function obey(request: KeeperRequest): Promise<void> {
  if ('start' in request) {
    start(request.id, request.start);
    return;
  }
  const kept = running.get(request.stop);
  if (kept) await stop(kept);
  send({ id: request.id });
}

// The parent may be gone when a message is due.
process.stdout.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', () => void stopEverything());
createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as KeeperRequest))
  .on('close', () => void stopEverything());
writeRecord();
