import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { permissions } from '../../src/domain/identity/roles.rules';
import {
  isRunning,
  markProcess,
  waitForEnd,
  type ProcessMark,
} from '../../src/servers/process-identity';
import type { RunFile } from '../../src/servers/run-file';
import { newStateFolder, removeStateFolder } from '../servers/state-folder';

jest.setTimeout(120_000);

const root = join(__dirname, '..', '..');
let stateDir: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  stateDir = newStateFolder();
});
afterAll(async () => {
  for (const child of children) await ended(child, 'SIGTERM');
  removeStateFolder(stateDir);
});

interface Command extends ChildProcess {
  readonly output: () => string;
}

function start(command: string, ...rest: (string | Record<string, string>)[]): Command {
  const args = rest.filter((word) => typeof word === 'string');
  const variables = rest.filter((word) => typeof word !== 'string');
  const child = spawn(join(root, 'bin', command), args, {
    cwd: '/',
    env: Object.assign(
      { ...process.env, USHER_STATE_DIR: stateDir },
      ...variables,
    ) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  children.push(child);
  return Object.assign(child, { output: () => text });
}

async function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (signal) child.kill(signal);
  return closed;
}

async function startDev(): Promise<Command> {
  const dev = start('dev');
  while (!dev.output().includes('Ctrl-C stops everything')) {
    if (dev.exitCode !== null) throw new Error(dev.output());
    await sleep(50);
  }
  return dev;
}

const partsOfRunFile = 'api backend mailbox objects owner_key postgres temporal worker'.split(' ');

const runFile = () => JSON.parse(readFileSync(join(stateDir, 'run.json'), 'utf8')) as RunFile;

function processesOf(run: RunFile): ProcessMark[] {
  const pids = [run.postgres.pid, run.temporal.pid, run.mailbox.pid, run.backend.pid];
  return [...pids, ...run.api.pids, ...run.worker.pids].flatMap(
    (pid) => markProcess(pid ?? 0) ?? [],
  );
}

describe('bin/demo --once', () => {
  it('leads an invite to an active tenant and its first key, exits 0, and leaves no error in its logs', async () => {
    const demo = start('demo', '--once');
    expect([await ended(demo), demo.output()]).toEqual([
      0,
      expect.stringContaining('tenant active'),
    ]);
    for (const step of [
      'invite created',
      'mail arrived',
      'link opened',
      'invite accepted',
      'API key issued',
      'API key verified',
      'Total',
    ]) {
      expect(demo.output()).toContain(step);
    }
    for (const name of readdirSync(join(stateDir, 'logs'))) {
      const log = readFileSync(join(stateDir, 'logs', name), 'utf8');
      expect(log).not.toMatch(/"level":"(error|fatal)"|ERROR|FATAL|PANIC/);
    }
    expect(readdirSync(stateDir)).not.toContain('run.json');
  });
});

describe('bin/dev', () => {
  let dev: Command;

  beforeAll(async () => {
    dev = await startDev();
  });

  it('writes run.json, by which everything can be reached', async () => {
    const run = runFile();
    expect(statSync(join(stateDir, 'run.json')).mode & 0o777).toBe(0o600);
    expect(processesOf(run)).toHaveLength(6);
    expect(Object.keys(run).sort()).toEqual(partsOfRunFile);
    const close = { connection: 'close' };
    const ready = await fetch(`${run.api.url}/readyz`, { headers: close });
    const me = await fetch(`${run.api.url}/me`, {
      headers: { ...close, 'x-api-key': run.owner_key },
    });
    const mails = await fetch(`${run.mailbox.url ?? ''}/api/messages`, { headers: close });
    const objects = await fetch(`${run.objects.url ?? ''}/usher-audit`, { headers: close });
    const answers = [ready.status, me.status, mails.status, objects.status];
    // Of the store a stranger is only told that he is one.
    expect(answers).toEqual([200, 200, 200, 403]);
    const { permissions: held } = (await me.json()) as { permissions: string[] };
    expect(held.sort()).toEqual([...permissions].sort());
  });

  it('says where it runs when it is started a second time, and exits non-zero', async () => {
    for (const command of ['dev', 'demo']) {
      const second = start(command);
      expect(await ended(second)).toBe(1);
      const place = `is running already (process ${String(dev.pid)}), at ${runFile().api.url}`;
      expect(second.output()).toContain(place);
    }
  });

  it('starts a part again that was killed, and writes its new number into run.json', async () => {
    const before = runFile();
    const [api, temporal] = [before.api.pids[0], before.temporal.pid];
    for (const pid of [api, temporal]) process.kill(pid ?? 0, 'SIGKILL');
    while (runFile().temporal.pid === temporal || runFile().api.pids[0] === api) await sleep(50);
    expect(runFile()).toMatchObject({
      api: { url: before.api.url },
      temporal: { address: before.temporal.address },
      postgres: before.postgres,
    });
  });

  it('keeps a part down between `stop` and `start`', async () => {
    const { pid } = runFile().backend;
    const backend = markProcess(pid);
    expect(await ended(start('dev', 'stop', 'backend'))).toBe(0);
    expect(backend && (await waitForEnd(backend, 5_000))).toBe(true);
    await sleep(1_000);
    expect(runFile().backend.pid).toBe(pid);
    expect(await ended(start('dev', 'start', 'backend'))).toBe(0);
    while (runFile().backend.pid === pid) await sleep(50);
  });

  it('names the parts there are to somebody who asks for another', async () => {
    const unknown = start('dev', 'stop', 'everything');
    expect(await ended(unknown)).toBe(1);
    expect(unknown.output()).toContain('Parts: postgres, temporal');
  });

  it('refuses an option that it does not know', async () => {
    const odd = start('dev', '--fast');
    expect(await ended(odd)).toBe(2);
    expect(odd.output()).toContain('does not know --fast');
  });

  it('configures bin/usher', async () => {
    const list = start('usher', 'onboarding', 'list');
    expect([await ended(list), list.output()]).toEqual([0, expect.any(String)]);
  });

  it('leaves nothing behind when it is killed, and starts again with the same key', async () => {
    const { owner_key } = runFile();
    const processes = processesOf(runFile());
    await ended(dev, 'SIGKILL');
    for (const mark of processes) expect(await waitForEnd(mark, 30_000)).toBe(true);
    dev = await startDev();
    expect(runFile().owner_key).toBe(owner_key);
  });

  it('stops everything on Ctrl-C, takes run.json away and exits 0', async () => {
    const processes = processesOf(runFile());
    expect(await ended(dev, 'SIGINT')).toBe(0);
    expect(processes.filter((mark) => isRunning(mark))).toEqual([]);
    expect(readdirSync(stateDir)).not.toContain('run.json');
  });

  it('says which configured port is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, resolve));
    const { port } = blocker.address() as { port: number };
    const refused = start('dev', { ADDR: `:${String(port)}` });
    expect(await ended(refused)).toBe(1);
    expect(refused.output()).toContain(`Port ${String(port)} (ADDR=:${String(port)}) is in use`);
    await new Promise((resolve) => blocker.close(resolve));
  });
});

describe('bin/usher', () => {
  it('says what is missing where no system runs', async () => {
    const list = start('usher', 'onboarding', 'list');
    expect(await ended(list)).not.toBe(0);
    expect(list.output()).toMatch(/bin\/dev|DATABASE_URL/);
  });
});
