import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKeeper, type Keeper } from '../../src/servers/keeper-client';
import type { KeptSpec } from '../../src/servers/keeper-protocol';
import { stopLeftovers } from '../../src/servers/leftovers';
import {
  isRunning,
  markProcess,
  waitForEnd,
  type ProcessMark,
} from '../../src/servers/process-identity';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from './state-folder';

const root = join(__dirname, '..', '..');
let stateDir: string;
let keeper: Keeper | undefined;

beforeAll(buildSources);
beforeEach(() => {
  stateDir = newStateFolder();
  keeper = undefined;
});
afterEach(async () => {
  await keeper?.close();
  removeStateFolder(stateDir);
});

/** A process that notes when it is told to stop, a tenth of a second before it ends. */
function noteTaker(name: string, stage: number): KeptSpec {
  const notes = JSON.stringify(join(stateDir, 'notes'));
  const script = `
    process.on('SIGTERM', () => {
      require('fs').appendFileSync(${notes}, '${name} ');
      setTimeout(() => process.exit(0), 100);
    });
    setInterval(() => {}, 1000);
    console.log(JSON.stringify({ name: '${name}' }));`;
  return {
    name,
    file: process.execPath,
    args: ['-e', script],
    env: {},
    cwd: stateDir,
    logFile: join(stateDir, 'logs', `${name}.log`),
    announces: true,
    stage,
    stop: [['SIGTERM', 5_000]],
  };
}

const notes = () => readFileSync(join(stateDir, 'notes'), 'utf8').trim().split(' ');

/** A parent process with a keeper that runs note takers; answers it once they are ready. */
async function startParent(): Promise<{ parent: ProcessMark; kept: ProcessMark[] }> {
  const specs = [noteTaker('database', 3), noteTaker('program', 0), noteTaker('tool', 1)];
  const client = JSON.stringify(join(root, 'dist', 'src', 'servers', 'keeper-client.js'));
  const ready = join(stateDir, 'ready');
  const script = `
    const { startKeeper } = require(${client});
    const keeper = startKeeper({ stateDir: ${JSON.stringify(stateDir)} });
    Promise.all(${JSON.stringify(specs)}.map(async (spec) => {
      const kept = await keeper.start(spec);
      await kept.ready;
      return kept.pid;
    })).then((pids) => require('fs').writeFileSync(${JSON.stringify(ready)}, JSON.stringify([keeper.pid, ...pids])));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  const parent = markProcess(child.pid ?? 0);
  if (parent === null) throw new Error('the parent did not start');
  while (!existsSync(ready) || readFileSync(ready, 'utf8') === '') await sleep(20);
  const pids = JSON.parse(readFileSync(ready, 'utf8')) as number[];
  return { parent, kept: pids.flatMap((pid) => markProcess(pid) ?? []) };
}

describe('a keeper', () => {
  it('stops everything, program before tool before database, when its parent is killed', async () => {
    const { parent, kept } = await startParent();
    expect(kept).toHaveLength(4);
    process.kill(parent.pid, 'SIGKILL');
    for (const mark of kept) expect(await waitForEnd(mark, 20_000)).toBe(true);
    expect(notes()).toEqual(['program', 'tool', 'database']);
    expect(readdirSync(join(stateDir, 'keepers'))).toEqual([]);
  });

  it('stops everything in that order when it is closed', async () => {
    keeper = startKeeper({ stateDir });
    for (const spec of [noteTaker('database', 3), noteTaker('program', 0)]) {
      await (
        await keeper.start(spec)
      ).ready;
    }
    await keeper.close();
    expect(notes()).toEqual(['program', 'database']);
  });

  it('hands on what a process announces, and keeps it in the log', async () => {
    keeper = startKeeper({ stateDir });
    const kept = await keeper.start(noteTaker('tool', 1));
    expect(await kept.ready).toEqual({ name: 'tool' });
    await kept.stop();
    expect(readFileSync(join(stateDir, 'logs', 'tool.log'), 'utf8')).toBe('{"name":"tool"}\n');
  });

  it('tells how a process ended, and that it was not ready', async () => {
    keeper = startKeeper({ stateDir });
    const kept = await keeper.start({ ...noteTaker('tool', 1), args: ['-e', 'process.exit(3)'] });
    expect(await kept.exited).toEqual({ code: 3, signal: null });
    await expect(kept.ready).rejects.toThrow('tool ended (exit code 3) before it was ready');
  });

  it('says by its code why a program cannot be run', async () => {
    keeper = startKeeper({ stateDir });
    const missing = { ...noteTaker('tool', 1), file: join(stateDir, 'missing') };
    await expect(keeper.start(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(keeper.start({ ...missing, file: stateDir })).rejects.toMatchObject({
      code: 'EACCES',
    });
  });

  it('runs a name again once it has ended, and not before', async () => {
    keeper = startKeeper({ stateDir });
    const first = await keeper.start(noteTaker('tool', 1));
    await first.ready;
    await expect(keeper.start(noteTaker('tool', 1))).rejects.toThrow('tool runs already');
    await first.stop();
    const second = await keeper.start(noteTaker('tool', 1));
    expect(second.pid).not.toBe(first.pid);
  });

  it('kills a process that does not listen to its signal', async () => {
    keeper = startKeeper({ stateDir });
    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('{}')`;
    const kept = await keeper.start({
      ...noteTaker('tool', 1),
      args: ['-e', deaf],
      stop: [['SIGTERM', 100]],
    });
    await kept.ready;
    await kept.stop();
    expect(await kept.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});

describe('what a killed keeper left', () => {
  it('is stopped in order by the next start', async () => {
    const { parent, kept } = await startParent();
    const [keeperMark, ...processes] = kept;
    process.kill(keeperMark?.pid ?? 0, 'SIGKILL');
    process.kill(parent.pid, 'SIGKILL');
    expect(await waitForEnd(parent, 5_000)).toBe(true);
    expect(processes.filter((mark) => isRunning(mark))).toHaveLength(3);
    expect(await stopLeftovers(stateDir)).toEqual(['program', 'tool', 'database']);
    expect(processes.filter((mark) => isRunning(mark))).toHaveLength(0);
    expect(notes()).toEqual(['program', 'tool', 'database']);
  });

  it('is not looked for where the parent still runs', async () => {
    keeper = startKeeper({ stateDir });
    const kept = await keeper.start(noteTaker('tool', 1));
    await kept.ready;
    expect(await stopLeftovers(stateDir)).toEqual([]);
    expect(markProcess(kept.pid)).not.toBeNull();
  });

  it('does not include a later process with the same number', async () => {
    keeper = startKeeper({ stateDir });
    const kept = await keeper.start(noteTaker('tool', 1));
    await kept.ready;
    const stranger = {
      pid: kept.pid,
      identity: 'of a process that ended',
      name: 'tool',
      stage: 1,
      stop: [],
    };
    const record = { keeper: { pid: 1, identity: 'gone' }, parent: null, processes: [stranger] };
    writeFileSync(join(stateDir, 'keepers', '1.json'), JSON.stringify(record));
    expect(await stopLeftovers(stateDir)).toEqual([]);
    expect(markProcess(kept.pid)).not.toBeNull();
  });

  it('is forgotten when its record was cut short', async () => {
    keeper = startKeeper({ stateDir });
    await (
      await keeper.start(noteTaker('tool', 1))
    ).ready;
    writeFileSync(join(stateDir, 'keepers', '1.json'), '{"keeper":{"pid"');
    expect(await stopLeftovers(stateDir)).toEqual([]);
    expect(existsSync(join(stateDir, 'keepers', '1.json'))).toBe(false);
  });
});
