import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessExit } from '../../src/servers/keeper-protocol';
import { deferred, type Deferred } from '../../src/servers/deferred';
import { supervise, type Running } from '../../src/main/supervise';

interface Fake extends Running {
  readonly number: number;
  crash(exit?: ProcessExit): void;
}

let started: Fake[];
let said: string[];
let ending: AbortController;
let held: boolean;

beforeEach(() => {
  started = [];
  said = [];
  ending = new AbortController();
  held = false;
});
afterEach(() => ending.abort());

function fake(): Fake {
  const end: Deferred<ProcessExit> = deferred();
  const process: Fake = {
    number: started.length,
    exited: end.promise,
    crash: (exit = { code: 1, signal: null }) => end.resolve(exit),
    stop: () => {
      end.resolve({ code: 0, signal: null });
      return Promise.resolve();
    },
  };
  started.push(process);
  return process;
}

const watch = (start: () => Promise<Fake> = () => Promise.resolve(fake())) =>
  supervise({
    name: 'api',
    start,
    onRestart: () => undefined,
    warn: (text) => said.push(text),
    isHeld: () => held,
    ending: ending.signal,
  });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe('a supervised process', () => {
  it('is started again after a crash, and the operator is told', async () => {
    const part = await watch();
    started[0]?.crash();
    await until(() => started.length === 2);
    await until(() => said.length === 2);
    expect(part.current().number).toBe(1);
    expect(said).toEqual(['api ended (exit code 1); starting it again in 0.5 s', 'api runs again']);
  });

  it('is started again also when a start fails', async () => {
    let failures = 1;
    await watch(() =>
      started.length === 1 && failures-- > 0
        ? Promise.reject(new Error('no port'))
        : Promise.resolve(fake()),
    );
    started[0]?.crash({ code: null, signal: 'SIGKILL' });
    await until(() => started.length === 2);
    expect(said.slice(0, 2)).toEqual([
      'api ended (SIGKILL); starting it again in 0.5 s',
      'api could not be started: no port',
    ]);
  });

  it('is replaced on request without being called a crash', async () => {
    const part = await watch();
    await part.restart();
    expect(part.current().number).toBe(1);
    await part.restart();
    expect(part.current().number).toBe(2);
    expect(said).toEqual([]);
  });

  it('stays down as long as it is held', async () => {
    await watch();
    held = true;
    started[0]?.crash({ code: 0, signal: null });
    await sleep(900);
    expect(started).toHaveLength(1);
    held = false;
    await until(() => started.length === 2);
    expect(said[0]).toBe('api ended (exit code 0); it stays down until: bin/dev start api');
  });

  it('is left alone once the system ends', async () => {
    await watch();
    ending.abort();
    started[0]?.crash();
    await sleep(700);
    expect(started).toHaveLength(1);
    expect(said).toEqual([]);
  });

  it('fails its first start loudly', async () => {
    await expect(watch(() => Promise.reject(new Error('no port')))).rejects.toThrow('no port');
  });
});
